"""The files in a zip archive, and the one in a gzip, bzip2 or xz file, unpacked: runs in the parser process.

No name in the archive is ever used as a path: members are written as `<number><ending>` into a folder that was made for
them. What is written is counted as it is written, so a list that lies about sizes gains nothing.
"""

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from fathom.core.errors import InputError
from fathom.corpus.ingest.isolate import Parsers
from fathom.corpus.ingest.office_text import BAD_ARCHIVE
from fathom.corpus.ingest.options import ReadOptions
from fathom.corpus.ingest.source import Names, Source
from fathom.corpus.ingest.unpack import Stream

_BLOCK = 2**18
_ENDING_CHARS = 12


def unpack(
    path: str, folder: str, members: int, total_bytes: int, ratio: int, free_bytes: int
) -> Iterator[dict[str, Any]]:
    """A part per file of the archive, in its order: `name` and either `path` or `problem`. Raises `InputError` without
    a source where the whole archive is not to be trusted, after the members before."""
    budget = min(total_bytes, free_bytes + ratio * Path(path).stat().st_size)
    try:
        archive = zipfile.ZipFile(path)
    except BAD_ARCHIVE as error:
        raise InputError("", "corrupt", f"not a whole zip archive ({error})"[:300]) from None
    with archive:
        listed = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
        for number, entry in enumerate(listed[:members]):
            target = Path(folder) / f"{number}{_ending(entry.filename)}"
            problem = _refusal(entry)
            if not problem:
                try:
                    budget -= _copy(archive, entry, target, budget)
                except BAD_ARCHIVE as error:
                    problem = f"it is damaged ({error})"[:300]
            yield {"name": entry.filename, "problem": problem} if problem else {
                "name": entry.filename, "path": str(target),
            }  # fmt: skip
        if len(listed) > members:
            yield {"name": "", "problem": f"{len(listed) - members:,} more files than may be read"}


def expand(path: str, target: str, total_bytes: int, ratio: int, free_bytes: int) -> Iterator[dict[str, Any]]:
    """One part, the size of what is written to `target`, at most `total_bytes`. Raises `InputError` without a source,
    after the bytes before."""
    options = ReadOptions(unpack_ratio=ratio, unpack_free_bytes=free_bytes)
    source = Source(Path(path), Path(path).name, options, Parsers(options), Names())
    written = 0
    with Stream(source) as stream, Path(target).open("wb") as file:
        while block := stream.read(_BLOCK):
            written += len(block)
            if written > total_bytes:
                raise InputError("", "oversized", "unpacks to more than allowed")
            file.write(block)
    yield {"bytes": written}


def _refusal(entry: zipfile.ZipInfo) -> str:
    """Why the member is not unpacked; empty where it is."""
    name = entry.filename.replace("\\", "/")
    if not name:
        return "it has no name"
    if name.startswith("/") or ".." in PurePosixPath(name).parts or "\0" in name or name[1:2] == ":":
        return "its name leads out of the archive"
    if entry.flag_bits & 1:
        return "a password is needed to open it"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "it is a link"
    return ""


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, budget: int) -> int:
    """Unpack a member and give its size. Raises `InputError` where it takes more than `budget` bytes."""
    written = 0
    with archive.open(entry) as source, target.open("wb") as file:
        while block := source.read(_BLOCK):
            written += len(block)
            if written > budget:
                raise InputError("", "oversized", f"unpacks to more than allowed, at {entry.filename!r}")
            file.write(block)
    return written


def _ending(name: str) -> str:
    """The ending that tells the type, letters and digits only."""
    ending = PurePosixPath(name).suffix
    return ending.lower() if ending[1:].isascii() and ending[1:].isalnum() and len(ending) <= _ENDING_CHARS else ""
