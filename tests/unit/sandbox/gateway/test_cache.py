"""The result cache: shared, sealed, and never in the way."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.core.errors import StoreFault
from fathom.sandbox.gateway.cache import CacheConfig, ResultCache, Stored

LONG = 10.0**10


def stored(text: str, fact: str = "") -> Stored:
    return Stored(fact, text.encode(), LONG, 2 * LONG)


def on_disk(path: Path, **config: int) -> ResultCache:
    return ResultCache(path, CacheConfig(in_memory=0, **config))


def test_another_process_finds_what_was_kept(tmp_path: Path) -> None:
    first, second = (on_disk(tmp_path / "cache") for _ in range(2))
    first.put("a", Stored("not_found", b"there is no page a", LONG, 2 * LONG, "backup"))
    assert second.get("a") == Stored("not_found", b"there is no page a", LONG, 2 * LONG, "backup")
    second.put("a", stored("now there is"))
    assert first.get("a") == stored("now there is")
    assert first.get("b") is None


def test_what_another_process_renewed_is_seen_once_ones_own_is_old(tmp_path: Path) -> None:
    now = [100.0]
    mine, other = (ResultCache(tmp_path / "cache", clock=lambda: now[0]) for _ in range(2))
    mine.put("a", Stored("", b"old", 150.0, 300.0))
    other.put("a", Stored("", b"new", 250.0, 300.0))
    assert mine.get("a") == Stored("", b"old", 150.0, 300.0)
    now[0] = 200.0
    assert mine.get("a") == Stored("", b"new", 250.0, 300.0)


def test_what_is_past_its_time_is_gone() -> None:
    now = [100.0]
    cache = ResultCache(clock=lambda: now[0])
    cache.put("a", Stored("", b"x", 150, 200))
    assert cache.get("a") is not None
    now[0] = 200.0
    assert cache.get("a") is None


def test_memory_keeps_the_last_ones_used() -> None:
    cache = ResultCache(config=CacheConfig(in_memory=2))
    for key in "ab":
        cache.put(key, stored(key))
    cache.get("a")
    cache.put("c", stored("c"))
    assert [cache.get(key) is not None for key in "abc"] == [True, False, True]


def test_memory_keeps_so_many_bytes(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path / "cache", CacheConfig(in_memory_bytes=1000))
    in_memory = ResultCache(config=CacheConfig(in_memory_bytes=1000))
    for held in (cache, in_memory):
        for key in "abc":
            held.put(key, stored(key * 400))
        held.put("c", stored("c" * 500))  # in the place of the one before
        held.put("d", stored("d" * 2000))
        held.put("e", stored("e"))
    assert [in_memory.get(key) is not None for key in "abcde"] == [False, False, False, False, True]
    assert all(cache.get(key) is not None for key in "abcde")
    cache.close()


def test_equal_bodies_are_stored_once(tmp_path: Path) -> None:
    cache = on_disk(tmp_path / "cache")
    for number in range(50):
        cache.put(f"https://mirror-{number}", stored("the same page " * 1000))
    with sqlite3.connect(tmp_path / "cache") as db:
        assert db.execute("SELECT count(*) FROM bodies").fetchone() == (1,)


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE bodies SET data = x'789c'",
        "UPDATE answers SET fact = 'not_found'",
        "UPDATE answers SET fresh = fresh + 1",
        "UPDATE answers SET note = 'stale'",
        "UPDATE answers SET body = (SELECT max(hash) FROM bodies) WHERE key = 'a'",
        "DELETE FROM bodies",
        "UPDATE bodies SET data = 5",
    ],
)
def test_a_row_that_was_changed_is_taken_for_missing(tmp_path: Path, harm: str) -> None:
    cache = on_disk(tmp_path / "cache")
    cache.put("a", stored("zero 68"))  # its hash is the smaller one
    cache.put("b", stored("one 69"))
    with sqlite3.connect(tmp_path / "cache") as db:
        (first,) = db.execute("SELECT body FROM answers WHERE key = 'a'").fetchone()
        (largest,) = db.execute("SELECT max(hash) FROM bodies").fetchone()
        key = "a" if first != largest else "b"
        db.execute(harm.replace("'a'", f"'{key}'"))
    assert cache.get(key) is None
    assert cache.rotten == 1
    cache.put(key, stored("anew"))
    assert cache.get(key) == stored("anew")


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1), bits=st.integers(1, 255))
def test_no_flipped_byte_gives_a_wrong_answer(
    tmp_path_factory: pytest.TempPathFactory, place: float, bits: int
) -> None:
    path = tmp_path_factory.mktemp("rot") / "cache"
    cache = on_disk(path)
    for number in range(20):
        cache.put(f"key-{number}", stored(f"answer {number} " * 40))
    cache.close()
    data = bytearray(path.read_bytes())
    data[int(place * (len(data) - 1))] ^= bits
    path.write_bytes(data)
    again = on_disk(path)
    for number in range(20):
        assert again.get(f"key-{number}") in (None, stored(f"answer {number} " * 40))
    again.put("new", stored("new"))
    again.close()


@pytest.mark.parametrize("content", [b"", b"no database at all " * 100, b"SQLite format 3\0" + bytes(5000)])
def test_a_file_that_is_no_cache_is_put_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cache"
    path.write_bytes(content)
    cache = on_disk(path)
    cache.put("a", stored("a"))
    assert cache.get("a") == stored("a")
    assert not content or (tmp_path / "cache.damaged").read_bytes() == content


def test_another_programs_database_is_not_written_into(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE answers (mine TEXT)")
    db.close()
    with pytest.raises(StoreFault, match="another program's"):
        on_disk(path)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT sql FROM sqlite_master").fetchone() == ("CREATE TABLE answers (mine TEXT)",)


def test_a_lock_held_elsewhere_costs_the_cache_and_no_call(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path / "cache")
    other = sqlite3.connect(tmp_path / "cache", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    cache.put("a", stored("a"))
    assert time.monotonic() - began < 2
    assert cache.failures == 1 and cache.get("a") == stored("a")  # from memory
    other.execute("COMMIT")
    cache.put("b", stored("b"))
    assert cache.failures == 1


def test_a_full_disk_costs_the_cache_and_no_call(tmp_path: Path) -> None:
    code = """
        import os, resource, signal, sys
        from pathlib import Path
        from fathom.sandbox.gateway.cache import ResultCache, Stored
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        cache = ResultCache(Path(sys.argv[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        for number in range(200):
            cache.put(str(number), Stored("", os.urandom(5000), 1e10, 2e10))
            assert cache.get(str(number)) is not None
        print(cache.failures)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "cache")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100
    assert on_disk(tmp_path / "cache").get("0") is not None


def test_a_folder_that_may_not_be_written_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFault):
        ResultCache(tmp_path / "file" / "cache")


def test_a_large_file_loses_its_oldest_answers(tmp_path: Path) -> None:
    cache = on_disk(tmp_path / "cache", max_bytes=400_000)
    for number in range(2048):
        cache.put(str(number), Stored("", os.urandom(1000), LONG, 2 * LONG))
    assert cache.get("2047") is not None and cache.get("0") is None
    with sqlite3.connect(tmp_path / "cache") as db:
        (answers,), (bodies,) = (
            db.execute(f"SELECT count(*) FROM {name}").fetchone() for name in ("answers", "bodies")
        )
        assert answers == bodies < 2048


def test_killed_at_any_time_it_holds_whole_answers_only(tmp_path: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from fathom.sandbox.gateway.cache import ResultCache, Stored
        cache = ResultCache(Path(sys.argv[1]))
        for number in range(10**6):
            cache.put(str(number % 500), Stored("", f"{number % 500} ".encode() * 200, 1e10, 2e10))
            if number == 50:
                print("ready", flush=True)
    """
    for wait_ms in (0, 3, 10, 30, 70, 110):
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "cache")], stdout=subprocess.PIPE
        )
        assert child.stdout is not None and child.stdout.readline()
        time.sleep(wait_ms / 1000)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        cache = on_disk(tmp_path / "cache")
        found = [cache.get(str(number)) for number in range(500)]
        assert cache.rotten == cache.failures == 0 and sum(each is not None for each in found) > 50
        for number, each in enumerate(found):
            assert each is None or each.body == f"{number} ".encode() * 200
        cache.close()


def test_who_puts_little_and_opens_it_often_has_it_swept_too(tmp_path: Path) -> None:
    for day in range(4):
        now = 1_000.0 + day * 90_000
        cache = ResultCache(tmp_path / "cache", clock=partial(float, now))
        cache.put(f"day {day}", Stored("", b"said", fresh=now + 10, stale=now + 100_000))
        cache.close()
        with sqlite3.connect(tmp_path / "cache") as db:
            (rows,) = db.execute("SELECT count(*) FROM answers").fetchone()
        assert rows == min(day, 1) + 1  # those of the day before yesterday are past their time


def test_a_cache_opened_twice_a_day_is_swept_once(tmp_path: Path) -> None:
    for now in (1_000.0, 41_000.0):
        cache = ResultCache(tmp_path / "cache", clock=partial(float, now))
        cache.put("a", Stored("", b"said", fresh=now + 1, stale=now + 1))
        cache.close()
    with sqlite3.connect(tmp_path / "cache") as db:
        assert db.execute("SELECT count(*), max(at) FROM swept").fetchone() == (1, 1_000.0)
