"""The documents and passages of a snapshot, in one SQLite file.

Documents are kept whole as compressed canonical JSON; passages as plain rows with all that a hit shows, so that a
search costs one look-up. Writing goes to a file nobody reads yet; reading opens it as immutable, without locks or
journal.
"""

import re
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from fathom.core.errors import InputError
from fathom.core.model import Frozen, canonical_json
from fathom.core.text import fold
from fathom.corpus.document import Document, Match
from fathom.corpus.passages import PassageConfig, split_passages

_PASSAGES = """
CREATE TABLE passages (
    id INTEGER PRIMARY KEY, document INTEGER NOT NULL, url TEXT NOT NULL, title TEXT NOT NULL,
    start INTEGER NOT NULL, "end" INTEGER NOT NULL, text TEXT NOT NULL);
"""
_SCHEMA = f"""
CREATE TABLE documents (
    id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, title TEXT NOT NULL, hash BLOB NOT NULL, lang TEXT NOT NULL,
    licence TEXT NOT NULL, source TEXT NOT NULL, links INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE titles (key TEXT NOT NULL, alias INTEGER NOT NULL, document INTEGER NOT NULL);
{_PASSAGES}
CREATE INDEX titles_by_key ON titles (key, alias, document);
CREATE INDEX titles_by_document ON titles (document);
CREATE INDEX passages_by_document ON passages (document);
"""
# Deleted rows leave gaps in the numbers; a build of the same documents from nothing has none.
_NUMBER = f"""
DROP INDEX passages_by_document;
ALTER TABLE passages RENAME TO scattered;
{_PASSAGES}
INSERT INTO passages SELECT row_number() OVER (ORDER BY document, start) - 1, document, url, title, start, "end", text
    FROM scattered ORDER BY document, start;
DROP TABLE scattered;
CREATE INDEX passages_by_document ON passages (document);
"""
_BATCH = 2000
_MAX_MARKS = 1000  # values in one statement; SQLite allows 32,766
_MAPPED = 1 << 40  # bytes, SQLite takes at most 2 GB; pages read in place save a system call each
_MATCHES = TypeAdapter(tuple[Match, ...])
_SURROGATE = re.compile("[\ud800-\udfff]")


class Counts(Frozen):
    """What a store holds. `languages`, `licences` and `sources` map a value to its number of documents."""

    documents: int
    passages: int
    links: int
    languages: dict[str, int]
    licences: dict[str, int]
    sources: dict[str, int]


def title_key(title: str) -> str:
    """What titles are compared by: case, accents, underscores and runs of blanks do not matter."""
    return " ".join(fold(title).replace("_", " ").split())


class StoreWriter:
    """Adds documents to a store file, new or copied. A document with the url of an earlier one replaces it and goes to
    the end, so that a store does not depend on the steps it was made in."""

    def __init__(self, path: Path, config: PassageConfig) -> None:
        self._config = config
        self._db = sqlite3.connect(path, isolation_level=None)
        # The file is thrown away if the build dies, so nothing needs to be synced or rolled back.
        self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536;")
        if not self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
            self._db.executescript(_SCHEMA)
        self._last = self._db.execute("SELECT coalesce(max(id), 0) FROM documents").fetchone()[0]
        self._passages = self._db.execute("SELECT coalesce(max(id), -1) FROM passages").fetchone()[0] + 1
        self._gaps = False
        self.changed = self.mended = 0
        self._db.execute("BEGIN")

    def add(self, document: Document) -> None:
        """Put `document` into the store; a no-op where the store already holds exactly it."""
        try:
            body = canonical_json(document).encode()
        except UnicodeEncodeError:
            # One for one, so that offsets hold.
            document = Document.model_validate_json(_SURROGATE.sub("\ufffd", canonical_json(document)))
            body = canonical_json(document).encode()
            self.mended += 1
        digest = sha256(body).digest()
        known = self._db.execute("SELECT id, hash FROM documents WHERE url = ?", (document.url,)).fetchone()
        if known and known[1] == digest:
            return
        if known:
            self._remove(known[0])
        self._last += 1
        self.changed += 1
        row = (self._last, document.url, document.title, digest, document.lang, document.licence, document.source)
        self._db.execute(
            "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, len(document.links), zlib.compress(body, 1)),
        )
        keys = dict.fromkeys(map(title_key, (document.title, *document.aliases)))
        self._db.executemany(
            "INSERT INTO titles VALUES (?, ?, ?)",
            [(key, int(place > 0), self._last) for place, key in enumerate(keys) if key],
        )
        spans = split_passages(document.text, self._config)
        self._db.executemany(
            "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (self._passages + place, self._last, document.url, document.title, start, end, document.text[start:end])
                for place, (start, end) in enumerate(spans)
            ],
        )
        self._passages += len(spans)
        if self.changed % _BATCH == 0:
            self._db.execute("COMMIT")
            self._db.execute("BEGIN")

    def _remove(self, number: int) -> None:
        self._db.execute("DELETE FROM titles WHERE document = ?", (number,))
        self._db.execute("DELETE FROM passages WHERE document = ?", (number,))
        self._db.execute("DELETE FROM documents WHERE id = ?", (number,))
        self._gaps = True

    def finish(self) -> None:
        """Number the passages 0, 1, 2, ... in the order of the documents and close the file."""
        self._db.execute("COMMIT")
        if self._gaps:
            self._db.executescript(_NUMBER)
        self._db.close()


