"""A log cut off or damaged anywhere is a whole shorter log or a clear error, never other events."""

import contextlib
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fathom.core.errors import InputError
from fathom.core.events import Event
from fathom.rollout.store import RunStore, read_events

EVENTS = 40


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[Event]]:
    """One log twice: its events in the write-ahead log, as a kill leaves them; in the database, as closing does."""
    root = tmp_path_factory.mktemp("logs")
    folder = root / "closed" / "run"
    folder.mkdir(parents=True)
    RunStore.create(folder).close()
    with RunStore(folder) as store:
        events = [store.append("note", f"k{i}", {"n": i, "text": "word " * (i * 7 % 90)}) for i in range(EVENTS)]
        shutil.copytree(folder, root / "open" / "run")
    return root / "open" / "run", folder, events


def damaged_copy(source: Path, name: str, data: bytes, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    folder = target / "run"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*-shm"))
    (folder / name).write_bytes(data)
    return folder


def check_prefix(folder: Path, events: list[Event]) -> int | None:
    """How many events are left, None where the log says that it is damaged."""
    try:
        found = read_events(folder)
    except InputError as error:
        assert "\n" not in str(error) and "events.sqlite: " in str(error)
        return None
    assert found == events[: len(found)]
    with RunStore(folder) as store:
        assert store.append("note", "on", "after the damage").seq == len(found)
    assert read_events(folder)[:-1] == found
    return len(found)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.floats(0, 1))
def test_write_ahead_log_cut_anywhere(logs: tuple[Path, Path, list[Event]], tmp_path: Path, cut: float) -> None:
    source, _, events = logs
    data = (source / "events.sqlite-wal").read_bytes()
    left = check_prefix(
        damaged_copy(source, "events.sqlite-wal", data[: int(cut * len(data))], tmp_path / "copy"), events
    )
    # Each event takes two or more pages of the log, and the schema is in the database already.
    assert left is not None and left <= EVENTS and (left == EVENTS) == (cut == 1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.floats(0, 0.999))
def test_database_cut_anywhere(logs: tuple[Path, Path, list[Event]], tmp_path: Path, cut: float) -> None:
    _, source, events = logs
    data = (source / "events.sqlite").read_bytes()
    assert (
        check_prefix(damaged_copy(source, "events.sqlite", data[: int(cut * len(data))], tmp_path / "copy"), events)
        is None
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 0.999), mask=st.integers(1, 255), in_log=st.booleans())
@example(where=0.09375, mask=128, in_log=False)  # sqlite's report of the damage quotes it, and is no UTF-8
def test_one_byte_changed_anywhere(
    logs: tuple[Path, Path, list[Event]], tmp_path: Path, where: float, mask: int, in_log: bool
) -> None:
    opened, closed, events = logs
    source, name = (opened, "events.sqlite-wal") if in_log else (closed, "events.sqlite")
    data = bytearray((source / name).read_bytes())
    data[int(where * len(data))] ^= mask
    folder = damaged_copy(source, name, bytes(data), tmp_path / "copy")
    with contextlib.suppress(InputError):
        found = read_events(folder)
        assert found == events[: len(found)]
        assert in_log or len(found) == EVENTS  # only the end of a write-ahead log may go without a word


def test_pages_that_lost_a_row_do_not_pass_for_a_shorter_log(
    logs: tuple[Path, Path, list[Event]], tmp_path: Path
) -> None:
    _, source, events = logs
    whole = (source / "events.sqlite").read_bytes()
    for page in range(1, len(whole) // 4096):
        data = bytearray(whole)
        data[page * 4096 + 4] -= data[page * 4096 + 4] > 0  # the low byte of the number of rows on the page
        if bytes(data) == whole:
            continue
        with contextlib.suppress(InputError):
            assert read_events(damaged_copy(source, "events.sqlite", bytes(data), tmp_path / "copy")) == events
