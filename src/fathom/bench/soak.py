"""`fathom bench soak`: half an hour of mixed load in one event loop, after which nothing may be left of it.

Agents in worlds that fail, pages of a hostile server, parsers that are killed, isolated code, an MCP server that dies;
jobs are cancelled midway, and all they use is opened and closed over and over (`soak_parts`, `soak_load`).

The load stops twice: after a warm-up, so that what is made once is there, and at the end. What is held at the second
quiet moment and was not at the first is leaked. Memory is looked at under load: how it grew from after the warm-up to
the end, and the slope of the second half, as the median of the slopes between all pairs of samples.

Reference: Theil 1950 and Sen 1968 for the slope.
"""

import asyncio
import contextlib
import gc
import json
import os
import statistics
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from fathom.bench.harness import BenchOptions, Figure, Goal
from fathom.bench.processes import (
    Holding,
    descendants,
    holding,
    is_readable,
    open_descriptors,
    resident_bytes,
    running_threads,
)
from fathom.bench.soak_load import Load, Tally, drive
from fathom.core.errors import ConfigError

NAME = "soak"
SUMMARY = "half an hour of mixed load: flat memory, no leaked process, descriptor, task or thread"
GOALS: Mapping[str, Goal] = {
    "errors": ("==", 0),
    "fds_leaked": ("==", 0),
    "tasks_leaked": ("==", 0),
    "threads_leaked": ("==", 0),
    "processes_leaked": ("==", 0),
    "zombies": ("==", 0),
    "memory_growth_mb": ("<=", 32.0),
}

_THREADS = 8  # of the loop's own pool, all started before the first look
_ZOMBIE_S = 30.0  # a dead child that is not reaped for so long has been forgotten
_FEWEST_SAMPLES = 10
_PAGES, _TASKS, _HTML_PAGES = 400, 400, 60


@dataclass(frozen=True)
class Plan:
    """How long to warm up and how long to load after that, both at least, since every load has a whole round in each;
    the time between two samples and between two lines of progress; how long to wait for what is about to end; all in
    seconds."""

    warm_s: float
    loaded_s: float
    sample_s: float
    tell_s: float = 60.0
    settle_s: float = 15.0


QUICK = Plan(warm_s=8.0, loaded_s=14.0, sample_s=0.5, tell_s=10.0)
FULL = Plan(warm_s=180.0, loaded_s=1620.0, sample_s=5.0)


@dataclass(frozen=True)
class Sample:
    """What there was at one moment under load; `at` in seconds, memory in bytes, children with their children."""

    at: float
    memory: int
    children_memory: int
    descriptors: int
    tasks: int
    threads: int
    processes: int


@dataclass
class Samples:
    """Samples of the load, and of dead children since when each has been seen so."""

    taken: list[Sample] = field(default_factory=list)
    dead: dict[int, float] = field(default_factory=dict)
    forgotten: set[int] = field(default_factory=set)

    def take(self) -> None:
        """Add one of now."""
        now, children = time.monotonic(), descendants()
        self.taken.append(
            Sample(
                at=now,
                memory=resident_bytes(),
                children_memory=sum(map(resident_bytes, children)),
                descriptors=open_descriptors(),
                tasks=len(asyncio.all_tasks()),
                threads=running_threads(),
                processes=len(children),
            )
        )
        dead = [pid for pid, child in children.items() if child.state == "Z" and child.parent == os.getpid()]
        self.dead = {pid: self.dead.get(pid, now) for pid in dead}
        self.forgotten |= {pid for pid, since in self.dead.items() if now - since > _ZOMBIE_S}


def run(options: BenchOptions) -> Mapping[str, Figure]:
    """All figures."""
    if not is_readable():
        raise ConfigError("this bench reads /proc, which is there on Linux only")
    return _run(options, QUICK if options.quick else FULL)


