"""Snapshots: named, content-hashed, frozen corpora on disk.

`<home>/corpora/<name>/` holds one folder per version and the file `CURRENT`, which names the one in use. A version is
built in a hidden folder beside the others and renamed when it is whole; then CURRENT is replaced. So a build that dies
leaves what was there before, and a snapshot that is open stays as it is whatever is built beside it.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

import fathom
from fathom.core.config import Config
from fathom.core.errors import ConfigError, InputError
from fathom.core.model import Frozen, canonical_json, content_hash
from fathom.corpus import segment
from fathom.corpus.document import Document, Link, Match
from fathom.corpus.lexical import LexicalIndex, write_index
from fathom.corpus.passages import PassageConfig
from fathom.corpus.store import Counts, Store, StoreWriter

Mode = Literal["lexical", "dense", "fused"]
Progress = Callable[[str, int, int], None]
"""Called with what is going on, how much of it is done and the whole (0 where unknown)."""

SCHEMA: Literal["fathom.snapshot/1"] = "fathom.snapshot/1"
_CURRENT, _MANIFEST, _STORE, _INDEX = "CURRENT", "manifest.json", "documents.sqlite", "lexical"
_REPORT_EVERY = 500


class CorpusConfig(Config):
    """How a corpus is cut and indexed."""

    passages: PassageConfig = PassageConfig()
    index_heap_mb: int = Field(
        default=2048,
        ge=16,
        le=4095,
        description="MB of postings held before they are written; used only as far as needed (150k passages: 100 MB). "
        "More than fit make further segments, whose sums of scores may differ in the last bit",
    )


class Manifest(Frozen):
    """What a snapshot says of itself. `hash` is that of the documents sorted by url, independent of how they are
    stored; `index_hash` that of all that was indexed, in order; `files` maps a file to its size in bytes."""

    schema_: Literal["fathom.snapshot/1"] = Field(default=SCHEMA, alias="schema")
    name: str
    hash: str
    index_hash: str
    counts: Counts
    config: CorpusConfig
    analysis: str
    builders: dict[str, str]
    problems: tuple[str, ...] = ()
    files: dict[str, int]

    model_config = {"populate_by_name": True}


def quiet(label: str, done: int, total: int) -> None:
    """The progress that tells nobody."""


class Snapshot:
    """One version of a corpus, open for reading. Safe to share between threads."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest
        self.name, self.hash = manifest.name, manifest.hash
        self._store = Store(folder / _STORE)
        self._lexical = LexicalIndex(folder / _INDEX)

    @classmethod
    def open(cls, folder: Path) -> "Snapshot":
        """The current version of the corpus at `folder`, or the version that `folder` is.

        Raises `ConfigError` if there is no corpus there and `InputError` naming the file that is missing or damaged.
        """
        version = _current(folder)
        manifest = _read_manifest(version)
        for name, size in manifest.files.items():
            path = version / name
            try:
                found = path.stat().st_size
            except FileNotFoundError:
                raise InputError(path, "missing", "the manifest names it", hint="build the corpus again") from None
            if found != size:
                raise InputError(
                    path,
                    "truncated" if found < size else "corrupt",
                    f"{found} bytes instead of {size}",
                    hint="build the corpus again",
                )
        snapshot = cls(version, manifest)
        if snapshot._lexical.passages != manifest.counts.passages:
            raise InputError(
                version / _INDEX, "corrupt", "the index holds another number of passages than the manifest"
            )
        return snapshot

    def get(self, url: str) -> Document | None:
        """The document at `url`."""
        return self._store.get(url)

    def find(self, title: str) -> Document | None:
        """The document with that title or else that alias; case, accents and blanks do not matter."""
        return self._store.find(title)

    def search(self, query: str, k: int = 10, mode: Mode | None = None) -> tuple[Match, ...]:
        """At most `k` passages, best first; several may be of one page. Empty where nothing matches; any text will do.

        `mode` None is the best the snapshot offers.
        """
        ranked = self._lexical.search(query, k)
        passages = self._store.passage_rows([number for number, _ in ranked])
        return tuple(Match.model_construct(passage=passages[number], score=score) for number, score in ranked)

    def documents(self) -> Iterator[Document]:
        """All documents, in the order in which they came."""
        return self._store.documents()

    def links(self, url: str) -> tuple[Link, ...]:
        """The links out of the document at `url`, in its order; none where there is no such document."""
        document = self._store.get(url)
        return document.links if document else ()

    def close(self) -> None:
        self._store.close()


def build_snapshot(
    folder: Path,
    name: str,
    documents: Iterable[Document],
    config: CorpusConfig = CorpusConfig(),
    on_progress: Progress = quiet,
    *,
    problems: Iterable[str] = (),
) -> Snapshot:
    """Build the corpus `name` in `folder` (`<home>/corpora/<name>`) from nothing, make it current and open it.

    Of documents with the same url the last one counts. `problems` are lines about what could not be read; it is looked
    at after `documents` ended, so it may be a list that the reader fills. If `documents` raises `InputError` after the
    first document, what came before is kept and the error becomes such a line. Raises `InputError` if there is none.
    """
    return _build(folder, name, documents, config, on_progress, problems, base=None)


