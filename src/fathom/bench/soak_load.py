"""How `fathom bench soak` loads the system: rounds of jobs, some of them cancelled midway.

A round opens something, has a few jobs of it under way at once, and closes it; then comes the next one. What is not
expected of a job is an error of the bench, whatever the job was.
"""

import asyncio
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from fathom.core.seeds import stream

_HUNG_S = 240.0  # longer than any deadline in a load
_GIVEN_UP_S = 60.0  # for a cancelled job to end
_REST_S = 0.5  # after a round that failed
_ERRORS_SHOWN = 20


@dataclass(frozen=True)
class Done:
    """What a job did: so many calls, and a word for what came of them."""

    calls: int = 1
    outcome: str = ""


Job = Callable[[int], Awaitable[Done]]
"""Given the number of the job."""


@dataclass(frozen=True)
class Load:
    """One kind of load. `opened` opens what a round needs, given its number, and closes it. `expected` are errors that
    a job may end with. `pause_s` lies between two jobs of one worker, `latest_s` is the latest moment at which one of
    the share of `cancelled` jobs is cancelled."""

    name: str
    opened: Callable[[int], AbstractAsyncContextManager[Job]]
    jobs: int
    at_once: int
    expected: tuple[type[BaseException], ...] = ()
    pause_s: float = 0.0
    cancelled: float = 0.1
    latest_s: float = 1.0


@dataclass
class Tally:
    """What came of all jobs. `counts` has the number of jobs of each load under its name, and outcomes as `NAME
    outcome`; `rounds` the whole rounds of each."""

    progress: Callable[[str], None]
    counts: Counter[str] = field(default_factory=Counter)
    rounds: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    cancelled: int = 0
    refused: int = 0
    errors: int = 0

    def judge(self, load: Load, task: "asyncio.Task[Any]", *, given_up: bool = False) -> None:
        """Count a task that ended."""
        if task.cancelled():
            if given_up:
                self.cancelled += 1
            else:
                self.error(f"{load.name}: it was cancelled by nobody")
            return
        error = task.exception()
        if error is None:
            done = task.result()
            if isinstance(done, Done):
                self.calls += done.calls
                self.counts[f"{load.name} {done.outcome}".strip()] += 1
        elif isinstance(error, load.expected):
            self.calls += 1
            self.refused += 1
            self.counts[f"{load.name} refused"] += 1
        else:
            self.error(f"{load.name}: " + "".join(traceback.format_exception(error)))

    def error(self, what: str) -> None:
        """Count an error and tell of it."""
        self.errors += 1
        if self.errors <= _ERRORS_SHOWN:
            self.progress(f"ERROR {what}")


async def drive(load: Load, stop: "asyncio.Future[None]", tally: Tally, seed: int = 0) -> None:
    """Rounds of `load` until `stop` is done; jobs under way are cancelled then, and what is open is closed."""
    number = 0
    while not stop.done():
        before = tally.errors
        turn = asyncio.create_task(_round(load, number, stop, tally, seed))
        await asyncio.wait({turn})
        tally.judge(load, turn)
        tally.rounds[load.name] += not stop.done()
        number += 1
        if tally.errors > before and not stop.done():
            await asyncio.wait({stop}, timeout=_REST_S)


async def _round(load: Load, number: int, stop: "asyncio.Future[None]", tally: Tally, seed: int) -> None:
    numbers = iter(range(number * load.jobs, (number + 1) * load.jobs))
    async with load.opened(number) as job:

        async def worker() -> None:
            for each in numbers:
                if stop.done():
                    return
                random = stream(seed, "soak", load.name, each)
                cancelled = random.random() < load.cancelled
                await _one(load, job, each, stop, tally, random.uniform(0, load.latest_s) if cancelled else None)
                if load.pause_s:
                    await asyncio.wait({stop}, timeout=load.pause_s)

        await asyncio.gather(*(worker() for _ in range(load.at_once)))


async def _one(
    load: Load, job: Job, number: int, stop: "asyncio.Future[None]", tally: Tally, cancel_s: float | None
) -> None:
    task: asyncio.Task[Done] = asyncio.create_task(_awaited(job, number))
    both: set[asyncio.Future[Any]] = {task, stop}
    await asyncio.wait(both, timeout=_HUNG_S if cancel_s is None else cancel_s, return_when=asyncio.FIRST_COMPLETED)
    given_up = not task.done()
    if given_up:
        if cancel_s is None and not stop.done():
            tally.error(f"{load.name}: job {number} did not end within {_HUNG_S:g} s")
        task.cancel()
        await asyncio.wait({task}, timeout=_GIVEN_UP_S)
    tally.counts[load.name] += 1
    if task.done():
        tally.judge(load, task, given_up=given_up)
    else:
        tally.error(f"{load.name}: job {number} did not end although it was cancelled")


async def _awaited(job: Job, number: int) -> Done:
    return await job(number)
