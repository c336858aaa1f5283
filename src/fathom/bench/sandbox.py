"""`fathom bench sandbox`: whether isolated code stays where it is, and how fast it is there.

A battery of attempts to get out or to use up, each with its verdict; good programs run between hostile ones, each with
its right answer; supervisors killed at any moment, after which nothing may be left; latencies and runs per second.
Measured on the first kind of sandbox that this machine can have, after its self-test. The attempts are made on every
other kind as well that it can have, with `--quick` those to get out only.
"""

import asyncio
import contextlib
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fathom.bench.harness import BenchOptions, Figure, Goal

if TYPE_CHECKING:
    from fathom.core.errors import ProviderFault
    from fathom.sandbox.code.battery.attempt import Attempt, Verdict
    from fathom.sandbox.code.config import Backend, CodeSandboxConfig
    from fathom.sandbox.code.pool import PooledSandbox
    from fathom.sandbox.code.protocol import CodeResult

NAME = "sandbox"
SUMMARY = "isolated code: attempts to escape, good runs between hostile ones, killed supervisors, latency"
GOALS: Mapping[str, Goal] = {
    "attempts": (">=", 60),
    "escapes": ("==", 0),
    "escapes_others": ("==", 0),
    "mixed_runs": (">=", "mixed_runs_least"),
    "wrong_good_runs": ("==", 0),
    "unbounded_hostile_runs": ("==", 0),
    "kills": (">=", "kills_least"),
    "leaked": ("==", 0),
}

MIXED, KILLS = 2000, 200
_QUICK_MIXED, _QUICK_KILLS = 60, 4
_GETTING_OUT = ("files", "network", "processes", "kernel", "state")
_PRELOAD = ("numpy", "pandas")


def run(options: BenchOptions) -> Mapping[str, Figure]:
    """All figures; the verdicts and whatever went wrong are printed on the way."""
    return asyncio.run(_measure(options))


async def _measure(options: BenchOptions) -> dict[str, Figure]:
    from fathom.sandbox.code.choose import choose_backend
    from fathom.sandbox.code.config import CodeSandboxConfig

    quick = options.quick
    config = CodeSandboxConfig(wasm_folder=str(options.home / "assets"))
    began = time.perf_counter()
    kind = await choose_backend(config)
    figures: dict[str, Figure] = {"backend": kind, "self_test_seconds": round(time.perf_counter() - began, 2)}
    options.progress(f"{kind}: attempts")
    figures |= await _attempts(kind, config, options)
    others = partial(_attempts_on_others, kind, config, options)
    mixed = partial(_mixed, kind, config, options)
    # Most of both is waiting for limits, which where time is short is done at the same time.
    for found in await asyncio.gather(others(), mixed()) if quick else [await others(), await mixed()]:
        figures |= found
    if kind != "wasm":  # whose workers hang on nothing but the socket
        options.progress("killed supervisors")
        figures |= await _kills(kind, _QUICK_KILLS if quick else KILLS, options)
    options.progress("latency")
    figures |= await _latency(kind, config, 5 if quick else 50)
    figures["runs_per_second"] = await _throughput(kind, config, 20 if quick else 300)
    return figures


async def _attempts(kind: "Backend", config: "CodeSandboxConfig", options: BenchOptions) -> dict[str, Figure]:
    from fathom.sandbox.code.battery.attempts import ALL

    verdicts = await _battery(kind, ALL, config, options)
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    return {
        **counted(kind, verdicts),
        "stopped": outcomes["stopped"],
        "bounded": outcomes["bounded"],
        "unclear": outcomes["unclear"],
    }


async def _attempts_on_others(kind: "Backend", config: "CodeSandboxConfig", options: BenchOptions) -> dict[str, Figure]:
    """The same for every other kind that passes its self-test here; `escapes_others` are those of all of them."""
    from fathom.core.errors import FathomError
    from fathom.sandbox.code.battery.attempts import ALL
    from fathom.sandbox.code.choose import make_sandbox, self_test

    figures: dict[str, Figure] = {}
    escapes, measured = 0, []
    for other in config.backends:
        if other == kind:
            continue
        try:
            await self_test(make_sandbox, other, config)
        except (FathomError, OSError) as error:
            options.progress(f"{other}: not to be had here: {error}")
            continue
        options.progress(f"{other}: attempts")
        attempts = [attempt for attempt in ALL if not options.quick or attempt.kind in _GETTING_OUT]
        counts = counted(other, await _battery(other, attempts, config, options))
        figures |= {f"{name}_{other}": count for name, count in counts.items()}
        escapes += counts["escapes"]
        measured.append(other)
    return {**figures, "escapes_others": escapes, "others": " ".join(measured)}


async def _battery(
    kind: "Backend", attempts: "Sequence[Attempt]", config: "CodeSandboxConfig", options: BenchOptions
) -> "list[Verdict]":
    """The attempts that can be made on that kind, one after the other, or several at once where time is short."""
    from fathom.sandbox.code.battery.run import run_battery
    from fathom.sandbox.code.choose import TEST_LIMITS, to_be_made

    def tell(verdict: "Verdict") -> None:
        options.progress(f"  {verdict.outcome:<8} {verdict.kind:<9} {verdict.name}: {verdict.detail}")

    limits = TEST_LIMITS.model_copy(update={"timeout_s": 6.0 if options.quick else 10.0})
    at_once = 8 if options.quick else 1
    # Room for the sessions of an attempt beside each other, which keep their places.
    async with _sandbox(kind, config, limits=limits, preload=(), packages=(), slots=at_once + 3) as sandbox:
        return await run_battery(sandbox, to_be_made(kind, attempts), limits, at_once=at_once, progress=tell)


