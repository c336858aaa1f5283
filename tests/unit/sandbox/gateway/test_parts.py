"""Bucket, breaker, and call log by themselves."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fathom.core.errors import StoreFault
from fathom.sandbox.gateway.breaker import Breaker, BreakerConfig
from fathom.sandbox.gateway.calls import CallRecord, FileLog, read_calls
from fathom.sandbox.gateway.limits import TokenBucket


@given(
    rate=st.floats(0.01, 1000),
    burst=st.integers(1, 20),
    pauses=st.lists(st.floats(0, 100), min_size=1, max_size=60),
)
def test_a_bucket_never_gives_more_than_flowed_in(rate: float, burst: int, pauses: list[float]) -> None:
    bucket, now, taken = TokenBucket(rate, burst, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        while bucket.wait_s(now) == 0:
            bucket.take(now)
            taken += 1
        assert taken <= burst + rate * now + 1e-6
        with pytest.raises(ValueError, match="no token"):
            bucket.take(now)
    wait = bucket.wait_s(now)
    assert 0 < wait <= 1 / rate and bucket.wait_s(now + wait) == 0


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    bucket = TokenBucket(1, 1, 100.0)
    bucket.take(100.0)
    assert bucket.wait_s(50.0) == 1 and bucket.wait_s(101.0) == 0


def test_a_breaker_opens_by_share_and_by_failures_in_a_row() -> None:
    config = BreakerConfig(least=10, share=0.5, in_a_row=4, open_s=1)
    mixed, row = Breaker(config), Breaker(config)
    for number in range(10):
        (mixed.fail if number % 2 else mixed.succeed)(float(number))
    assert mixed.is_open and mixed.wait_s(9.5) == pytest.approx(0.5)
    for number in range(4):
        assert not row.is_open
        row.fail(float(number))
    assert row.is_open


def test_what_is_long_ago_does_not_count() -> None:
    breaker = Breaker(BreakerConfig(least=4, share=0.5, in_a_row=100, window_s=10))
    for _ in range(3):
        breaker.fail(0.0)
    for _ in range(3):
        breaker.fail(20.0)
    assert not breaker.is_open
    breaker.fail(20.0)
    assert breaker.is_open


def test_one_trial_at_a_time_and_a_longer_rest_after_each_that_fails() -> None:
    breaker = Breaker(BreakerConfig(in_a_row=1, open_s=1, max_open_s=4))
    now, rests = 0.0, []
    breaker.fail(now)
    for _ in range(4):
        rests.append(breaker.wait_s(now))
        now += rests[-1]
        assert breaker.begin(now)
        assert breaker.wait_s(now) > 0  # while the trial runs
        breaker.fail(now)  # of a call that began before
        assert breaker.wait_s(now) == pytest.approx(0.05) and not breaker.begin(now)
        breaker.fail(now, trial=True)
    assert rests == [1, 2, 4, 4]
    now += breaker.wait_s(now)
    assert breaker.begin(now)
    breaker.abandon(trial=False)
    assert breaker.wait_s(now) > 0  # another call's end
    breaker.abandon(trial=True)
    assert breaker.wait_s(now) == 0 and breaker.is_open  # the trial said nothing: the next one may try
    assert breaker.begin(now)
    breaker.succeed(now)  # of a call that began before
    assert breaker.is_open
    breaker.succeed(now, trial=True)
    assert not breaker.is_open
    breaker.fail(now)
    assert breaker.wait_s(now) == 1


def record(number: int) -> CallRecord:
    return CallRecord(at=float(number), service="search", key="k", status="ok", faults=("server",), seconds=0.5)


def test_two_writers_share_a_log_of_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "calls.jsonl"
    first, second = FileLog(path), FileLog(path)
    for number in range(1000):
        (first if number % 3 else second).write(record(number))
    first.close()
    second.close()
    assert sorted(call.at for call in read_calls(path)) == list(map(float, range(1000)))
    assert json.loads(path.read_text().splitlines()[0])["service"] == "search"
    assert path.stat().st_mode & 0o077 == 0


def test_a_log_that_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(StoreFault):
        FileLog(tmp_path)


def test_a_disk_that_fills_costs_lines_and_no_call() -> None:
    log = FileLog(Path("/dev/full"))
    for number in range(200):
        log.write(record(number))
    log.close()
    assert log.lost == 200


def test_one_refusal_among_answers_is_a_failure_like_others_and_two_are_none() -> None:
    breaker = Breaker(BreakerConfig())
    for second in range(100):  # now and then one, as servers that are in trouble refuse
        breaker.succeed(float(second))
        breaker.fail(second + 0.5, rest_s=600.0)
        assert not breaker.is_open
    breaker.fail(101.0)
    breaker.fail(101.5, rest_s=600.0)
    assert breaker.is_open
    fresh = Breaker(BreakerConfig())
    fresh.fail(0.0, rest_s=600.0)
    assert fresh.is_open
