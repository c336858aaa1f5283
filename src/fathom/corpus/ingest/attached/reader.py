"""`read_attached`: what an attached file says, whatever it is; an archive gives one text per file in it.

Total: what cannot be read is a text that is empty and says why, what could only be read in part says what is missing.
Nothing leaves the parser processes but text.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import InputError
from fathom.core.model import Frozen
from fathom.corpus.document import Document
from fathom.corpus.ingest.attached.kinds import Kind, kind_of
from fathom.corpus.ingest.detect import SNIFF_BYTES
from fathom.corpus.ingest.encoding import mend
from fathom.corpus.ingest.html import read_html
from fathom.corpus.ingest.isolate import Job, Outcome, Parsers
from fathom.corpus.ingest.options import MIB, ReadOptions
from fathom.corpus.ingest.pages import read_office, read_pdf, refuse_ole
from fathom.corpus.ingest.plain import read_plain
from fathom.corpus.ingest.source import Names, Source
from fathom.corpus.ingest.unpack import Stream, is_packed

Form = Literal["prose", "pages", "table", "tree"]
"""How a text is made: running text; pages parted by form feeds; blocks parted by empty lines; a line per entry."""


class AttachedOptions(Config):
    """What reading attached files may cost at most."""

    file_bytes: int = Field(default=64 * MIB, ge=1024, description="bytes of one file; larger ones are not read")
    text_chars: int = Field(default=1_000_000, ge=1024, description="characters of the text of one file")
    members: int = Field(default=100, ge=1, description="files read of one archive, those of archives in it included")
    archive_bytes: int = Field(
        default=256 * MIB, ge=1024, description="unpacked bytes of one archive, those of packed files in it included"
    )
    archive_chars: int = Field(
        default=8_000_000, ge=1024, description="characters of the texts of all files of one archive"
    )
    archive_ratio: int = Field(default=100, ge=2, description="unpacked over packed bytes, beyond the first 64 MiB")
    archive_depth: int = Field(default=2, ge=1, description="archives within archives; 1 opens none inside another")
    pictures: int = Field(
        default=20, ge=0, description="pictures of one file in which text is looked for, 2 CPU seconds each; 0 for none"
    )
    cpu_s: int = Field(default=60, ge=1, description="CPU seconds of one parser for one file")
    memory_bytes: int = Field(default=2048 * MIB, ge=256 * MIB, description="address space of a parser process")

    @property
    def reading(self) -> ReadOptions:
        """The same limits as the readers of corpora know them."""
        return ReadOptions(
            file_bytes=self.file_bytes,
            document_bytes=self.text_chars,
            whole_file_bytes=self.file_bytes,
            unpack_ratio=self.archive_ratio,
            zip_bytes=self.archive_bytes,
            parser_cpu_s=self.cpu_s,
            parser_memory_bytes=self.memory_bytes,
        )


class Attached(Frozen):
    """What a file says. `part` is its name inside the archive that was given, empty for a file by itself. `overview` is
    how many characters at the begin of `text` tell what the rest holds. Where `problem` is set the text is empty or not
    all of the file; `failure` is its kind."""

    part: str = ""
    title: str
    text: str
    form: Form = "prose"
    overview: int = 0
    problem: str = ""
    failure: InputError.Kind | None = None


@dataclass
class _Room:
    """What is left to an archive and all that is packed in it."""

    members: int
    bytes: int
    chars: int
    depth: int


def read_attached(path: Path, name: str, options: AttachedOptions, parsers: Parsers) -> Iterator[Attached]:
    """What the file at `path` says, which its user calls `name`: one text, or one per file of an archive. Raises
    `OSError` where the disk fails; nothing for what the file holds."""
    # Of all that comes out of the file, packed twice or once: else each packed file in it had a free share of its own.
    allowed = options.reading.unpack_free_bytes + options.archive_ratio * path.stat().st_size
    room = _Room(options.members, min(options.archive_bytes, allowed), options.archive_chars, options.archive_depth)
    with tempfile.TemporaryDirectory(prefix="fathom-attached-") as folder:
        yield from _Reading(options, parsers, Path(folder), room).read(path, name, "")


class _Reading:
    def __init__(self, options: AttachedOptions, parsers: Parsers, folder: Path, room: _Room) -> None:
        self._options, self._parsers, self._folder, self._room = options, parsers, folder, room

    def read(self, path: Path, name: str, part: str) -> Iterator[Attached]:
        title = PurePosixPath(part or name).name
        source = Source(path, title, self._options.reading, self._parsers, Names())
        try:
            with self._unpacked(source) as (plain, kind):
                if kind == "archive":
                    yield from self._members(plain, name, part)
                    return
                if part and self._room.chars <= 0:
                    raise source.error("oversized", "left out, since the texts before it fill what an archive may give")
                lying = Source(plain, title, source.options, self._parsers, source.names)
                found = self._one(lying, kind)
            yield self._within(found).model_copy(update={"part": part}) if part else found
        except InputError as error:
            yield Attached(part=part, title=title, text="", problem=error.reason, failure=error.kind)

    def _within(self, found: Attached) -> Attached:
        """A file of an archive, with as much of its text as is left to the archive."""
        left, size = self._room.chars, len(found.text)
        self._room.chars -= min(left, size)
        if size <= left:
            return found
        cut = f"the last {size - left:,} of {size:,} characters are left out, over the limit of one archive"
        return found.model_copy(
            update={
                "text": found.text[:left],
                "overview": min(found.overview, left),
                "problem": "; ".join(filter(None, (found.problem, cut))),
                "failure": found.failure or "oversized",
            }
        )

    @contextmanager
    def _unpacked(self, source: Source) -> Iterator[tuple[Path, Kind]]:
        """The file as it is, or what is in it where it is gzip, bzip2 or xz, for as long as it is read; and its
        kind. What is written counts against the archive's bytes, whether it is the whole or not."""
        size = source.path.stat().st_size
        if not size:
            raise source.error("empty", "the file has no bytes")
        if size > self._options.file_bytes:
            raise source.error("oversized", f"{size:,} bytes, over the limit of {self._options.file_bytes:,}")
        head = _head(source.path)
        if not is_packed(head):
            yield source.path, kind_of(head, source.name)
            return
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            target = Path(folder) / "file"
            arguments = {
                "path": str(source.path), "target": str(target), "ratio": self._options.archive_ratio,
                "total_bytes": min(self._options.file_bytes, self._room.bytes),
                "free_bytes": source.options.unpack_free_bytes,
            }  # fmt: skip
            outcome = self._parsers.run(Job("attached.members:expand", arguments))
            self._room.bytes -= _size(Path(folder))
            if outcome.failure is not None:
                raise source.error(*outcome.failure)
            yield target, kind_of(_head(target), source.name)

    def _one(self, source: Source, kind: Kind) -> Attached:
        reader = _DOCUMENTS.get(kind)
        if reader is not None:
            found = self._document(source, reader)
            return self._recognised(source, found) if kind == "pdf" and found.failure == "empty" else found
        if kind in ("table", "workbook", "json", "xml"):
            return self._structured(source, kind)
        if kind == "picture":
            return self._recognised(source, None)
        if kind == "media":
            raise source.error("unsupported", "audio and video are not supported here")
        raise source.error("unsupported", "no format that can be read")

    def _document(self, source: Source, reader: Callable[[Source, Stream], Iterator[Document]]) -> Attached:
        """A file by one of the readers of corpora."""
        documents: list[Document] = []
        failure = None
        try:
            with Stream(source) as stream:
                documents.extend(reader(source, stream))  # keeps what came before an error
        except InputError as error:
            failure = error
        document = documents[0] if documents else None
        text = document.text if document else ""
        return Attached(
            title=document.title if document else source.name,
            text=text,
            form="pages" if "\f" in text else "prose",
            problem=failure.reason if failure else "",
            failure=failure.kind if failure else None,
        )

    def _structured(self, source: Source, kind: Kind) -> Attached:
        """A table or tree; a file that only claims to be one is read as plain text, which the problem tells."""
        outcome = self._parsers.run(self._job(source, kind))
        if not outcome.parts and outcome.failure is not None and outcome.failure[0] in ("corrupt", "unsupported"):
            if kind == "workbook":
                raise source.error(*outcome.failure)
            read = self._document(source, read_plain)
            problem = "; ".join(filter(None, (f"read as plain text: {outcome.failure[1]}", read.problem)))
            return read.model_copy(update={"problem": problem, "failure": read.failure or outcome.failure[0]})
        if not outcome.parts:
            raise source.error(*(outcome.failure or ("empty", "there is nothing in it", None)))
        part = outcome.parts[0]
        problem = "; ".join(filter(None, (part["left_out"], outcome.failure[1] if outcome.failure else "")))
        return Attached(
            title=source.name,
            text=mend(part["text"]),
            form="table" if kind in ("table", "workbook") else "tree",
            overview=part["overview"],
            problem=problem,
            failure=outcome.failure[0] if outcome.failure else "oversized" if problem else None,
        )

    def _job(self, source: Source, kind: Kind) -> Job:
        options = self._options
        said = {"path": str(source.path), "name": source.name, "limit": options.text_chars}
        if kind == "workbook":
            reading = options.reading
            limits = {"members": reading.zip_members, "total_bytes": reading.zip_bytes, "ratio": reading.unpack_ratio}
            return Job("attached.table_text:workbook", {**said, **limits, "free_bytes": reading.unpack_free_bytes})
        if kind == "table":
            return Job("attached.table_text:delimited", {**said, "file_bytes": options.file_bytes})
        if kind == "json":
            return Job("attached.json_text:extract", {**said, "file_bytes": options.file_bytes})
        return Job("attached.xml_text:extract", said)

    def _recognised(self, source: Source, unread: Attached | None) -> Attached:
        """The text in a picture, or in the pages of a PDF that has none of its own (`unread` is what it gave)."""
        if not self._options.pictures:
            if unread is not None:
                return unread
            raise source.error("unsupported", "text in pictures is not looked for")
        function = "picture" if unread is None else "scanned"
        arguments = {"path": str(source.path), "pages": self._options.pictures}
        outcome = self._parsers.run(Job(f"attached.picture_text:{function}", arguments))
        text = _joined(outcome)
        failure = outcome.failure or (None if text else ("empty", "no text can be made out in it", None))
        if unread is not None and not text and failure is not None and failure[0] == "unsupported":
            return unread
        problem = failure[1] if failure else "the text was recognised in pictures and may have mistakes"
        return Attached(
            title=unread.title if unread else source.name,
            text=text,
            form="pages" if "\f" in text else "prose",
            problem=problem,
            failure=failure[0] if failure else None,
        )

    def _members(self, path: Path, name: str, part: str) -> Iterator[Attached]:
        room, options = self._room, self._options
        title = PurePosixPath(part or name).name
        if room.depth <= 0:
            yield Attached(
                part=part, title=title, text="", failure="oversized",
                problem=f"archives are opened {options.archive_depth} deep, this one is deeper",
            )  # fmt: skip
            return
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            arguments = {
                "path": str(path), "folder": folder, "members": room.members, "total_bytes": room.bytes,
                "ratio": options.archive_ratio, "free_bytes": options.reading.unpack_free_bytes,
            }  # fmt: skip
            outcome = self._parsers.run(Job("attached.members:unpack", arguments))
            room.members -= len(outcome.parts)
            room.bytes -= _size(Path(folder))
            room.depth -= 1
            for row in outcome.parts:
                inner = "/".join(filter(None, (part, shown_name(row["name"]))))
                if "path" in row:
                    yield from self.read(Path(row["path"]), name, inner)
                    Path(row["path"]).unlink()
                else:
                    yield Attached(part=inner, title=title, text="", problem=row["problem"], failure="unsupported")
            room.depth += 1
        if outcome.failure:
            kind, reason, _ = outcome.failure
            yield Attached(part=part, title=title, text="", problem=reason, failure=kind)
        elif not outcome.parts:
            yield Attached(part=part, title=title, text="", problem="there is no file in the archive", failure="empty")


def shown_name(name: str) -> str:
    """A name as one line without characters that are not seen."""
    return "".join(char if char.isprintable() else "\ufffd" for char in mend(name))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SNIFF_BYTES)


def _size(folder: Path) -> int:
    """Bytes of the files in `folder`."""
    return sum(file.stat().st_size for file in folder.iterdir())


def _joined(outcome: Outcome) -> str:
    text = "".join((part["before"] if number else "") + mend(part["text"]) for number, part in enumerate(outcome.parts))
    return text if text.strip() else ""


_DOCUMENTS: dict[Kind, Callable[[Source, Stream], Iterator[Document]]] = {
    "pdf": read_pdf,
    "office": read_office,
    "old_office": refuse_ole,
    "html": read_html,
    "plain": read_plain,
}
