"""The pool over workers that are none: what it holds ready, what it keeps, when it says that there is no room."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from fathom.core.errors import ProviderFault
from fathom.sandbox.code.config import CodeLimits, CodeSandboxConfig
from fathom.sandbox.code.pool import PooledSandbox
from fathom.sandbox.code.protocol import CodeResult


class ToyWorker:
    """Runs nothing: the code `wait` waits to be broken off, or for the worker's end, `die` ends the worker, all else is
    its output."""

    def __init__(self, source: "ToyWorkers") -> None:
        self._source, self.alive, self._runs = source, True, 0
        self._over = asyncio.Event()

    async def run(self, code: str, *, last: bool) -> CodeResult:
        self._runs += 1
        self._source.running += 1
        self._source.most = max(self._source.most, self._source.running)
        try:
            if code == "wait":
                await self._over.wait()
                return CodeResult(end="died")
            await asyncio.sleep(0)
            if last or code == "die":
                self.alive = False
            return CodeResult(end="died" if code == "die" else "ok", stdout=code, fresh=self._runs == 1)
        except asyncio.CancelledError:
            self.alive = False
            raise
        finally:
            self._source.running -= 1

    async def end(self) -> None:
        self.alive = False
        self._over.set()
        self._source.ended += 1


class ToyWorkers:
    """Makes such workers; `faults` are raised first."""

    def __init__(self, *faults: Exception) -> None:
        self.limits, self.faults = CodeLimits(), list(faults)
        self.made: list[ToyWorker] = []
        self.running = self.most = self.ended = 0
        self.gate: asyncio.Event | None = None

    async def spawn(self) -> Any:
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        if self.faults:
            raise self.faults.pop(0)
        self.made.append(ToyWorker(self))
        return self.made[-1]

    def kill(self, number: int) -> None:
        raise AssertionError("not used")

    async def close(self) -> None:
        pass


def pool(source: ToyWorkers, clock: Iterator[float] | None = None, **settings: Any) -> PooledSandbox:
    given = {"warm": 2, "slots": 4, "queue_s": 5.0, "session_idle_s": 100.0, "session_life_s": 1000.0}
    config = CodeSandboxConfig(**{**given, **settings})
    return PooledSandbox("toy", source, config, *([clock.__next__] if clock else []))


async def test_workers_are_held_ready_and_replaced() -> None:
    source = ToyWorkers()
    sandbox = pool(source)
    await sandbox.warm_up()
    assert len(source.made) == 2
    assert [(await sandbox.run(str(n))).stdout for n in range(3)] == ["0", "1", "2"]
    await sandbox.warm_up()
    assert len(source.made) == 5 and sum(worker.alive for worker in source.made) == 2
    await sandbox.close()
    assert not any(worker.alive for worker in source.made)


async def test_a_worker_that_died_while_it_waited_is_passed_over() -> None:
    source = ToyWorkers()
    sandbox = pool(source)
    await sandbox.warm_up()
    for worker in source.made:
        worker.alive = False
    assert (await sandbox.run("x")).stdout == "x"
    await sandbox.close()


async def test_no_more_run_at_once_than_there_are_slots() -> None:
    source = ToyWorkers()
    sandbox = pool(source, slots=3)
    results = await asyncio.gather(*(sandbox.run(str(n)) for n in range(20)))
    assert [result.stdout for result in results] == [str(n) for n in range(20)]
    assert source.most <= 3
    await sandbox.close()


async def test_no_room_in_time_is_saturation() -> None:
    source = ToyWorkers()
    sandbox = pool(source, slots=1, queue_s=0.05)
    held = asyncio.create_task(sandbox.run("wait"))
    await asyncio.sleep(0.01)
    with pytest.raises(ProviderFault) as full:
        await sandbox.run("x")
    assert full.value.kind == "saturated"
    held.cancel()
    await asyncio.gather(held, return_exceptions=True)
    assert (await sandbox.run("x")).stdout == "x"
    await sandbox.close()


async def test_a_worker_that_cannot_be_made_is_a_fault_of_whoever_waits_for_it() -> None:
    source = ToyWorkers(*(ProviderFault(f"no {n}") for n in range(2)))
    sandbox = pool(source, warm=0)
    outcomes = await asyncio.gather(*(sandbox.run(str(n)) for n in range(3)), return_exceptions=True)
    assert sum(isinstance(outcome, ProviderFault) for outcome in outcomes) == 2
    assert (await sandbox.run("x")).stdout == "x"
    await sandbox.close()


async def test_a_worker_that_nobody_waits_for_any_more_is_not_made() -> None:
    source = ToyWorkers()
    source.gate = asyncio.Event()
    sandbox = pool(source, warm=0)
    first, second = (asyncio.create_task(sandbox.run(name)) for name in ("first", "second"))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    third = asyncio.create_task(sandbox.run("third"))  # comes while the other is still being given up
    source.gate.set()
    assert {(await second).stdout, (await third).stdout} == {"second", "third"}
    await sandbox.close()
    assert not any(worker.alive for worker in source.made) and len(source.made) == 2


@pytest.mark.parametrize("turns", range(8))
async def test_a_run_that_is_broken_off_at_any_moment_keeps_no_worker(turns: int) -> None:
    source = ToyWorkers()
    sandbox = pool(source, warm=0, slots=1)
    for session in ("", "s"):
        running = asyncio.create_task(sandbox.run("wait", session))
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for _ in range(10):
            await asyncio.sleep(0)
        assert not any(worker.alive for worker in source.made)
    assert (await sandbox.run("x")).stdout == "x"
    await sandbox.close()


async def test_a_session_has_one_worker_until_its_time_is_up() -> None:
    source, now = ToyWorkers(), [0.0]
    sandbox = pool(source, iter(lambda: now[0], None), warm=0)
    assert [(await sandbox.run("x", "s")).fresh for _ in range(3)] == [True, False, False]
    now[0] = 99
    assert not (await sandbox.run("x", "s")).fresh
    now[0] = 200
    assert (await sandbox.run("x", "s")).fresh  # idle for too long
    for now[0] in range(210, 1210, 50):
        last = await sandbox.run("x", "s")
    assert last.fresh is False and len(source.made) == 2
    now[0] = 1211
    assert (await sandbox.run("x", "s")).fresh  # lived for too long
    await sandbox.close()


async def test_idle_sessions_give_their_slots_back() -> None:
    source, now = ToyWorkers(), [0.0]
    sandbox = pool(source, iter(lambda: now[0], None), warm=0, slots=2, queue_s=0.05)
    await sandbox.run("x", "a")
    await sandbox.run("x", "b")
    with pytest.raises(ProviderFault):
        await sandbox.run("x")
    now[0] = 101
    await sandbox.end_idle()
    assert source.ended == 2
    assert (await sandbox.run("x")).stdout == "x"
    await sandbox.close()


async def test_a_session_whose_worker_ended_gets_another() -> None:
    sandbox = pool(ToyWorkers(), warm=0, slots=1)
    assert (await sandbox.run("die", "s")).end == "died"
    assert (await sandbox.run("x", "s")).fresh
    running = asyncio.create_task(sandbox.run("wait", "s"))
    await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await sandbox.run("x", "s")).fresh
    await sandbox.end("s")
    assert (await sandbox.run("x")).stdout == "x"  # the only slot is free
    await sandbox.close()


async def test_a_session_that_is_ended_while_a_run_waits_for_it_begins_anew() -> None:
    sandbox = pool(ToyWorkers(), warm=0, slots=1)
    await sandbox.run("x", "s")
    runs = [asyncio.create_task(sandbox.run(str(n), "s")) for n in range(3)]
    ending = asyncio.create_task(sandbox.end("s"))
    results = await asyncio.gather(*runs)
    await ending
    assert [result.stdout for result in results] == ["0", "1", "2"]
    await sandbox.end("s")
    assert (await sandbox.run("x")).stdout == "x"
    await sandbox.close()


async def test_closing_while_workers_are_made_and_runs_wait() -> None:
    source = ToyWorkers()
    source.gate = asyncio.Event()
    sandbox = pool(source)
    waiting = asyncio.create_task(sandbox.run("x"))
    await asyncio.sleep(0.01)
    await sandbox.close()
    with pytest.raises(ProviderFault):
        async with asyncio.timeout(1):
            await waiting
    with pytest.raises(ProviderFault):
        await sandbox.run("x")


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), RuntimeError("can't start new thread")])
async def test_where_the_machine_has_no_room_nobody_waits_for_ever(error: Exception) -> None:
    sandbox = pool(ToyWorkers(error), warm=0)
    async with asyncio.timeout(5):
        with pytest.raises(ProviderFault, match="could not be started"):
            await sandbox.run("x")
        assert (await sandbox.run("x")).stdout == "x"
    await sandbox.close()


async def test_a_session_is_ended_without_waiting_for_its_code() -> None:
    source = ToyWorkers()
    sandbox = pool(source, warm=0, slots=1)
    running = asyncio.create_task(sandbox.run("wait", "s"))
    await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        await sandbox.end("s")
        assert (await running).end == "died" and not source.made[0].alive
        assert (await sandbox.run("x")).stdout == "x"  # the only slot is free
        assert (await sandbox.run("x", "s")).fresh
    await sandbox.close()


async def test_a_session_is_ended_while_its_first_run_waits_for_a_worker() -> None:
    source = ToyWorkers()
    source.gate = asyncio.Event()
    sandbox = pool(source, warm=0, slots=1)
    running = asyncio.create_task(sandbox.run("x", "s"))
    await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        await sandbox.end("s")
        source.gate.set()
        assert (await running).fresh
        await sandbox.end("s")
        assert (await sandbox.run("x")).stdout == "x" and not any(worker.alive for worker in source.made)
    await sandbox.close()