def counted(kind: "Backend", verdicts: "Sequence[Verdict]") -> dict[str, int]:
    """Attempts that were made, and those that the sandbox did not hold against."""
    from fathom.sandbox.code.choose import held

    escapes = sum(not held(kind, verdict) for verdict in verdicts)
    absent = sum(verdict.outcome == "absent" for verdict in verdicts)
    return {"attempts": len(verdicts) - absent, "escapes": escapes}


async def _kills(kind: "Backend", kills: int, options: BenchOptions) -> dict[str, Figure]:
    from fathom.bench.sandbox_kills import kill_supervisors

    left = await kill_supervisors(kind, kills, options.progress)
    return {
        "kills": kills,
        "kills_least": kills,
        "leaked": left.total,
        "leaked_processes": left.processes,
        "leaked_groups": left.groups,
        "leaked_folders": left.folders,
    }


async def _mixed(kind: "Backend", config: "CodeSandboxConfig", options: BenchOptions) -> dict[str, Figure]:
    """Programs, 16 at once, every fourth of them hostile."""
    from fathom.bench.sandbox_programs import LIMITS, programs, wrong

    options.progress("good runs and hostile ones")
    runs = _QUICK_MIXED if options.quick else MIXED
    async with _sandbox(kind, config, limits=LIMITS, preload=(), packages=(), slots=16) as sandbox:
        mixed = programs(runs)
        results = await _all_at_once([partial(sandbox.run, each.code) for each in mixed])
    faults = [each.name for each, result in zip(mixed, results, strict=True) if wrong(each, result)]
    for name, count in Counter(faults).items():
        options.progress(f"  {count} wrong of {name}")
    good = [each.name for each in mixed if each.wanted is not None]
    return {
        "mixed_runs": len(results),
        "mixed_runs_least": runs,
        "hostile_runs": len(mixed) - len(good),
        "wrong_good_runs": sum(name in good for name in faults),
        "unbounded_hostile_runs": sum(name not in good for name in faults),
    }


async def _latency(kind: "Backend", config: "CodeSandboxConfig", rounds: int) -> dict[str, Figure]:
    """Medians over `rounds`, in milliseconds: a new worker, one that waited with its modules loaded, a session."""
    async with _sandbox(kind, config, preload=(), packages=(), warm=0) as sandbox:
        await sandbox.run("pass")
        cold = [await _seconds(lambda: sandbox.run("print(1)")) for _ in range(rounds)]
    async with _sandbox(kind, config, preload=_PRELOAD, warm=1) as sandbox:
        warm = []
        for _ in range(rounds):
            await sandbox.warm_up()
            warm.append(await _seconds(lambda: sandbox.run("import numpy, pandas\nprint(numpy.eye(2).sum())")))
        await sandbox.run("x = 1", "session")
        session = [await _seconds(lambda: sandbox.run("print(x)", "session")) for _ in range(rounds * 4)]
    times = {"cold": cold, "warm": warm, "session": session}
    figures: dict[str, Figure] = {f"{name}_ms": round(statistics.median(s) * 1e3, 2) for name, s in times.items()}
    return figures | {f"{name}_p95_ms": round(sorted(s)[int(len(s) * 0.95)] * 1e3, 2) for name, s in times.items()}


async def _throughput(kind: "Backend", config: "CodeSandboxConfig", runs: int) -> float:
    """Short runs per second, each in a worker of its own, 16 at once."""
    async with _sandbox(kind, config, preload=(), packages=(), warm=0, slots=16) as sandbox:
        await sandbox.run("pass")
        began = time.perf_counter()
        await _all_at_once([lambda: sandbox.run("print(1)") for _ in range(runs)])
        return round(runs / (time.perf_counter() - began), 1)


async def _all_at_once(
    calls: "list[Callable[[], Awaitable[CodeResult]]]",
) -> "list[CodeResult | ProviderFault]":
    """What each gives, in order, or the fault that it raises."""
    from fathom.core.errors import ProviderFault

    async def one(call: "Callable[[], Awaitable[CodeResult]]") -> "CodeResult | ProviderFault":
        try:
            return await call()
        except ProviderFault as fault:
            return fault

    return await asyncio.gather(*(one(call) for call in calls))


async def _seconds(call: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await call()
    return time.perf_counter() - began


@contextlib.asynccontextmanager
async def _sandbox(kind: "Backend", config: "CodeSandboxConfig", **changes: Any) -> "AsyncIterator[PooledSandbox]":
    from fathom.sandbox.code.choose import make_sandbox

    # Thousands wait here for one of a few slots, which is no saturation.
    sandbox = make_sandbox(kind, config.model_copy(update={"queue_s": 3600.0, **changes}))
    try:
        yield sandbox
    finally:
        await sandbox.close()