class Store:
    """A finished store file. Safe to share between threads. Raises `InputError` where the file is damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.is_file():
            raise InputError(path, "missing", "the snapshot has no documents file")
        self._lock = threading.Lock()
        self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
        self._rows(f"PRAGMA mmap_size={_MAPPED}")

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            with self._lock:
                return self._db.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise InputError(self._path, "corrupt", str(error), hint="build the corpus again") from None

    def get(self, url: str) -> Document | None:
        rows = self._rows("SELECT hash, body FROM documents WHERE url = ?", (_sayable(url),))
        return self._document(*rows[0]) if rows else None

    def find(self, title: str) -> Document | None:
        """The document of that title, else the one of that alias; the first where there are several."""
        rows = self._rows(
            "SELECT hash, body FROM titles JOIN documents ON documents.id = titles.document WHERE key = ? "
            "ORDER BY alias, document LIMIT 1",
            (title_key(_sayable(title)),),
        )
        return self._document(*rows[0]) if rows else None

    def documents(self) -> Iterator[Document]:
        """All documents in the order in which they came."""
        for batch in self._batches("SELECT id, hash, body FROM documents WHERE id > ? ORDER BY id LIMIT 500"):
            for _, digest, body in batch:
                yield self._document(digest, body)

    def passages(self) -> Iterator[tuple[int, str, str]]:
        """(id, title of the document, text) of all passages, by id."""
        for batch in self._batches("SELECT id, title, text FROM passages WHERE id > ? ORDER BY id LIMIT 2000"):
            yield from batch

    def _batches(self, query: str) -> Iterator[list[Any]]:
        last = -1
        while batch := self._rows(query, (last,)):
            yield batch
            last = batch[-1][0]

    def matches(self, ranked: Sequence[tuple[int, float]]) -> tuple[Match, ...]:
        """The passages of (id, score) pairs, in their order."""
        rows: list[Any] = []
        for start in range(0, len(ranked), _MAX_MARKS):
            ids = [number for number, _ in ranked[start : start + _MAX_MARKS]]
            marks = ",".join("?" * len(ids))
            rows += self._rows(f'SELECT id, url, title, start, "end", text FROM passages WHERE id IN ({marks})', ids)
        passages = {
            number: {"id": number, "url": url, "title": title, "start": start, "end": end, "text": text}
            for number, url, title, start, end, text in rows
        }
        # One call for all: validating them one by one takes twice as long.
        return _MATCHES.validate_python([{"passage": passages[number], "score": score} for number, score in ranked])

    def counts(self) -> Counts:
        documents, links = self._rows("SELECT count(*), coalesce(sum(links), 0) FROM documents")[0]
        shares: dict[str, dict[str, int]] = {}
        for column in ("lang", "licence", "source"):
            shares[column] = dict(self._rows(f"SELECT {column}, count(*) FROM documents GROUP BY {column} ORDER BY 1"))
        return Counts(
            documents=documents,
            passages=self._rows("SELECT count(*) FROM passages")[0][0],
            links=links,
            languages=shares["lang"],
            licences=shares["licence"],
            sources=shares["source"],
        )

    def content_hash(self) -> str:
        """sha256 over the hashes of the documents sorted by url: the same however and in whatever order they came."""
        digest = sha256()
        for (document_hash,) in self._rows("SELECT hash FROM documents ORDER BY url"):
            digest.update(document_hash)
        return digest.hexdigest()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _document(self, digest: bytes, body: bytes) -> Document:
        # Citations rest on these texts, so each is checked as it is read; that costs 1 ms per 2 MB.
        try:
            text = zlib.decompress(body)
        except zlib.error as error:
            raise InputError(self._path, "corrupt", str(error), hint="build the corpus again") from None
        if sha256(text).digest() != digest:
            raise InputError(self._path, "corrupt", "a document differs from its hash", hint="build the corpus again")
        return Document.model_validate_json(text)


def _sayable(text: str) -> str:
    """Lone surrogates, which no stored text has, made plain so that SQLite takes the question."""
    return text.encode("utf-8", "replace").decode("utf-8")
