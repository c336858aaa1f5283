"""JSON lines (`{"title": ..., "text": ...}` a line, packed or not) and a JSON list of such objects.

Keys: text (needed), title, url, id, and where there are such categories, links, aliases, lang, licence or
license, date.
A link is `{"target", "anchor", "offset"}` or just the target; a place at which the anchor does not stand counts as
unknown. Other keys are ignored. A record that does not fit is left out and the reading goes on.
"""

import codecs
import json
from collections.abc import Iterator
from typing import Any

from fathom.core.errors import InputError
from fathom.corpus.document import Document, Link
from fathom.corpus.ingest.encoding import mend
from fathom.corpus.ingest.source import Source
from fathom.corpus.ingest.unpack import Stream

_TITLE_CHARS = 80
_BLOCK = 2**16
_LONGEST_TOKEN = 16  # "-Infinity" and "\\uXXXX\\uXXXX" may be cut by the end of what was read


def read_json_lines(source: Source, stream: Stream) -> Iterator[Document]:
    """A document per line that holds one. Raises `InputError` where the file is damaged beyond going on."""
    for offset, line in stream.lines(source.options.document_bytes):
        if line is None:
            source.skip(source.error("oversized", f"a line over {source.options.document_bytes} bytes", offset))
            continue
        if offset == 0:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            kind: InputError.Kind = "corrupt" if line.endswith(b"\n") else "truncated"
            source.skip(source.error(kind, f"not JSON ({error})", offset))
            continue
        yield from _from_row(source, row, offset)


def read_json_list(source: Source, stream: Stream) -> Iterator[Document]:
    """A document per object of one JSON list, holding one object at a time. Raises `InputError` at the first place that
    is no JSON, since there is no telling where the next object begins."""
    decoder = json.JSONDecoder()
    text = _Text(source, stream)
    if text.next_char() != "[":
        raise source.error("unsupported", "not a list of objects, nor an object per line", 0)
    text.take("[")
    if text.next_char() == "]":
        return
    while True:
        offset = text.position
        yield from _from_row(source, text.value(decoder), offset)
        if text.next_char() == "]":
            return
        text.take(",")


class _Text:
    """The text of a stream, decoded as it is needed. `position` is exact in a plain file."""

    def __init__(self, source: Source, stream: Stream) -> None:
        self._source, self._stream = source, stream
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at = "", 0
        self._passed = 3 if stream.peek(3) == b"\xef\xbb\xbf" else 0

    @property
    def position(self) -> int:
        return self._stream.position if self._stream.packed else self._passed

    def next_char(self) -> str:
        """The next character that is no blank, which is not taken."""
        while True:
            rest = self._text[self._at :]
            stripped = rest.lstrip(" \t\r\n")
            self._move(len(rest) - len(stripped))
            if stripped:
                return stripped[0]
            if not self._grow(_BLOCK):
                raise self._source.error("truncated", "the list does not end", self.position)

    def take(self, char: str) -> None:
        found = self.next_char()
        if found != char:
            raise self._source.error("corrupt", f"{char!r} was to follow, not {found!r}", self.position)
        self._move(1)

    def value(self, decoder: json.JSONDecoder) -> Any:
        """The next JSON value. The text is doubled until it decodes, so the work stays linear."""
        if self.next_char() != "{":
            raise self._source.error("corrupt", "not an object", self.position)
        limit = self._source.options.document_bytes
        wanted = _BLOCK
        while True:
            try:
                value, end = decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                held = len(self._text) - self._at
                if held > limit:
                    raise self._source.error("oversized", f"an object over {limit} bytes", self.position) from None
                if not _may_go_on(error, len(self._text)):
                    raise self._source.error("corrupt", f"not JSON ({error})", self.position) from None
                if not self._grow(wanted):
                    raise self._source.error("truncated", f"ends within an object ({error})", self.position) from None
                wanted *= 2
            else:
                self._move(end - self._at)
                return value

    def _move(self, chars: int) -> None:
        self._passed += len(self._text[self._at : self._at + chars].encode("utf-8", "surrogatepass"))
        self._at += chars
        if self._at > _BLOCK:
            self._text, self._at = self._text[self._at :], 0

    def _grow(self, size: int) -> bool:
        parts, found = [self._text], 0
        while found < size and (data := self._stream.read(_BLOCK)):
            try:
                parts.append(self._decode.decode(data))
            except UnicodeDecodeError as error:
                raise self._source.error("corrupt", f"not UTF-8 ({error.reason})", self.position) from None
            found += len(data)
        self._text = "".join(parts)
        return found > 0


def _may_go_on(error: ValueError | RecursionError, length: int) -> bool:
    """Whether more text could mend this error: it was met at the end, or in a string that does not close."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith("Unterminated string") or error.pos > length - _LONGEST_TOKEN


def _from_row(source: Source, row: Any, offset: int) -> Iterator[Document]:
    try:
        yield _document(source, row)
    except _Unfit as error:
        source.skip(source.error(error.kind, str(error), offset))


class _Unfit(ValueError):
    def __init__(self, message: str, kind: InputError.Kind = "corrupt") -> None:
        super().__init__(message)
        self.kind = kind


def _document(source: Source, row: Any) -> Document:
    if not isinstance(row, dict):
        raise _Unfit("not a JSON object")
    if "text" not in row:
        raise _Unfit("there is no key 'text'")
    text = _text(row, "text")
    if not text.strip():
        raise _Unfit("the text is empty", "empty")
    number = row.get("id", "")
    key = mend(str(number)) if isinstance(number, str | int) else ""
    title = _text(row, "title").strip() or key or _first_line(text)
    return Document(
        url=_text(row, "url").strip() or source.address(key or title),
        title=title,
        text=text,
        lang=_text(row, "lang"),
        categories=_texts(row, "categories"),
        aliases=tuple(dict.fromkeys(alias for alias in _texts(row, "aliases") if alias != title)),
        links=tuple(_link(link, text) for link in _list(row, "links")),
        licence=_text(row, "licence") or _text(row, "license"),
        source=source.name,
        date=_text(row, "date"),
    )


def _first_line(text: str) -> str:
    line = text.strip().split("\n", 1)[0]
    return line if len(line) <= _TITLE_CHARS else line[: _TITLE_CHARS - 1].rstrip() + "…"


def _text(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Unfit(f"key {key!r} holds no text")
    return mend(value)


def _list(row: dict[str, Any], key: str) -> list[Any]:
    value = row.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _Unfit(f"key {key!r} holds no list")
    return value


def _texts(row: dict[str, Any], key: str) -> tuple[str, ...]:
    values = _list(row, key)
    if not all(isinstance(value, str) for value in values):
        raise _Unfit(f"key {key!r} holds other things than texts")
    return tuple(mend(value) for value in values if value)


def _link(value: Any, text: str) -> Link:
    if isinstance(value, str):
        return Link(target=mend(value))
    if not isinstance(value, dict) or not isinstance(value.get("target"), str):
        raise _Unfit("key 'links' holds one without target")
    anchor, offset = value.get("anchor") or "", value.get("offset", -1)
    if not isinstance(anchor, str):
        raise _Unfit("key 'links' holds an anchor that is no text")
    anchor = mend(anchor)
    placed = isinstance(offset, int) and offset >= 0 and bool(anchor) and text.startswith(anchor, offset)
    return Link(target=mend(value["target"]), anchor=anchor, offset=offset if placed else -1)