def _run(options: BenchOptions, plan: Plan) -> Mapping[str, Figure]:
    from fathom.bench import soak_parts as parts
    from fathom.bench.bodies import serving
    from fathom.core.task import Task
    from fathom.corpus.closed.knowledge import ClosedConfig, knowledge
    from fathom.recipes.closed import ensure_closed
    from fathom.recipes.corpora import corpus_folder
    from fathom.recipes.synthesis import make_questions
    from fathom.synth.pipeline import PipelineConfig
    from fathom.synth.questions import QuestionConfig

    scratch, config = options.scratch, ClosedConfig(pages=_PAGES, seed=7)
    snapshot = ensure_closed("soak", scratch, config)
    written = list(parts.write_pages(snapshot, scratch / "pages", _HTML_PAGES))
    snapshot.close()
    (scratch / "pages.json").write_text(json.dumps([str(path) for path in written]), encoding="utf-8")
    asked = PipelineConfig(count=_TASKS, shard=_TASKS)
    made = make_questions(knowledge(config), QuestionConfig(shapes={"chain2": 1.0}), asked, scratch / "shards")
    tasks = [Task.model_validate(item) for item in made.items]
    corpus, number = corpus_folder("soak", scratch), 900_000 + os.getpid() % 90_000
    server = parts.mcp_calls(f"fathom-soak-{number}")
    loads = [
        parts.rollouts(scratch / "simulated", corpus, tasks),
        parts.web_rollouts(scratch / "web", corpus, tasks),
        server,
        _code_load(options, number),
    ]
    if server is None:
        options.progress("no MCP server: the extra `mcp` is not installed")
    marks = (f"fathom-soak-{number}", f'"files_bytes": {number}')
    with serving(scratch / "pages.json") as site:
        loads.append(parts.pages(site, len(written)))
        return asyncio.run(soak([load for load in loads if load], plan, options.progress, marks))


def _code_load(options: BenchOptions, mark: int) -> Load | None:
    from fathom.bench.soak_parts import code
    from fathom.sandbox.code.choose import choose_backend
    from fathom.sandbox.code.config import CodeSandboxConfig

    try:
        kind = asyncio.run(choose_backend(CodeSandboxConfig(backends=("bubblewrap", "landlock"))))
    except ConfigError as error:
        options.progress(f"no isolated code: {error}")
        return None
    return code(kind, mark)


async def soak(
    loads: Sequence[Load], plan: Plan, progress: Callable[[str], None], marks: Sequence[str] = ()
) -> dict[str, Figure]:
    """The figures of these loads. A process that has one of `marks` in its command line is one of ours wherever it
    hangs. Interrupted, it closes everything and raises."""
    tally = Tally(progress)
    with _watched(tally) as unclosed:
        await _fill_threads()
        await _loaded(loads, tally, Samples(), plan, plan.warm_s)
        before = await _quiet(plan, marks, None)
        samples = Samples()
        await _loaded(loads, tally, samples, plan, plan.loaded_s)
        left = (await _quiet(plan, marks, before)).beyond(before)
    for kind in ("descriptors", "tasks", "threads", "processes"):
        for what, count in getattr(left, kind).items():
            progress(f"LEAKED {count} of {kind}: {what}")
    return {
        **_of_load(loads, tally),
        **_of_memory(samples.taken),
        "fds_leaked": left.descriptors.total(),
        "tasks_leaked": left.tasks.total(),
        "threads_leaked": left.threads.total(),
        "processes_leaked": left.processes.total(),
        "zombies": left.zombies + len(samples.forgotten),
        "unclosed": unclosed.total(),
    }


async def _fill_threads() -> None:
    """Have all threads of the loop's pool started, so that they do not count for leaked."""
    loop, together = asyncio.get_running_loop(), threading.Barrier(_THREADS)
    loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="soak"))
    await asyncio.gather(*(asyncio.to_thread(together.wait) for _ in range(_THREADS)))


async def _loaded(loads: Sequence[Load], tally: Tally, samples: Samples, plan: Plan, seconds: float) -> None:
    """Load for so long, and until every load has had a whole round; everything is closed afterwards."""
    stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    drivers = [asyncio.create_task(drive(load, stop, tally)) for load in loads]
    began = told = time.monotonic()
    rounds = tally.rounds.copy()
    try:
        while True:
            await asyncio.sleep(plan.sample_s)
            samples.take()
            now = time.monotonic()
            if now - told >= plan.tell_s:
                told = now
                tally.progress(_line(now - began, samples.taken[-1], tally))
            whole = all(tally.rounds[load.name] > rounds[load.name] for load in loads)
            if now - began >= seconds and whole and len(samples.taken) >= _FEWEST_SAMPLES:
                return
    finally:
        stop.set_result(None)
        await asyncio.gather(*drivers)


