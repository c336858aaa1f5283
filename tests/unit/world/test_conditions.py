"""Conditions learnt from a call log, around a world that has none of its own."""

import asyncio
import statistics
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.virtual_time import run_virtual
from tests.worlds import small_world

from fathom.core.errors import InputError, WorldUnavailableFault
from fathom.sandbox.gateway.calls import CallRecord
from fathom.world.conditions import ConditionedWorld, Conditions, ServiceConditions, learn_conditions
from fathom.world.recorded import RecordedWorld, RecordingWorld


def calls(count: int, *, service: str = "search", cache: str = "miss", fault_rate: float = 0.1) -> list[CallRecord]:
    random = Random(1)
    return [
        CallRecord(
            at=float(number),
            service=service,
            key=str(number),
            cache=cache,  # type: ignore[arg-type]
            status="fault" if random.random() < fault_rate else "ok",
            seconds=random.lognormvariate(0, 1),
        )
        for number in range(count)
    ]


def test_waits_and_faults_are_as_in_the_log(tmp_path: Path) -> None:
    log = calls(5000)
    conditions = learn_conditions([*log, *calls(5000, cache="hit", fault_rate=0.9), *calls(5, service="read")])
    assert set(conditions.services) == {"search"}

    async def recording() -> RecordedWorld:
        world = RecordingWorld(small_world(tmp_path / "corpus"), tmp_path / "recording")
        await world.search("Salt Road", 3)
        return RecordedWorld(tmp_path / "recording")

    async def main(plain: RecordedWorld) -> None:
        world = ConditionedWorld(plain, conditions, seed=3)
        took, faults = [], 0
        for _ in range(4000):
            began = asyncio.get_running_loop().time()
            try:
                assert (await world.search("Salt Road", 3))[0].title == "Salt Road"
            except WorldUnavailableFault:
                faults += 1
            took.append(asyncio.get_running_loop().time() - began)
        learnt = sorted(call.seconds for call in log)
        for share in (0.1, 0.5, 0.9, 0.95):
            assert statistics.quantiles(took, n=100)[int(share * 100) - 1] == pytest.approx(
                learnt[int(share * len(learnt))], rel=0.15
            )
        assert faults / 4000 == pytest.approx(0.1, abs=0.02)

    run_virtual(main(asyncio.run(recording())))


def test_the_same_seed_brings_the_same_in_any_order() -> None:
    conditions = Conditions(services={"search": ServiceConditions(seconds=(0.0, 1.0), fault_rate=0.5)})

    class Still:
        name = "still"

        async def search(self, query: str, k: int = 10) -> tuple[()]:
            return ()

    async def main(order: list[str]) -> dict[str, str]:
        world = ConditionedWorld(Still(), conditions, seed=1)  # type: ignore[arg-type]

        async def one(query: str) -> str:
            try:
                await world.search(query)
            except WorldUnavailableFault:
                return "fault"
            return "none"

        return dict(zip(order, await asyncio.gather(*map(one, order)), strict=True))

    queries = [str(number) for number in range(100)]
    first = run_virtual(main(queries))
    assert first == run_virtual(main(queries[::-1])) and set(first.values()) == {"fault", "none"}


def test_answers_and_faults_each_have_their_own_waits() -> None:
    log = [
        CallRecord(
            at=n, service="search", key=str(n), status="fault" if n % 4 == 0 else "ok", seconds=60.0 * (n % 4 == 0) + 1
        )
        for n in range(400)
    ]
    conditions = learn_conditions(log)

    class Still:
        name = "still"

        async def search(self, query: str, k: int = 10) -> tuple[()]:
            return ()

    async def main() -> set[tuple[bool, float]]:
        world = ConditionedWorld(Still(), conditions, seed=1)  # type: ignore[arg-type]
        met = set()
        for number in range(200):
            began, broken = asyncio.get_running_loop().time(), False
            try:
                await world.search(str(number))
            except WorldUnavailableFault:
                broken = True
            met.add((broken, round(asyncio.get_running_loop().time() - began, 6)))
        return met

    assert run_virtual(main()) == {(False, 1.0), (True, 61.0)}


def test_degraded_answers_are_answers_with_the_waits_they_took() -> None:
    def call(n: int, **what: Any) -> CallRecord:
        return CallRecord(at=n, service="read", key=str(n), status="ok", **what)

    log = [call(n, seconds=5.0, degraded="stale", cache="hit") for n in range(10)]
    log += [call(n, seconds=3.0, degraded="backup") for n in range(10)]
    log += [call(n, seconds=0.0, cache="hit") for n in range(10)] + [
        call(n, seconds=1.0, cache="joined") for n in range(10)
    ]
    (read,) = learn_conditions(log).services.values()
    assert (read.fault_rate, set(read.seconds), read.fault_seconds) == (0.0, {3.0, 5.0}, ())


def test_conditions_of_older_versions_have_one_wait_for_both() -> None:
    old = ServiceConditions.model_validate_json('{"seconds": [2.0, 2.0], "fault_rate": 0.5}')
    assert old.wait_s(0.5) == old.wait_s(0.5, fault=True) == 2.0
    with pytest.raises(ValueError, match="seconds of answers or of faults"):
        ServiceConditions(fault_rate=0.5)


@given(seconds=st.lists(st.floats(0, 1e4), min_size=1, max_size=200), quantile=st.floats(0, 1))
def test_a_wait_is_between_the_least_and_the_most(seconds: list[float], quantile: float) -> None:
    ordered = tuple(sorted(seconds))
    wait = ServiceConditions(seconds=ordered, fault_rate=0).wait_s(quantile)
    assert ordered[0] <= wait * (1 + 1e-9) and wait <= ordered[-1] * (1 + 1e-9)


def test_too_few_calls_say_nothing() -> None:
    with pytest.raises(InputError, match="fewer than 20"):
        learn_conditions(calls(19))


def test_calls_that_nobody_waited_for_are_neither_answers_nor_faults() -> None:
    left = [call.model_copy(update={"status": "cancelled", "seconds": 999.0}) for call in calls(500)]
    assert learn_conditions([*calls(500), *left]) == learn_conditions(calls(500))
