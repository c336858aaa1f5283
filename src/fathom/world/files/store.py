"""`FileStore`: the files that a user gave to a run, read from their folder and from nowhere else.

What may be read is settled when the store is made: the regular files of a folder, or the files named one by one. A name
the model asks for is looked up among them, never opened as a path. What is read is copied first, so a file that
changes while it is parsed cannot be two things at once.
"""

import asyncio
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pydantic import Field

from fathom.core.clock import utc_now
from fathom.core.errors import AccessDeniedError, ConfigError, PageNotFoundError, ProviderFault
from fathom.core.evidence import Page
from fathom.core.model import content_hash
from fathom.corpus.ingest.attached.reader import Attached, AttachedOptions, read_attached, shown_name
from fathom.corpus.ingest.isolate import Parsers
from fathom.corpus.ingest.source import file_address
from fathom.world.files.jail import files_beneath, open_beneath
from fathom.world.files.protocol import FileReading, FileText

_KEPT = 4  # readings kept, so that asking for another part of a file does not parse it again
_NAMED = 20  # files named in a message
_COPY_BYTES = 2**20

_Mark = tuple[str, int, int, int, int]
"""A file as it was: its name, device, inode, size and time of change."""


class FileStoreConfig(AttachedOptions):
    """Settings of the files of a run."""

    files: int = Field(default=1000, ge=1, description="files of a folder that can be asked for")


@dataclass(frozen=True)
class _Given:
    """One file: the folder it is opened from and its path below that."""

    root: Path
    parts: tuple[str, ...]


class FileStore:
    """The files at `paths`, each a file or a folder. `names` lists what can be asked for; of two files of one name the
    second is called `name~2`. `clock` gives the time a file is read at. Raises `ConfigError` for a path that is not
    there and for more files than are allowed."""

    def __init__(
        self, paths: Sequence[Path], config: FileStoreConfig = FileStoreConfig(), *, clock: Callable[[], str] = utc_now
    ) -> None:
        self._config, self._clock = config, clock
        self._given: dict[str, _Given] = {}
        for path in paths:
            for name, given in _found(path):
                self._given[_unique(name, self._given)] = given
        if len(self._given) > config.files:
            hint = "give those that matter, or raise the limit of files"
            raise ConfigError(f"{len(self._given)} files were given, over the limit of {config.files}", hint=hint)
        self._parsers = Parsers(config.reading)
        self._kept: dict[_Mark, tuple[FileText, ...]] = {}
        self._reading: set[asyncio.Future[tuple[_Mark, tuple[FileText, ...]]]] = set()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._given)

    async def read(self, asked: str) -> FileReading:
        """See `Files.read`. Names are also found in another case, another Unicode form, or without their folder, where
        that leaves no doubt."""
        name, rest = self._find(asked)
        reading = asyncio.ensure_future(asyncio.to_thread(self._texts, name))
        self._reading.add(reading)
        reading.add_done_callback(self._reading.discard)
        # A caller that is cancelled leaves the thread to its end, and `close` waits for it.
        mark, texts = await asyncio.shield(reading)
        self._keep(mark, texts)
        if rest:
            # What stands behind # is a file in the archive, or else what the caller looks for.
            inside = tuple(text for text in texts if _key(text.name) == _key(f"{name}#{rest}"))
            return FileReading(name=name, texts=inside or texts, wanted="" if inside else rest)
        return FileReading(name=name, texts=texts)

    async def close(self) -> None:
        await asyncio.gather(*self._reading, return_exceptions=True)
        await asyncio.to_thread(self._parsers.close)

    def _keep(self, mark: _Mark, texts: tuple[FileText, ...]) -> None:
        self._kept[mark] = texts
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]

    def _find(self, asked: str) -> tuple[str, str]:
        """The name that is meant and what stands behind `#`. Raises `AccessDeniedError` or `PageNotFoundError`."""
        wanted = asked.strip().strip("'\"`").removeprefix("file:").strip()
        for at in [len(wanted), *(match.start() for match in re.finditer("#", wanted))]:
            if (name := self._named(wanted[:at].strip())) is not None:
                return name, wanted[at + 1 :].strip()
        if wanted.startswith(("/", "~", "\\")) or ".." in PurePosixPath(wanted.replace("\\", "/")).parts:
            raise AccessDeniedError(f"{wanted!r} leads out of the files that were given")
        shown = ", ".join(self.names[:_NAMED]) + (", ..." if len(self.names) > _NAMED else "")
        raise PageNotFoundError(f"there is no file {wanted!r}; there are: {shown}" if shown else "no file was given")

    def _named(self, wanted: str) -> str | None:
        if wanted in self._given:
            return wanted
        key = _key(wanted)
        for same in (_key, lambda name: _key(PurePosixPath(name).name)):
            found = [name for name in self._given if same(name) == key]
            if len(found) == 1:
                return found[0]
        return None

    def _texts(self, name: str) -> tuple[_Mark, tuple[FileText, ...]]:
        """The texts of a file that was listed: opened, copied, parsed; and the mark of the file as it is now."""
        given = self._given[name]
        try:
            handle = open_beneath(given.root, given.parts)
        except FileNotFoundError:
            raise PageNotFoundError(f"the file {name!r} is no longer there") from None
        except OSError as error:
            raise AccessDeniedError(f"the file {name!r} may not be read ({error.strerror or error})") from None
        with os.fdopen(handle, "rb") as file:
            facts = os.fstat(handle)
            mark = (name, facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
            if (known := self._kept.get(mark)) is not None:
                return mark, known
            try:
                with tempfile.TemporaryDirectory(prefix="fathom-file-") as folder:
                    copy = Path(folder) / "file"
                    # A byte more than may be read tells the reader that there are too many.
                    _copy(file, copy, self._config.file_bytes + 1)
                    found = read_attached(copy, name, self._config, self._parsers)
                    return mark, tuple(self._text(name, attached) for attached in found)
            except OSError as error:
                raise ProviderFault(f"files: {error.strerror or error}", kind="server") from None

    def _text(self, name: str, found: Attached) -> FileText:
        page = Page(
            url=file_address(name, found.part),
            title=found.title,
            text=found.text,
            text_hash=content_hash(found.text),
            fetched_at=self._clock(),
        )
        return FileText(
            name=f"{name}#{found.part}" if found.part else name,
            page=page,
            form=found.form,
            overview=found.overview,
            problem=found.problem,
            failure=found.failure,
        )


def _copy(file: BinaryIO, path: Path, limit: int) -> None:
    """Write at most `limit` bytes of `file` to `path`."""
    with path.open("wb") as target:
        while limit > 0 and (block := file.read(min(limit, _COPY_BYTES))):
            target.write(block)
            limit -= len(block)


def _found(path: Path) -> list[tuple[str, _Given]]:
    """The files at `path`, which the user may give as a link; each with its name."""
    try:
        real = path.expanduser().resolve(strict=True)
        if real.is_dir():
            return [(shown_name("/".join(parts)), _Given(real, parts)) for parts in files_beneath(real)]
    except OSError as error:
        raise ConfigError(f"the file {path} cannot be given to a run: {error.strerror or error}") from None
    if not real.is_file():
        raise ConfigError(f"the file {path} cannot be given to a run: neither a file nor a folder")
    return [(shown_name(path.name), _Given(real.parent, (real.name,)))]


def _unique(name: str, known: dict[str, _Given]) -> str:
    found, number = name, 1
    while found in known:
        number += 1
        found = f"{name}~{number}"
    return found


def _key(name: str) -> str:
    """Names that people take for the same: of one case and one Unicode form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
