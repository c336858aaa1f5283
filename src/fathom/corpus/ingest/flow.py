"""Running text put together from tags and pieces: blanks collapsed, blocks parted, links with their places.

Used in the parser process by the readers of HTML and of wikitext.
"""

import re
from typing import Any

_PARAGRAPHS = frozenset(
    "p h1 h2 h3 h4 h5 h6 ul ol dl table pre blockquote section article main header figure hr details address".split()
)
_LINES = frozenset("div li dt dd tr caption figcaption br center summary legend fieldset tbody thead tfoot".split())
_CELLS = frozenset({"td", "th"})
BLANKS = re.compile(r"[ \t\n\r\f\u00a0]+")


class Flow:
    """Builds the text. What parts it from the next piece is kept back until there is one."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = self._gap = self._pre = 0
        self._cells = False
        self._widest = 3  # of the next gap: at the begin of a cell a block does not part it from its row
        self._open_links: list[tuple[str, int]] = []
        self._links: list[list[Any]] = []

    def __len__(self) -> int:
        return self._length

    def open(self, tag: str, href: str = "") -> None:
        self._edge(tag)
        if tag == "pre":
            self._pre += 1
        elif tag in _CELLS:
            self._cells = self._gap < 2 and self._length > 0
            self._widest = self._gap
        elif tag == "a":
            self._open_links.append((href, len(self._parts)))

    def close(self, tag: str) -> None:
        self._edge(tag)
        if tag == "pre":
            self._pre = max(0, self._pre - 1)
        elif tag in _CELLS:
            self._gap = 1
        elif tag == "a" and self._open_links:
            href, part = self._open_links.pop()
            inside = "".join(self._parts[part:])
            anchor = inside.strip()
            if href:
                lead = len(inside) - len(inside.lstrip())
                self._links.append([href, anchor, self._length - len(inside) + lead if anchor else -1])

    def _edge(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self._gap = 3
        elif tag in _LINES:
            self._gap = max(self._gap, 2)
        elif tag in _CELLS:
            self._gap = max(self._gap, 1)

    def part(self, gap: int) -> None:
        """Let the next text be parted from this one by at least `gap`: 1 blank, 2 line, 3 paragraph."""
        self._gap = max(self._gap, gap)

    def line_end(self) -> None:
        """End the line; twice without text between ends the paragraph."""
        self._gap = 3 if self._gap >= 2 else 2

    def ends_with(self, char: str) -> bool:
        return bool(self._parts) and self._parts[-1].endswith(char)

    def take_back(self, char: str) -> None:
        """Take `char`, with which the text ends, and the blanks before it off again."""
        last = self._parts[-1].removesuffix(char).rstrip()
        self._length -= len(self._parts[-1]) - len(last)
        self._parts[-1] = last

    def text(self, text: str) -> None:
        if self._pre:
            self._put(text)
            return
        text = BLANKS.sub(" ", text)
        if text.startswith(" "):
            self._gap = max(self._gap, 1)
        if len(text) > 1 or text != " ":
            self._put(text.strip(" "))
        if text.endswith(" "):
            self._gap = max(self._gap, 1)

    def _put(self, text: str) -> None:
        if not text:
            return
        if self._length:
            self._gap = min(self._gap, self._widest)
            if self._gap > 1 or self._cells:
                self._trim()
            gap = " | " if self._cells else ("", " ", "\n", "\n\n")[self._gap]
            if gap:
                self._parts.append(gap)
                self._length += len(gap)
        self._gap, self._widest, self._cells = 0, 3, False
        self._parts.append(text)
        self._length += len(text)

    def _trim(self) -> None:
        """Take line ends off the end, which only `pre` leaves there."""
        last = self._parts[-1].rstrip()
        self._length -= len(self._parts[-1]) - len(last)
        self._parts[-1] = last

    def result(self) -> dict[str, Any]:
        while self._open_links:
            self.close("a")
        if self._parts:
            self._trim()
        return {"text": "".join(self._parts), "links": sorted(self._links, key=_place)}


def _place(link: list[Any]) -> int:
    return int(link[2])
