"""Snapshots: named, content-hashed, frozen corpora that can be read and searched.

A snapshot is one version of a corpus: its documents and passages in SQLite, an inverted index over the passages, and,
where it was asked for, one vector per passage. Building streams, so memory does not grow with the text.
"""

import shutil
import threading
from collections.abc import Iterable, Iterator
from importlib.metadata import version as package_version
from pathlib import Path

import fathom
from fathom.core.assets import Progress, quiet
from fathom.core.config import Environment
from fathom.core.errors import ConfigError, InputError
from fathom.corpus import segment
from fathom.corpus.dense import DenseConfig, DenseIndex, VectorCache, passage_text, write_vectors
from fathom.corpus.document import Document, Link, Match
from fathom.corpus.encoders import Encoder, load_encoder
from fathom.corpus.fusion import DEPTH, fuse
from fathom.corpus.lexical import MAX_QUERY_CHARACTERS, LexicalIndex, write_index
from fathom.corpus.store import Store, StoreWriter
from fathom.corpus.versions import (
    CorpusConfig,
    Manifest,
    Mode,
    building,
    current_version,
    file_sizes,
    publish,
    read_manifest,
)

_STORE, _INDEX, _VECTORS = "documents.sqlite", "lexical", "vectors.faiss"
_REPORT_EVERY = 500


class Snapshot:
    """One version of a corpus, open for reading. Safe to share between threads."""

    def __init__(self, folder: Path, manifest: Manifest, encoder: Encoder | None = None) -> None:
        self.folder, self.manifest = folder, manifest
        self.name, self.hash = manifest.name, manifest.hash
        self._store = Store(folder / _STORE)
        self._lexical = LexicalIndex(folder / _INDEX)
        self._dense: DenseIndex | None = None
        self._encoder = encoder
        self._lock = threading.Lock()

    @classmethod
    def open(cls, folder: Path, encoder: Encoder | None = None) -> "Snapshot":
        """The current version of the corpus at `folder`, or the version that `folder` is.

        `encoder` is for queries; without one, the encoder the manifest names is loaded when the first dense query
        comes. Raises `ConfigError` if there is no corpus there and `InputError` naming a file missing or damaged.
        """
        version = current_version(folder)
        manifest = read_manifest(version)
        snapshot = cls(version, manifest, encoder)
        if snapshot._lexical.passages != manifest.counts.passages:
            raise InputError(version / _INDEX, "corrupt", "it holds another number of passages than the manifest says")
        return snapshot

    def get(self, url: str) -> Document | None:
        """The document at `url`."""
        return self._store.get(url)

    def find(self, title: str) -> Document | None:
        """The document with that title or else that alias; case, accents and blanks do not matter."""
        return self._store.find(title)

    def search(self, query: str, k: int = 10, mode: Mode | None = None) -> tuple[Match, ...]:
        """At most `k` passages, best first; several may be of one page. Empty where nothing matches; any text will do.

        `mode` None is what the corpus was built for. Dense search raises `ConfigError` where there are no vectors, and
        what its encoder raises.
        """
        mode = mode or self.manifest.config.mode
        if mode == "lexical":
            ranked = self._lexical.search(query, k)
        elif mode == "dense":
            ranked = self._search_dense(query, k)
        else:
            depth = max(k, DEPTH)
            rankings = [self._lexical.search(query, depth), self._search_dense(query, depth)]
            ranked = fuse([[number for number, _ in ranking] for ranking in rankings], k)
        return self._store.matches(ranked)

    def _search_dense(self, query: str, k: int) -> list[tuple[int, float]]:
        index, encoder = self._dense_side()
        text = query[:MAX_QUERY_CHARACTERS].encode("utf-8", "replace").decode().strip()
        if k < 1 or not text:
            return []
        return index.search(encoder.encode([encoder.query_prefix + text])[0], k)

    def _dense_side(self) -> tuple[DenseIndex, Encoder]:
        with self._lock:
            dense = self.manifest.config.dense
            if dense is None:
                raise ConfigError(
                    f"corpus {self.name} has no vectors", hint="build it with an encoder, or search lexically"
                )
            if self._dense is None:
                self._dense = DenseIndex(self.folder / _VECTORS)
            if self._encoder is None:
                self._encoder = load_encoder(dense.encoder, Environment.read())
            return self._dense, self._encoder

    def documents(self) -> Iterator[Document]:
        """All documents, in the order in which they came."""
        return self._store.documents()

    def passages(self) -> Iterator[tuple[int, str, str]]:
        """(id, title of the page, text) of all passages, by id."""
        return self._store.passages()

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
    encoder: Encoder | None = None,
) -> Snapshot:
    """Build the corpus `name` in `folder` (`<home>/corpora/<name>`) from nothing, make it current and open it.

    Of documents with the same url the last one counts. `problems` are lines about what could not be read; it is looked
    at after `documents` ended, so it may be a list that the reader fills. If `documents` raises `InputError` after the
    first document, what came before is kept and the error becomes such a line. Raises `InputError` if there is none.
    `encoder` stands for the one that `config` names.
    """
    return _build(folder, name, documents, config, on_progress, problems, encoder, base=None)


