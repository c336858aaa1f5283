"""`RunStore`: the append-only log of one run, in one SQLite file beside its large texts.

An event counts from the moment `append` returns: it is then in the write-ahead log, synced (`synchronous=FULL`).
The database itself refuses to change or drop an event, to leave a gap in the numbering, or to take an event from a
writer that lost the lease; each event carries a hash over itself and the one before, so a log that was tampered with,
torn in the middle or rotted is found when it is read. A torn end is the log up to the last whole event.

One process writes. It holds an exclusive `flock` on `lease.lock`, which the kernel drops when it dies in any way (no
heartbeat, no guess from process ids), and the fencing number it got when it took the lease, which guards where locks
lie, as some network disks' do.
"""

import contextlib
import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from fathom.core.errors import FathomError, InputError, RunError, StoreFault
from fathom.core.events import Event
from fathom.core.model import canonical_json, content_hash
from fathom.core.texts import TextFolder, sync_folder

LOG, LEASE, TEXTS = "events.sqlite", "lease.lock", "texts"
INLINE_BYTES = 4096  # larger bodies go to `texts/`: they would spread over overflow pages and be copied by checkpoints
LEASE_WAIT_S = 0.3  # somebody who only looks whether a run is alive holds the lock for an instant
_APPLICATION_ID, _VERSION = 0x66746D31, 1  # "ftm1"

_SCHEMA = """
CREATE TABLE events (
    run_id TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
    body TEXT, body_text TEXT, at REAL NOT NULL, fence INTEGER NOT NULL, chain TEXT NOT NULL,
    PRIMARY KEY (run_id, seq), CHECK ((body IS NULL) <> (body_text IS NULL)));
CREATE TABLE lease (run_id TEXT PRIMARY KEY, fence INTEGER NOT NULL, holder TEXT NOT NULL);
CREATE TRIGGER events_keep BEFORE UPDATE ON events BEGIN SELECT raise(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT raise(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_in_order BEFORE INSERT ON events
    WHEN NEW.seq <> (SELECT coalesce(max(seq) + 1, 0) FROM events WHERE run_id = NEW.run_id)
    BEGIN SELECT raise(ABORT, 'out of order'); END;
CREATE TRIGGER events_fenced BEFORE INSERT ON events
    WHEN NEW.fence <> (SELECT fence FROM lease WHERE run_id = NEW.run_id)
    BEGIN SELECT raise(ABORT, 'fenced off'); END;
"""
_COLUMNS = "seq, kind, key, body, body_text, at, chain"


