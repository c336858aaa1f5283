"""From wikitext to text with links: runs in the parser process.

References and comments are cut by a linear scan first: they are a good part of a page and the slowest to parse. Of the
rest mwparserfromhell makes a tree, from which text, links and table cells are taken; templates go, except a few that
only wrap words. `strip` is the way for pages that cannot be parsed in time: one linear scan, text without links.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fathom.corpus.ingest.flow import Flow

_CUT = re.compile(r"<!--|-->|<ref\b[^<>]*>|</ref\s*>", re.IGNORECASE)
_DROPPED_TAGS = frozenset(
    "ref references gallery math chem timeline imagemap score syntaxhighlight source hiero graph mapframe maplink "
    "templatestyles style script inputbox categorytree section indicator ce".split()
)
_SWITCH = re.compile(r"__[A-Z]{3,}__")
_STRAY = re.compile(r"</?[a-zA-Z]+(?:\s[^<>\n]{0,200})?/?>")  # a tag without its partner is text to the parser
# Which positional parameters of a template are words of the sentence it stands in.
_WORDS = {
    "lang": (2,),
    "transl": (2, 3),
    "nowrap": (1,),
    "nobr": (1,),
    "small": (1,),
    "big": (1,),
    "abbr": (1,),
    "convert": (1, 2),
    "cvt": (1, 2),
    "val": (1,),
    "formatnum": (1,),
    "circa": (1,),
    "as of": (1, 2, 3),
    "quote": (1,),
    "blockquote": (1,),
    "cquote": (1,),
    "ill": (1,),
    "interlanguage link": (1,),
}
_LEADING = {"circa": "c. ", "as of": "As of "}
_OTHER_WIKI = re.compile(r"[a-z][a-z-]{1,11}:(?=\S)")  # "fr:", "wikt:"; titles begin with a capital
_DEEPEST = 40  # the parser's own limit for nested nodes


def extract(wikitext: str, spaces: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """One part: text, links as [target, anchor, offset], categories. `spaces` maps lower-case names of namespaces to
    "category", "file" or "other"."""
    import mwparserfromhell

    page = _Page(spaces)
    page.walk(mwparserfromhell.parse(_without_notes(wikitext), skip_style_tags=True).nodes, 0)
    yield {**page.flow.result(), "categories": page.categories}


def strip(wikitext: str) -> Iterator[dict[str, Any]]:
    """One part as of `extract`, without links and categories: what stands outside templates, tables and tags."""
    flow = Flow()
    depth = 0
    at = 0
    text = _without_notes(wikitext)
    for mark in re.finditer(r"\{\{|\}\}|\{\||\|\}|\[\[(?:[^\[\]|{}]*\|)?|\]\]|'{2,}|<[^<>]{0,200}>|=={1,5}", text):
        if depth == 0:
            _put_lines(flow, text[at : mark.start()])
        at = mark.end()
        if mark.group() in ("{{", "{|"):
            depth += 1
        elif mark.group() in ("}}", "|}"):
            depth = max(0, depth - 1)
    if depth == 0:
        _put_lines(flow, text[at:])
    yield {**flow.result(), "categories": []}


def _without_notes(text: str) -> str:
    """Without comments and references; what is never closed stays."""
    parts = []
    at = 0
    opened: re.Match[str] | None = None
    for mark in _CUT.finditer(text):
        sign = mark.group().lower()
        if opened is None:
            if sign == "<!--" or (sign.startswith("<ref") and not sign.endswith("/>")):
                opened = mark
        elif sign == "-->" if opened.group() == "<!--" else sign.startswith("</ref"):
            parts.append(text[at : opened.start()])
            at, opened = mark.end(), None
    parts.append(text[at:])
    return "".join(parts)


def _put_lines(flow: Flow, text: str) -> None:
    first, *rest = text.split("\n")
    flow.text(first)
    for line in rest:
        # An empty line parts paragraphs: two line ends come without text between them.
        flow.line_end()
        flow.text(line.lstrip("*#;:"))


class _Page:
    def __init__(self, spaces: Mapping[str, str]) -> None:
        self.flow = Flow()
        self.categories: list[str] = []
        self._spaces = spaces
        self._left_out = False

    def walk(self, nodes: Sequence[Any], depth: int) -> None:
        if depth > _DEEPEST:
            return
        for node in nodes:
            getattr(self, f"_{type(node).__name__.lower()}", self._nothing)(node, depth)

    def _nothing(self, node: Any, depth: int) -> None:
        """Comments and arguments of templates."""

    def _text(self, node: Any, depth: int) -> None:
        text = str(node.value)
        if "''" in text:
            text = re.sub("'{2,}", "", text)
        if "<" in text:
            text = _STRAY.sub("", text)
        text = _SWITCH.sub("", text)
        if self._left_out and self.flow.ends_with("("):
            # What a template between brackets leaves behind: "Ada (; born 1815)", "Ada () was".
            text = text.lstrip(" ,;")
            if text.startswith(")"):
                self.flow.take_back("(")
                text = text[1:]
        self._left_out = False
        _put_lines(self.flow, text)

    def _htmlentity(self, node: Any, depth: int) -> None:
        try:
            self.flow.text(node.normalize())
        except (ValueError, OverflowError):  # a number that is no character
            return

    def _heading(self, node: Any, depth: int) -> None:
        self.flow.part(3)
        self.walk(node.title.nodes, depth + 1)
        self.flow.part(3)

    def _externallink(self, node: Any, depth: int) -> None:
        if node.title is not None:
            self.walk(node.title.nodes, depth + 1)
        elif not node.brackets:
            self.flow.text(str(node.url))

    def _wikilink(self, node: Any, depth: int) -> None:
        target = str(node.title).strip()
        shown = (node.text or node.title).nodes
        prefix, colon, rest = target.removeprefix(":").partition(":")
        space = self._spaces.get(prefix.strip().lower().replace("_", " "), "") if colon else ""
        inline = target.startswith(":") or space == "other"
        if space == "category" and not inline:
            self.categories.append(rest.strip())
        elif (space == "file" and not inline) or (_OTHER_WIKI.match(target) and node.text is None):
            return
        elif space or _OTHER_WIKI.match(target):
            self.walk(shown, depth + 1)
        else:
            self.flow.open("a", target)
            self.walk(shown, depth + 1)
            self.flow.close("a")

    def _template(self, node: Any, depth: int) -> None:
        name = str(node.name).strip().lower().replace("_", " ")
        places = _WORDS.get(name)
        if places is None:
            self._left_out = True
            return
        leading = _LEADING.get(name, "")
        self.flow.text(leading.lower() if node.has("lc") else leading)
        for number, place in enumerate(places):
            value = node.get(place, None)
            if value is not None:
                self.flow.part(1 if number else 0)
                self.walk(value.value.nodes, depth + 1)

    def _tag(self, node: Any, depth: int) -> None:
        tag = str(node.tag).strip().lower()
        if tag in _DROPPED_TAGS:
            return
        if tag == "nowiki":
            self.flow.text(str(node.contents))
            return
        nodes = node.contents.nodes if node.contents is not None and not node.self_closing else []
        if tag == "td" and nodes and str(nodes[0]).startswith("+"):
            # "|+ title": the parser takes it for a cell.
            tag, nodes[0].value = "caption", str(nodes[0])[1:]
        self.flow.open(tag)
        self.walk(nodes, depth + 1)
        self.flow.close(tag)