def add_documents(
    folder: Path,
    documents: Iterable[Document],
    on_progress: Progress = quiet,
    *,
    problems: Iterable[str] = (),
    encoder: Encoder | None = None,
) -> Snapshot:
    """A new version of the corpus at `folder` with `documents` added; one with a url that is there replaces it.

    Only new and changed documents are cut and encoded. The inverted index is written anew from the stored passages (10
    seconds for 200,000): a segment merged after deletions keeps estimated lengths, and several segments sum scores in
    another order, so both would rank a little differently. As it is, the result equals `build_snapshot` over all
    documents in order.
    """
    base = Snapshot.open(folder)
    try:
        return _build(folder, base.name, documents, base.manifest.config, on_progress, problems, encoder, base)
    finally:
        base.close()


def add_vectors(
    folder: Path,
    dense: DenseConfig,
    on_progress: Progress = quiet,
    *,
    mode: Mode = "fused",
    encoder: Encoder | None = None,
) -> Snapshot:
    """A new version of the corpus at `folder` with the same documents, a vector for each passage, and `mode` as what a
    search does that is not told. Vectors of the same encoder that are there already are kept."""
    base = Snapshot.open(folder)
    config = base.manifest.config.model_copy(update={"dense": dense, "mode": mode})
    try:
        return _build(folder, base.name, (), config, on_progress, (), encoder, base)
    finally:
        base.close()


def _build(
    folder: Path,
    name: str,
    documents: Iterable[Document],
    config: CorpusConfig,
    on_progress: Progress,
    problems: Iterable[str],
    encoder: Encoder | None,
    base: Snapshot | None,
) -> Snapshot:
    with building(folder) as scratch:
        if base is not None:
            shutil.copyfile(base.folder / _STORE, scratch / _STORE)
        found = _write_store(scratch / _STORE, documents, config, on_progress)
        store = Store(scratch / _STORE)
        try:
            counts = store.counts()
            if not counts.documents:
                raise InputError(name, "empty", "there is no document to build the corpus from")
            rows = _reported(store, counts.passages, on_progress)
            index_hash = write_index(scratch / _INDEX, rows, config.index_heap_mb)
            if config.dense is not None:
                encoder = encoder or load_encoder(config.dense.encoder, Environment.read(), on_progress)
                _write_dense(scratch / _VECTORS, store, counts.passages, encoder, config.dense, on_progress, base)
            manifest = Manifest(
                name=name,
                hash=store.content_hash(),
                index_hash=index_hash,
                counts=counts,
                config=config,
                analysis=segment.NAME,
                encoder=config.dense.encoder.fingerprint if config.dense else "",
                builders={"fathom": fathom.__version__, "tantivy": package_version("tantivy")},
                problems=tuple(dict.fromkeys([*(base.manifest.problems if base else ()), *problems, *found])),
                files=file_sizes(scratch),
            )
        finally:
            store.close()
        published = publish(scratch, manifest)
    if config.dense is not None:
        _cache_path(folder, config.dense).unlink(missing_ok=True)
    return Snapshot.open(published, encoder)


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


def _reported(store: Store, total: int, on_progress: Progress) -> Iterator[tuple[int, str, str]]:
    for row in store.passages():
        if row[0] % _REPORT_EVERY == 0:
            on_progress("indexing passages", row[0], total)
        yield row
    on_progress("indexing passages", total, total)


def _write_dense(
    path: Path,
    store: Store,
    total: int,
    encoder: Encoder,
    config: DenseConfig,
    on_progress: Progress,
    base: Snapshot | None,
) -> None:
    cache = VectorCache(_cache_path(path.parent.parent, config), encoder.dim)
    try:
        if base is not None and base.manifest.encoder == config.encoder.fingerprint:
            index, block = DenseIndex(base.folder / _VECTORS), 1000
            texts = [passage_text(title, text) for _, title, text in base.passages()]
            for start in range(0, len(texts), block):
                known = texts[start : start + block]
                cache.remember(known, index.vectors(start, len(known)))
        every = (passage_text(title, text) for _, title, text in store.passages())
        write_vectors(path, every, total, encoder, config, cache, on_progress)
    finally:
        cache.close()


def _cache_path(folder: Path, config: DenseConfig) -> Path:
    return folder / f".encoding-{config.encoder.fingerprint[:16]}"