def add_documents(
    folder: Path,
    documents: Iterable[Document],
    on_progress: Progress = quiet,
    *,
    problems: Iterable[str] = (),
) -> Snapshot:
    """A new version of the corpus at `folder` with `documents` added to it; one with a url that is there replaces it.

    Only new and changed documents are cut and encoded; the inverted index is written anew from the stored passages,
    since a segment merged after deletions keeps estimated lengths and scores differently. So the result equals
    `build_snapshot` over all documents in order.
    """
    base = Snapshot.open(folder)
    try:
        return _build(folder, base.name, documents, base.manifest.config, on_progress, problems, base=base)
    finally:
        base.close()


def _build(
    folder: Path,
    name: str,
    documents: Iterable[Document],
    config: CorpusConfig,
    on_progress: Progress,
    problems: Iterable[str],
    base: Snapshot | None,
) -> Snapshot:
    folder.mkdir(parents=True, exist_ok=True)
    with _exclusive(folder):
        scratch = folder / ".building"
        shutil.rmtree(scratch, ignore_errors=True)  # left by a build that was killed
        scratch.mkdir()
        try:
            if base is not None:
                shutil.copyfile(base.folder / _STORE, scratch / _STORE)
            found = _write_store(scratch / _STORE, documents, config, on_progress)
            manifest = _write_indexes(scratch, name, config, on_progress)
            kept = base.manifest.problems if base else ()
            lines = tuple(dict.fromkeys([*kept, *problems, *found]))
            manifest = manifest.model_copy(update={"problems": lines})
            (scratch / _MANIFEST).write_text(canonical_json(manifest) + "\n", encoding="utf-8")
            version = _publish(folder, scratch, manifest)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return Snapshot.open(version)


def _write_store(path: Path, documents: Iterable[Document], config: CorpusConfig, on_progress: Progress) -> list[str]:
    """Fill the store and give lines about what went wrong on the way."""
    writer = StoreWriter(path, config.passages)
    problems = []
    done = 0
    try:
        for done, document in enumerate(documents, 1):
            writer.add(document)
            if done % _REPORT_EVERY == 0:
                on_progress("reading documents", done, 0)
    except InputError as error:
        if not done:
            raise
        problems.append(str(error))
    writer.finish()
    on_progress("reading documents", done, done)
    if writer.mended:
        problems.append(f"{writer.mended} documents had characters that are no Unicode text; each became U+FFFD")
    return problems


def _write_indexes(scratch: Path, name: str, config: CorpusConfig, on_progress: Progress) -> Manifest:
    store = Store(scratch / _STORE)
    try:
        counts = store.counts()
        if not counts.documents:
            raise InputError(name, "empty", "there is no document to build the corpus from")

        def reported() -> Iterator[tuple[int, str, str]]:
            for row in store.passages():
                if row[0] % _REPORT_EVERY == 0:
                    on_progress("indexing passages", row[0], counts.passages)
                yield row

        index_hash = write_index(scratch / _INDEX, reported(), config.index_heap_mb)
        on_progress("indexing passages", counts.passages, counts.passages)
        return Manifest(
            name=name,
            hash=store.content_hash(),
            index_hash=index_hash,
            counts=counts,
            config=config,
            analysis=segment.NAME,
            builders={"fathom": fathom.__version__, "tantivy": _version("tantivy")},
            files=_sizes(scratch),
        )
    finally:
        store.close()


def _sizes(folder: Path) -> dict[str, int]:
    # Lock files and tantivy's list of its own files are no part of the index.
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}


def _publish(folder: Path, scratch: Path, manifest: Manifest) -> Path:
    """Move a finished build into place and make it current. A version that is there already is used instead."""
    key = content_hash([manifest.hash, manifest.index_hash, canonical_json(manifest.config)])[:16]
    version = folder / key
    for path in scratch.rglob("*"):
        _sync(path)
    if not (version / _MANIFEST).is_file():
        shutil.rmtree(version, ignore_errors=True)
        scratch.rename(version)
    pointer = folder / f"{_CURRENT}.new"
    pointer.write_text(key + "\n", encoding="ascii")
    _sync(pointer)
    pointer.replace(folder / _CURRENT)
    _sync(folder)
    return version


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """One build at a time; the lock goes with the process that holds it."""
    with (folder / ".lock").open("wb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{folder.name}: another process is building this corpus", hint="wait for it") from None
        yield


def _current(folder: Path) -> Path:
    if (folder / _MANIFEST).is_file():
        return folder
    try:
        return folder / (folder / _CURRENT).read_text(encoding="ascii").strip()
    except OSError:
        raise ConfigError(
            f"there is no corpus at {folder}", hint="fathom corpus list shows those there are; fathom corpus add"
        ) from None
    except UnicodeDecodeError:
        raise InputError(folder / _CURRENT, "corrupt", "not the name of a version") from None


def _read_manifest(version: Path) -> Manifest:
    path = version / _MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(path, "missing", "the snapshot has no manifest", hint="build the corpus again") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(path, "corrupt", f"{where}: {first['msg']}", hint="build the corpus again") from None


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)