def _line(seconds: float, sample: Sample, tally: Tally) -> str:
    return (
        f"{seconds:5.0f} s: {tally.rounds.total()} rounds, {tally.calls} calls, {tally.cancelled} cancelled, "
        f"{tally.errors} errors; "
        f"{sample.memory / 1e6:.0f} MB and {sample.children_memory / 1e6:.0f} MB of {sample.processes} processes, "
        f"{sample.descriptors} descriptors, {sample.tasks} tasks, {sample.threads} threads"
    )


async def _quiet(plan: Plan, marks: Sequence[str], before: Holding | None) -> Holding:
    """What is held once nothing ends any more, or, where there is a moment to compare with, no more than then."""
    ends = time.monotonic() + plan.settle_s
    same, last = 0, None
    while True:
        if not same:
            gc.collect()
        now = holding(marks)
        same, last = (same + 1 if now == last else 0), now
        if time.monotonic() > ends or (now.beyond(before).nothing if before else same >= 3):
            return now
        await asyncio.sleep(0.2)


@contextlib.contextmanager
def _watched(tally: Tally) -> "Iterator[Counter[str]]":
    """Errors that reach nobody count as errors; of what was not closed before it was forgotten, the messages."""
    loop, unclosed = asyncio.get_running_loop(), Counter[str]()

    def unheard(context: Mapping[str, Any]) -> None:
        tally.error(f"{context.get('message')}: {context.get('exception')!r}")

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        if issubclass(category, ResourceWarning):
            unclosed[str(message)] += 1
            if unclosed.total() <= 10:
                tally.progress(f"UNCLOSED {message}")

    hook = sys.unraisablehook
    gc.collect()  # what was forgotten before is not the load's
    with warnings.catch_warnings():
        warnings.simplefilter("always", ResourceWarning)
        warnings.showwarning = show
        sys.unraisablehook = lambda raised: tally.error(f"{raised.err_msg}: {raised.exc_value!r} in {raised.object!r}")
        loop.set_exception_handler(lambda _, context: unheard(context))
        try:
            yield unclosed
        finally:
            loop.set_exception_handler(None)
            sys.unraisablehook = hook


def _of_load(loads: Sequence[Load], tally: Tally) -> dict[str, Figure]:
    counts = {"code": 0, **{load.name: tally.counts[load.name] for load in loads}}
    outcomes = {key: count for key, count in sorted(tally.counts.items()) if key not in counts}
    return {
        "calls": tally.calls,
        **{f"{name.replace(' ', '_')}_{_UNITS.get(name, 'jobs')}": count for name, count in counts.items()},
        "cancelled": tally.cancelled,
        "refused": tally.refused,
        "errors": tally.errors,
        "rounds": tally.rounds.total(),
        "outcomes": ", ".join(f"{key} {count}" for key, count in outcomes.items()),
    }


_UNITS = {"code": "runs", "mcp": "calls"}


def _of_memory(samples: Sequence[Sample]) -> dict[str, Figure]:
    tenth = max(1, len(samples) // 10)
    first, last = (statistics.median(s.memory for s in part) for part in (samples[:tenth], samples[-tenth:]))
    later = samples[len(samples) // 2 :]
    return {
        "minutes": round((samples[-1].at - samples[0].at) / 60, 2),
        "samples": len(samples),
        "memory_mb": round(last / 1e6, 1),
        "memory_growth_mb": round((last - first) / 1e6, 1),
        "memory_slope_mb_per_hour": round(slope([(s.at, s.memory) for s in later]) * 3600 / 1e6, 1),
        "children_memory_most_mb": round(max(s.children_memory for s in samples) / 1e6, 1),
        **{f"{name}_most": max(getattr(s, name) for s in samples) for name in _MOST},
    }


_MOST = ("descriptors", "tasks", "threads", "processes")


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between all pairs of points; 0 where there is no pair."""
    slopes = [
        (later - earlier) / (end - begin)
        for number, (begin, earlier) in enumerate(points)
        for end, later in points[number + 1 :]
        if end > begin
    ]
    return statistics.median(slopes) if slopes else 0.0
