"""The result cache: answers on disk, shared between processes, in front of which a few thousand stand in memory.

One SQLite file in WAL mode. Equal bodies are stored once, under their hash. Each row is sealed by a hash over itself,
so a row that rotted, or that something else wrote, is found when it is read and taken for missing. A cache that fails
costs time and never a call: failures are counted, and a damaged file is put aside for a new one.
"""

import contextlib
import os
import sqlite3
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import StoreFault
from fathom.core.model import content_hash

_APPLICATION_ID, _VERSION = 0x66746763, 1  # "ftgc"
_TABLES = """
CREATE TABLE IF NOT EXISTS bodies (hash TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, fact TEXT NOT NULL, body TEXT NOT NULL, fresh REAL NOT NULL, stale REAL NOT NULL,
    note TEXT NOT NULL, stored REAL NOT NULL, seal TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_age ON answers (stored);
CREATE INDEX IF NOT EXISTS by_body ON answers (body);
CREATE TABLE IF NOT EXISTS swept (at REAL NOT NULL);
"""
# What sqlite3 raises for a file that is damaged; the second where the damage shows in the text of its own message.
_DAMAGED = (sqlite3.DatabaseError, UnicodeDecodeError)
_OPEN_S = 10.0
_BUSY_S = 0.2  # longest wait for another process's write; then the call goes on without the cache
_SWEEP = 512  # puts between two looks at the size
_SWEEP_S = 86_400.0  # and seconds, for those who put little and open it often


class CacheConfig(Config):
    """Size of the cache."""

    max_bytes: int = Field(default=2_000_000_000, ge=100_000, description="of the file; the oldest answers go first")
    in_memory: int = Field(default=4096, ge=0, description="answers kept in memory too")
    in_memory_bytes: int = Field(default=64_000_000, ge=0, description="of the bodies of these, all together")


class Stored(NamedTuple):
    """An answer: its body, or the name of the fact and its message. Times are seconds since the epoch: until `fresh` it
    is an answer, until `stale` it is better than none. `note` goes with it."""

    fact: str
    body: bytes
    fresh: float
    stale: float
    note: str = ""


