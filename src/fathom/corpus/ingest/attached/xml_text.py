"""From XML to text: runs in the parser process.

An element a line, indented, with its attributes and text; a long file begins with an overview, which elements there are
at which path and how often. The parser is expat, which fetches nothing; entities of a file's own are refused, since a
few of them can stand for gigabytes.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers import expat

from fathom.core.errors import InputError

SHORT_CHARS = 4000
_MAX_DEPTH, _PATHS, _EXAMPLE_CHARS = 200, 120, 60
_BLOCK = 2**16


def extract(path: str, name: str, limit: int) -> Iterator[dict[str, Any]]:
    """One part, the text of the file, up to `limit` characters. Raises `InputError` without a source: before any part
    where it is no XML at all, after it where the file is damaged."""
    outline = _Outline(limit)
    problem = None
    with Path(path).open("rb") as file:
        try:
            while block := file.read(_BLOCK):
                outline.parser.Parse(block, False)
            outline.parser.Parse(b"", True)
        except expat.ExpatError as error:
            problem = InputError("", "corrupt", f"not well-formed XML ({error}); the begin was kept")
        except InputError as error:
            problem = error
    outline.flush()
    if outline.lines:
        yield outline.part(name)
    if problem is not None:
        raise problem


class _Outline:
    """The lines of a file as its elements come."""

    def __init__(self, limit: int) -> None:
        self.lines: list[str] = []
        self.chars = self.left_out = 0
        self._limit = limit
        self._open: list[str] = []
        self._head, self._text = "", []  # type: str, list[str]
        self._counts: dict[str, int] = {}
        self._examples: dict[str, str] = {}
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data
        self.parser.EntityDeclHandler = self._refuse

    def _refuse(self, *_: Any) -> None:
        raise InputError("", "unsupported", "it declares entities of its own, which are not followed")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.flush()
        if len(self._open) >= _MAX_DEPTH:
            raise InputError("", "oversized", f"nested deeper than {_MAX_DEPTH} elements; the begin was kept")
        said = "".join(f' {key}="{" ".join(value.split())}"' for key, value in attributes.items())
        self._head = f"{' ' * len(self._open)}{tag}{said}"
        self._open.append(tag)
        path = "/".join(self._open)
        if path in self._counts or len(self._counts) <= 20 * _PATHS:
            self._counts[path] = self._counts.get(path, 0) + 1

    def _end(self, tag: str) -> None:
        self.flush()
        self._open.pop()

    def _data(self, text: str) -> None:
        self._text.append(text)

    def flush(self) -> None:
        """Write the element that was begun, or the text that stands between elements."""
        text = " ".join("".join(self._text).split())
        self._text.clear()
        if text and self._open:
            self._examples.setdefault("/".join(self._open), text)
        if self._head:
            line = f"{self._head}: {text}" if text else self._head
        elif text:
            line = f"{' ' * len(self._open)}{text}"
        else:
            return
        self._head = ""
        if self.left_out or self.chars + len(line) > self._limit:
            self.left_out += 1
            return
        self.chars += len(line) + 1
        self.lines.append(line)

    def part(self, name: str) -> dict[str, Any]:
        """The text with its overview where it is long."""
        text = "\n".join(self.lines)
        left_out = f"the last {self.left_out:,} lines are left out" if self.left_out else ""
        if len(text) <= SHORT_CHARS and not left_out:
            return {"text": text, "overview": 0, "left_out": ""}
        rows = [f"XML {name}: elements by path, with count and an example:"]
        for path, count in list(self._counts.items())[:_PATHS]:
            example = self._examples.get(path, "")
            cut = example if len(example) <= _EXAMPLE_CHARS else f"{example[:_EXAMPLE_CHARS]}..."
            rows.append(f"{path} ({count:,})" + (f", e.g. {cut}" if cut else ""))
        if len(self._counts) > _PATHS:
            rows.append(f"({len(self._counts) - _PATHS:,} more paths)")
        overview = "\n".join(rows)
        return {"text": f"{overview}\n\n{text}", "overview": len(overview), "left_out": left_out}
