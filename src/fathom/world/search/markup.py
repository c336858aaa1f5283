"""HTML and XML fragments as plain text, and HTML as a flat sequence of tags.

Linear in the length of any input, by construction: services answer with markup of a few kinds, and a tree parser that a
hostile page can hold for a minute has no place in the event loop.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

_TAG = re.compile(r"<[^<>]*>")
_NAME = re.compile(r"/?[A-Za-z][A-Za-z0-9:-]*")
_ATTRIBUTE = re.compile(r"""(?<![\w-])([\w-]+)\s{0,8}=\s{0,8}(?:"([^"]*)"|'([^']*)')""")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LONGEST_TAG = 8000


def one_line(text: str, longest: int) -> str:
    """`text` without control characters and lone surrogates, blanks collapsed, cut to `longest` characters."""
    return " ".join(_CONTROL.sub(" ", text[: 4 * longest]).split())[:longest].rstrip()


def plain(markup: str) -> str:
    """The text of a fragment: tags out, character references resolved."""
    return html.unescape(_TAG.sub("", markup))


@dataclass(frozen=True)
class Tag:
    """A tag as it stands: `name` in lower case with a slash before it where it ends an element, and the text from
    there to the next tag."""

    name: str
    attributes: str
    text: str

    def attribute(self, name: str) -> str:
        """The value of an attribute, references resolved; empty where there is none."""
        for match in _ATTRIBUTE.finditer(self.attributes):
            if match[1].lower() == name:
                return html.unescape(match[2] if match[2] is not None else match[3])
        return ""

    @property
    def classes(self) -> frozenset[str]:
        return frozenset(self.attribute("class").split())


def tags(page: str) -> Iterator[Tag]:
    """The tags of an HTML page in order. A `>` inside an attribute ends the tag there; services escape it."""
    for piece in page.split("<")[1:]:
        inside, closed, text = piece.partition(">")
        name = _NAME.match(inside)
        if name and closed and len(inside) <= _LONGEST_TAG:
            yield Tag(name[0].lower(), inside[name.end() :], html.unescape(text))
