"""The log keeps what it acknowledged, refuses to be changed, and says in one line what is wrong with it."""

import contextlib
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fathom.core.errors import InputError, RunError, StoreFault
from fathom.core.texts import TextFolder, write_durably
from fathom.rollout.store import INLINE_BYTES, LEASE, RunStore, is_held, read_events


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder with an empty log."""
    path = tmp_path / "run-1"
    path.mkdir()
    RunStore.create(path, clock=lambda: 12.5).close()
    return path


def test_events_come_back_as_written(folder: Path) -> None:
    bodies = [{"a": 1.5}, None, ["x" * INLINE_BYTES], "half a pair \ud83d", "nul \0", "日本"]
    with RunStore(folder, clock=lambda: 12.5) as store:
        written = [store.append("note", f"k{i}", body) for i, body in enumerate(bodies)]
    assert [event.body for event in written] == bodies
    assert read_events(folder) == written
    assert [event.seq for event in written] == list(range(len(bodies))) and written[0].at == 12.5
    with RunStore(folder) as store:
        assert store.events() == written
        assert store.append("note", "next", 1).seq == len(bodies)


def test_only_large_bodies_leave_the_database(folder: Path) -> None:
    with RunStore(folder) as store:
        store.append("note", "small", "x" * (INLINE_BYTES - 2))
        assert not list(folder.glob("texts/*/*"))
        store.append("note", "large", "x" * (INLINE_BYTES - 1))
        assert len(list(folder.glob("texts/*/*"))) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET body = '2' WHERE seq = 0",
        "DELETE FROM events",
        "INSERT OR REPLACE INTO events VALUES ('run-1', 0, 'k', 'k', '1', NULL, 0, 2, '')",
        "INSERT INTO events VALUES ('run-1', 7, 'k', 'k', '1', NULL, 0, 2, '')",
    ],
)
def test_the_database_refuses_to_change_the_past(folder: Path, statement: str) -> None:
    with RunStore(folder) as store:
        store.append("note", "k0", 1)
    with contextlib.closing(sqlite3.connect(folder / "events.sqlite")) as db, pytest.raises(sqlite3.IntegrityError):
        db.execute(statement)


def test_a_second_writer_is_told_who_holds_the_run(folder: Path) -> None:
    with RunStore(folder) as store:
        assert is_held(folder)
        with pytest.raises(RunError, match=r"run run-1 is held by process \d+ on "):
            RunStore(folder)
        store.append("note", "k0", 1)
    assert not is_held(folder)
    RunStore(folder).close()


def test_a_dead_holder_is_succeeded(folder: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from fathom.rollout.store import RunStore\n"
        "store = RunStore(Path(sys.argv[1])); store.append('note', 'k0', 'last words'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(folder)], check=False).returncode == -9
    with RunStore(folder) as store:
        assert [event.body for event in store.events()] == ["last words"]


def test_who_lost_the_lease_cannot_write_even_where_locks_lie(folder: Path) -> None:
    with RunStore(folder) as old:
        old.append("note", "k0", "old")
        (folder / LEASE).unlink()  # the next one locks another file, as if there were no locks
        with RunStore(folder) as new:
            with pytest.raises(RunError, match="fenced off"):
                old.append("note", "k1", "old")
            new.append("note", "k1", "new")
    assert [event.body for event in read_events(folder)] == ["old", "new"]


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process can grow beyond `size` bytes: writes fail as on a bad disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [20_000, 40_000, 61_234])
def test_a_failing_disk_is_a_typed_error_and_loses_nothing_acknowledged(folder: Path, size: int) -> None:
    acknowledged = []
    with RunStore(folder) as store:
        with pytest.raises(StoreFault), largest_file(size):
            for number in range(1000):
                acknowledged.append(store.append("note", f"k{number}", "x" * 500))
        with pytest.raises(StoreFault, match="no more records"):
            store.append("note", "after", 1)
    assert 0 < len(acknowledged) < 1000
    with RunStore(folder) as store:
        assert store.events() == acknowledged
        store.append("note", "on", 1)


def test_a_full_disk_is_a_typed_error_and_loses_nothing_acknowledged(folder: Path) -> None:
    acknowledged = []
    with RunStore(folder) as store:
        store._db.execute("PRAGMA max_page_count = 30")
        with pytest.raises(StoreFault, match="full"):
            for number in range(1000):
                acknowledged.append(store.append("note", f"k{number}", "x" * 500))
    assert len(acknowledged) > 50
    assert read_events(folder) == acknowledged


def test_a_text_that_finds_no_room_names_no_event(folder: Path) -> None:
    with RunStore(folder) as store:
        path = TextFolder(folder / "texts").path("2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")
        path.parent.mkdir()
        (path.parent / f"{path.name}.tmp").symlink_to("/dev/full")
        with pytest.raises(StoreFault, match="No space left"):
            store.keep("x")
        assert not path.exists() and store.events() == []


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "trajectory.jsonl"
    write_durably(path, b"old")
    with pytest.raises(StoreFault), largest_file(10):
        write_durably(path, b"new and too long for the disk")
    assert path.read_bytes() == b"old"


def test_texts_are_kept_once_checked_and_swept(folder: Path) -> None:
    texts = TextFolder(folder / "texts")
    digest = texts.keep("page \ud800")
    assert texts.keep("page \ud800") == digest == TextFolder(folder / "texts").keep("page \ud800")
    assert texts.recall(digest) == "page \ud800"
    draft = texts.path(digest).with_name("0" * 64 + ".tmp")
    draft.write_bytes(b"torn")
    RunStore(folder).close()
    assert not draft.exists()
    texts.path(digest).write_bytes(b"other")
    with pytest.raises(RunError, match="not what was kept"):
        texts.recall(digest)
    with pytest.raises(RunError, match="cannot be read"):
        texts.recall("f" * 64)


def test_a_log_that_is_none_says_so_in_one_line(folder: Path, tmp_path: Path) -> None:
    log = folder / "events.sqlite"
    log.write_bytes(b"this is no database, but it is long enough to look like one" * 40)
    with pytest.raises(InputError, match=r"events\.sqlite: corrupt: file is not a database"):
        read_events(folder)
    log.write_bytes(b"")
    with pytest.raises(InputError, match="not a run's log"):
        RunStore(folder)
    log.unlink()
    with pytest.raises(InputError, match="missing"):
        read_events(folder)
    with pytest.raises(RunError, match="cannot be opened"):
        RunStore(tmp_path / "nowhere")


def test_a_changed_event_is_found(folder: Path) -> None:
    with RunStore(folder) as store:
        for number in range(3):
            store.append("note", f"k{number}", number)
    with contextlib.closing(sqlite3.connect(folder / "events.sqlite")) as db:
        db.execute("DROP TRIGGER events_keep")
        db.execute("UPDATE events SET body = '7' WHERE seq = 1")
        db.commit()
    with pytest.raises(InputError, match="event 1 is not what was written"):
        read_events(folder)