class RunStore:
    """The log of the run in `folder`, held for writing. Use as a context manager; closing gives the lease back.

    Methods raise `StoreFault` when the disk does not take a record (the store then takes no more: what a failed sync
    left is unknown until the file is opened anew), `RunError` when another process holds or took the run, and
    `InputError` when the file is not a whole log.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.folder, self.run_id = folder, folder.name
        self.texts = TextFolder(folder / TEXTS)
        self._clock, self._broken = clock, False
        with contextlib.ExitStack() as undo:
            self._lock = _lease(folder)
            undo.callback(os.close, self._lock)
            with _typed(self.path):
                self._db = _connect(self.path, "rw")
                undo.callback(self._db.close)
                self._history = list(_read(self._db, self.path, self.texts))
                self._fence = self._take_over()
            undo.pop_all()
        self._seq = len(self._history)
        self._chain = self._history[-1][1] if self._history else ""
        self.texts.sweep()

    @classmethod
    def create(cls, folder: Path, *, clock: Callable[[], float] = time.time) -> Self:
        """A new log in `folder`, which must exist and have none."""
        with _typed(folder / LOG), contextlib.closing(_connect(folder / LOG, "rwc")) as db:
            db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {_VERSION}")
            db.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
            db.execute("INSERT INTO lease VALUES (?, 0, '')", (folder.name,))
        (folder / TEXTS).mkdir(exist_ok=True)
        sync_folder(folder)
        return cls(folder, clock=clock)

    @property
    def path(self) -> Path:
        return self.folder / LOG

    def events(self) -> list[Event]:
        """All events so far, in order."""
        return [event for event, _ in self._history]

    def append(self, kind: str, key: str, body: Any) -> Event:
        """Add an event. When this returns, the event survives whatever happens next."""
        if self._broken:
            raise StoreFault(f"{self.path}: takes no more records after a failed write", hint="resume the run")
        text, held = canonical_json(body), None
        if len(text.encode("utf-8", "replace")) > INLINE_BYTES or not _is_utf8(text):
            held = self.texts.keep(text)
        event = Event(run_id=self.run_id, seq=self._seq, kind=kind, key=key, body=body, at=self._clock())
        chain = _link(self._chain, event.seq, kind, key, held or text, event.at)
        row = (self.run_id, event.seq, kind, key, None if held else text, held, event.at, self._fence, chain)
        try:
            with _typed(self.path):
                self._db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        except FathomError:
            self._broken = True
            raise
        self._history.append((event, chain))
        self._seq, self._chain = self._seq + 1, chain
        return event

    def keep(self, text: str) -> str:
        """Store a text beside the log; see `TextFolder.keep`."""
        return self.texts.keep(text)

    def recall(self, digest: str) -> str:
        """A text kept before; see `TextFolder.recall`."""
        return self.texts.recall(digest)

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # closing tidies the write-ahead log; what counts is in it already
            self._db.close()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _take_over(self) -> int:
        """Raise the fencing number, which shuts out any earlier holder, and sign as its holder."""
        holder = f"process {os.getpid()} on {os.uname().nodename}"
        changed = self._db.execute(
            "UPDATE lease SET fence = fence + 1, holder = ? WHERE run_id = ? RETURNING fence", (holder, self.run_id)
        ).fetchone()
        if changed is None:
            raise InputError(self.path, "corrupt", f"this is not the log of run {self.run_id}")
        fence: int = changed[0]
        return fence


def read_events(folder: Path) -> list[Event]:
    """The events of the run in `folder`, without taking its lease. Raises `InputError`."""
    path = folder / LOG
    with _typed(path), contextlib.closing(_connect(path, "ro")) as db:
        return [event for event, _ in _read(db, path, TextFolder(folder / TEXTS))]


def is_held(folder: Path) -> bool:
    """Whether a living process writes to the run in `folder`."""
    try:
        lock = os.open(folder / LEASE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, timeout=5.0, isolation_level=None)
    try:
        if mode != "ro":
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _lease(folder: Path) -> int:
    try:
        lock = os.open(folder / LEASE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise RunError(f"run {folder.name} cannot be opened: {error.strerror}") from None
    give_up = time.monotonic() + LEASE_WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < give_up:
                time.sleep(0.02)
                continue
            os.close(lock)
            raise RunError(
                f"run {folder.name} is held by {_holder(folder)}", hint="let it finish, or end that process first"
            ) from None
        except OSError as error:
            os.close(lock)
            raise RunError(f"{folder / LEASE}: cannot be locked: {error.strerror}") from None
        return lock


def _holder(folder: Path) -> str:
    try:
        with contextlib.closing(_connect(folder / LOG, "ro")) as db:
            row = db.execute("SELECT holder FROM lease").fetchone()
    except sqlite3.Error:
        row = None
    return row[0] if row and row[0] else "another process"


def _read(db: sqlite3.Connection, path: Path, texts: TextFolder) -> Iterator[tuple[Event, str]]:
    """Events and their chain hashes, each checked against the one before."""
    if db.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
        raise InputError(path, "corrupt", "this is not a run's log, or its head is gone")
    # Finds pages that lost rows, which would otherwise pass for a shorter log. A few ms for the size logs have.
    found = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise InputError(path, "corrupt", " ".join(found.split()))
    run_id, chain = path.parent.name, ""
    for number, row in enumerate(db.execute(f"SELECT {_COLUMNS} FROM events ORDER BY seq")):
        seq, kind, key, body, body_text, at, stored = row
        chain = _link(chain, seq, kind, key, body if body_text is None else body_text, at)
        if seq != number or chain != stored:
            raise InputError(path, "corrupt", f"event {number} is not what was written")
        plain = body if body_text is None else texts.recall(body_text)
        yield Event(run_id=run_id, seq=seq, kind=kind, key=key, body=json.loads(plain), at=at), chain


def _link(before: str, *fields: object) -> str:
    # As texts, since a damaged row may hold any type.
    return content_hash([before, *(str(field) for field in fields)])


def _is_utf8(text: str) -> bool:
    """False for half a surrogate pair, which models do emit and SQLite does not store."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@contextlib.contextmanager
def _typed(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except UnicodeDecodeError as error:
        # SQLite's own message may quote the damaged file.
        raise InputError(path, "corrupt", f"holds text that is not UTF-8 ({error.reason})") from error
    except sqlite3.Error as error:
        # Errors of the Python binding, such as text that is not UTF-8, come without a code.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
            raise InputError(path, "corrupt", str(error)) from error
        if code == sqlite3.SQLITE_CANTOPEN and not path.exists():
            raise InputError(path, "missing", "the run has no log") from None
        if code == sqlite3.SQLITE_CONSTRAINT:
            raise RunError(f"{path}: {error}", hint="another process has taken the run over") from error
        if code == sqlite3.SQLITE_BUSY:
            raise RunError(f"{path}: another process is writing to it", hint="try again when it is done") from error
        raise StoreFault(f"{path}: could not be written: {error}", hint="see to the disk, then resume") from error
