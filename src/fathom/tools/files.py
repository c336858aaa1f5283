"""`parse_file`: what the user's files say; name and schema are those of the released system.

A file becomes evidence like a page: exact spans of its text, each with an id. A long one is shown by what is nearest to
the question, after an overview where it has one; how much is not shown is always said, and how to see it.

Reference: Tongyi DeepResearch report, tools (parse_file); the wording of results is our own.
Differs from the paper: caps hold for the text shown, per file and in all; audio and video are not read.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import AccessDeniedError, InputError, PageNotFoundError, ProviderFault, ToolError
from fathom.core.evidence import Evidence
from fathom.core.message import ToolSpec
from fathom.tools.protocol import ToolContext, ToolResult
from fathom.tools.window import Span, chosen, pieces, relevance
from fathom.world.files.protocol import FileReading, Files, FileText

SPEC = ToolSpec(
    name="parse_file",
    description=(
        "Reads files the user gave: pdf, docx, pptx, xlsx, csv, tsv, json, xml, html, txt, zip, pictures. "
        "Of a long file the parts nearest to the question are shown; name#words shows those nearest to these words, "
        "name#page 3 a page, archive.zip#name a file in an archive."
    ),
    parameters={
        "type": "object",
        "properties": {
            "files": {
                "type": "array",
                "items": {"type": "string"},
                "description": "The names of the files, as they were given.",
            }
        },
        "required": ["files"],
    },
)

_KINDS: dict[InputError.Kind, ToolError.Kind] = {"missing": "not_found", "empty": "empty", "encrypted": "denied"}
_PAGES = re.compile(r"(?:pages?|slides?)[ =:]*(\d{1,6})(?:\s*[-–]\s*(\d{1,6}))?", re.IGNORECASE)
_LEAST_PIECE = 40  # characters; smaller ones say nothing
_RANKED_CHARS = 20_000  # of each file in an archive, to choose which are shown


class ParseFileConfig(Config):
    """Settings of parse_file."""

    max_files: int = Field(default=8, ge=1, description="files read in one call; the rest is named as left out")
    max_texts: int = Field(default=8, ge=1, description="files shown in one call, those inside archives included")
    file_chars: int = Field(default=12_000, ge=400, description="characters of one file shown, chosen by relevance")
    total_chars: int = Field(default=30_000, ge=400, description="characters shown of all files of one call")
    window_chars: int = Field(default=800, ge=100, description="size of one span of evidence, in characters")


@dataclass(frozen=True)
class _Shown:
    """A file with what is looked for in it and how many characters of it there is room for."""

    file: FileText
    wanted: str
    room: int


class ParseFile:
    """Gives, per file, its evidence spans. One file's failure does not spoil the others."""

    spec = SPEC

    def __init__(self, files: Files, config: ParseFileConfig = ParseFileConfig()) -> None:
        self._files, self._config = files, config

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> ToolResult:
        asked = list(dict.fromkeys(name.strip() for name in arguments["files"] if name.strip()))
        if not asked:
            raise ToolError("arguments", "parse_file: every name is blank.")
        most, question = self._config.max_files, context.task.question
        found = [await self._reading(name) for name in asked[:most]]
        readings = [reading for reading in found if isinstance(reading, FileReading)]
        failures = [failure for failure in found if not isinstance(failure, FileReading)]
        failures += [_unread(text) for reading in readings for text in reading.texts if not text.page.text]
        shown, left_out = self._share_out(readings, question)
        parts: list[str] = []
        cited: list[Evidence] = []
        for one in shown:
            spans = await asyncio.to_thread(self._spans, one, question)
            evidence = [context.cite(one.file.page, start, end) for start, end in spans]
            parts.append(_rendered(one, evidence))
            context.boundary.show("\n".join((one.file.name, *(item.text for item in evidence))), private=True)
            cited += evidence
        parts += [message for _, message in failures]
        if not shown:
            raise ToolError(failures[0][0] if failures else "empty", "\n".join(parts) or "There is nothing in it.")
        if left_out:
            parts.append(f"Not shown, more than {self._config.max_texts} files in one call: {_listed(left_out)}")
        if asked[most:]:
            parts.append(f"Left out, more than {most} names in one call: {_listed(asked[most:])}")
        pages = [one.file.page for one in shown]
        return ToolResult(
            text="\n=======\n".join(parts),
            urls=tuple(page.url for page in pages),
            titles=tuple(page.title for page in pages),
            evidence=tuple(item.id for item in cited),
        )

    async def _reading(self, name: str) -> FileReading | tuple[ToolError.Kind, str]:
        """What the file says, or the kind and wording of why it cannot be read at all."""
        try:
            return await self._files.read(name)
        except PageNotFoundError as error:
            return "not_found", f"{str(error)[:1].upper()}{str(error)[1:]}."
        except AccessDeniedError as error:
            return "denied", f"Refused: {error}."
        except ProviderFault:
            return "upstream", f"The file {name} could not be read just now. That says nothing about what is in it."

    def _share_out(self, readings: Sequence[FileReading], question: str) -> tuple[list[_Shown], list[str]]:
        """The texts to show, each with its room, and the names of those there is no place for: of many the ones
        nearest to the question are shown, in their order."""
        found = [(reading, text) for reading in readings for text in reading.texts if text.page.text]
        order = list(range(len(found)))
        if len(found) > self._config.max_texts:
            goal = " ".join([question, *(reading.wanted for reading in readings)])
            scores = relevance(goal, [f"{text.page.url}\n{text.page.text[:_RANKED_CHARS]}" for _, text in found])
            order.sort(key=lambda at: (-scores[at], at))
        taken = sorted(order[: self._config.max_texts])
        rooms = shares(
            [len(found[at][1].page.text) for at in taken], each=self._config.file_chars, total=self._config.total_chars
        )
        shown = [
            _Shown(text, reading.wanted, room)
            for (reading, text), room in zip((found[at] for at in taken), rooms, strict=True)
        ]
        return shown, [found[at][1].name for at in sorted(order[self._config.max_texts :])]

    def _spans(self, one: _Shown, question: str) -> list[Span]:
        """What is shown of a text: all of it, the pages asked for, or its overview and what is nearest."""
        text, size = one.file.page.text, max(_LEAST_PIECE, min(self._config.window_chars, one.room))
        spans = _cut(one.file, size)
        pages = _PAGES.fullmatch(one.wanted)
        if pages and one.file.form == "pages":
            bounds = _parted(text, "\f")[max(0, int(pages[1]) - 1) : int(pages[2] or pages[1])]
            inside = [span for span in spans if bounds and bounds[0][0] <= span[0] < bounds[-1][1]]
            return _beginning(inside, one.room)
        if len(text) <= one.room and not one.wanted:
            return spans
        overview = [span for span in spans if span[1] <= one.file.overview]
        head = _beginning(overview, one.room // 2)
        room = one.room - sum(end - start for start, end in head)
        return head + chosen(text, spans[len(overview) :], one.wanted or question, limit=room, size=size)


def shares(sizes: Sequence[int], *, each: int, total: int) -> list[int]:
    """Room for texts of these sizes: all of what is small, and an equal part of what is left for those that are not, at
    most `each`, in sum at most `total`."""
    rooms = [0] * len(sizes)
    left = total
    by_size = sorted(range(len(sizes)), key=lambda at: sizes[at])
    for done, at in enumerate(by_size):
        rooms[at] = min(sizes[at], each, left // (len(sizes) - done))
        left -= rooms[at]
    return rooms


def _cut(text: FileText, size: int) -> list[Span]:
    """The text in pieces; of a table block by block, and only a block that is too long within it."""
    body = text.page.text
    if text.form == "pages":
        return [span for start, end in _parted(body, "\f") for span in _within(body, start, end, size)]
    if text.form != "table":
        return pieces(body, size)
    return [span for start, end in _parted(body, "\n\n") for span in _within(body, start, end, size)]


def _parted(text: str, mark: str) -> list[Span]:
    ends = [match.start() for match in re.finditer(mark, text)] + [len(text)]
    starts = [0, *(end + len(mark) for end in ends[:-1])]
    return list(zip(starts, ends, strict=True))


def _within(text: str, start: int, end: int, size: int) -> list[Span]:
    if end - start <= size and text[start:end].strip():
        part = text[start:end]
        return [(start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip()))]
    return [(start + first, start + last) for first, last in pieces(text[start:end], size)]


def _beginning(spans: Sequence[Span], room: int) -> list[Span]:
    kept = []
    for start, end in spans:
        room -= end - start
        if room < 0:
            break
        kept.append((start, end))
    return kept


def _page(text: str, offset: int) -> int:
    return text.count("\f", 0, offset) + 1


def _rendered(one: _Shown, evidence: Sequence[Evidence]) -> str:
    text = one.file.page.text
    paged = one.file.form == "pages"
    facts = [f"{text.count(chr(12)) + 1:,} pages"] if paged else []
    facts.append(f"{len(text):,} characters")
    titled = f', "{one.file.page.title}"' if one.file.page.title not in (one.file.name, "") else ""
    head = f"{one.file.name}{titled} ({', '.join(facts)})"
    if one.file.problem:
        head += f"\n(note: {one.file.problem})"
    shown = sum(item.end - item.start for item in evidence)
    if shown < len(text.strip()) * 0.98:
        base = one.file.name.partition("#")[0]
        more = f"{base}#page 2 or {base}#words" if paged else f"{base}#words"
        near = f"nearest to {one.wanted!r}" if one.wanted else "nearest to the question"
        head += f"\n({shown:,} of {len(text):,} characters are shown, {near}; ask for {more} to see others)"
    lines = [
        f"[{item.id}] {f'(page {_page(text, item.start)}) ' if paged else ''}{item.text}" for item in evidence
    ] or ["(there is no such part)"]
    return "\n".join([head, *lines])


def _unread(text: FileText) -> tuple[ToolError.Kind, str]:
    kind: ToolError.Kind = _KINDS.get(text.failure, "unsupported") if text.failure else "empty"
    return kind, f"{text.name} cannot be read: {text.problem or 'there is no text in it'}."


def _listed(names: Sequence[str]) -> str:
    return "; ".join(names[:20]) + (f"; and {len(names) - 20} more" if len(names) > 20 else "")