class ResultCache:
    """Answers by key. Without a `path` it is in memory only. Belongs to one thread."""

    def __init__(
        self, path: Path | None = None, config: CacheConfig = CacheConfig(), *, clock: Callable[[], float] = time.time
    ) -> None:
        self._path, self._config, self._clock = path, config, clock
        self._near: OrderedDict[str, Stored] = OrderedDict()
        self._near_bytes = 0
        self._puts = 0
        self.failures = self.rotten = 0
        self._db: sqlite3.Connection | None = None
        if path is not None:
            self._db = self._opened(path)
            with self._forgiving():
                lately = self._db.execute("SELECT 1 FROM swept WHERE at > ?", (clock() - _SWEEP_S,)).fetchone()
                if lately is None:
                    self._sweep()

    def get(self, key: str) -> Stored | None:
        """The answer under `key` if it is not past its `stale` time."""
        now, found = self._clock(), self._near.get(key)
        if found is not None:
            self._near.move_to_end(key)
        if found is None or found.fresh <= now:  # another process may have a newer one
            kept = None
            with self._forgiving():
                kept = self._read(key)
            if kept is not None and (found is None or kept.fresh > found.fresh):
                found = kept
                self._remember(key, kept)
        return found if found is not None and found.stale > now else None

    def put(self, key: str, stored: Stored) -> None:
        """Keep an answer; another one under that key is replaced."""
        self._remember(key, stored)
        with self._forgiving():
            self._write(key, stored)
        self._puts += 1
        if self._puts % _SWEEP == 0:
            with self._forgiving():
                self._sweep()

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _remember(self, key: str, stored: Stored) -> None:
        old = self._near.pop(key, None)
        self._near[key] = stored
        self._near_bytes += len(stored.body) - (len(old.body) if old else 0)
        while len(self._near) > self._config.in_memory or self._near_bytes > self._config.in_memory_bytes:
            self._near_bytes -= len(self._near.popitem(last=False)[1].body)

    def _opened(self, path: Path) -> sqlite3.Connection:
        """The database; one that is damaged or of another version is put aside. Raises `StoreFault` where the disk has
        no room for it, it may not be written, or it is another program's."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # What was read may be nobody else's business; SQLite gives its other files the same rights.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            return _connect(path)
        except sqlite3.OperationalError as error:
            raise StoreFault(f"{path}: {error}", hint="another folder for the cache, or none") from error
        except _DAMAGED:
            return self._anew(path)
        except OSError as error:
            raise StoreFault(f"{path}: {error.strerror}", hint="another folder for the cache, or none") from error

    def _anew(self, path: Path) -> sqlite3.Connection:
        self.failures += 1
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).replace(path.with_name(f"{path.name}{suffix}.damaged"))
        return _connect(path)

    @contextlib.contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError:  # locked, full, gone
            self.failures += 1
            self._roll_back()
        except _DAMAGED:
            self._roll_back()
            self.close()
            if self._path is not None:
                with contextlib.suppress(*_DAMAGED, OSError):
                    self._db = self._anew(self._path)

    def _roll_back(self) -> None:
        if self._db is not None and self._db.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._db.rollback()

    def _read(self, key: str) -> Stored | None:
        if self._db is None:
            return None
        row = self._db.execute(
            "SELECT data, seal, key, fact, body, fresh, stale, note, stored FROM answers"
            " LEFT JOIN bodies ON hash = body WHERE key = ?",
            (key,),
        ).fetchone()
        if row is None:
            return None
        data, seal, *columns = row
        _, fact, body_hash, fresh, stale, note, _ = columns
        body = _unpacked(data, body_hash)
        if body is None or seal != _seal(columns):
            self.rotten += 1
            self._db.execute("DELETE FROM answers WHERE key = ?", (key,))
            self._db.execute("DELETE FROM bodies WHERE hash = ?", (body_hash,))
            return None
        return Stored(fact, body, fresh, stale, note)

    def _write(self, key: str, stored: Stored) -> None:
        if self._db is None:
            return
        body_hash = content_hash(stored.body)
        columns = [key, stored.fact, body_hash, stored.fresh, stored.stale, stored.note, self._clock()]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("INSERT OR IGNORE INTO bodies VALUES (?, ?)", (body_hash, zlib.compress(stored.body, 1)))
        self._db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*columns, _seal(columns)))
        self._db.execute("COMMIT")

    def _sweep(self) -> None:
        """Let go what is past its time, and of a file too large the oldest tenth."""
        if self._db is None:
            return
        (pages,), (free,), (size,) = (
            self._db.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count", "page_size")
        )
        full = (pages - free) * size > self._config.max_bytes
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("DELETE FROM answers WHERE stale < ?", (self._clock(),))
        if full:
            self._db.execute(
                "DELETE FROM answers WHERE key IN (SELECT key FROM answers ORDER BY stored LIMIT"
                " (SELECT count(*) / 10 + 1 FROM answers))"
            )
        self._db.execute("DELETE FROM bodies WHERE NOT EXISTS (SELECT 1 FROM answers WHERE body = hash)")
        self._db.execute("DELETE FROM swept")
        self._db.execute("INSERT INTO swept VALUES (?)", (self._clock(),))
        self._db.execute("COMMIT")


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_OPEN_S, isolation_level=None)
    try:
        (mark,) = db.execute("PRAGMA application_id").fetchone()
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if tables and mark != _APPLICATION_ID and not tables >= {"bodies", "answers"}:
            raise StoreFault(f"{path} is another program's database", hint="another folder for the cache, or none")
        if tables and (mark, version) != (_APPLICATION_ID, _VERSION):
            raise sqlite3.DatabaseError("not a cache of this version")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # what a loss of power takes is asked for again
        db.execute("BEGIN IMMEDIATE")
        for statement in _TABLES.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {_VERSION}")
        db.execute("COMMIT")
        db.execute(f"PRAGMA busy_timeout = {int(_BUSY_S * 1000)}")
    except (*_DAMAGED, StoreFault):
        db.close()
        raise
    return db


def _seal(columns: Sequence[object]) -> str:
    return content_hash("\0".join(map(str, columns)))[:32]


def _unpacked(data: bytes | None, expected: str) -> bytes | None:
    try:
        body = zlib.decompress(data or b"")
    except (zlib.error, TypeError):
        return None
    return body if content_hash(body) == expected else None
