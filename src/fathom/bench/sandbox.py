"""`fathom bench sandbox`: whether isolated code stays where it is, and how fast it is there.

A battery of attempts to get out or to use up, each with its verdict; good programs run between hostile ones, each with
its right answer; supervisors killed at any moment, after which nothing may be left; latencies and runs per second.
Measured on the first kind of sandbox that this machine can have, after its self-test.
"""

import asyncio
import contextlib
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from fathom.bench.harness import BenchOptions, Figure, Goal

if TYPE_CHECKING:
    from fathom.core.errors import ProviderFault
    from fathom.sandbox.code.config import Backend, CodeSandboxConfig
    from fathom.sandbox.code.pool import PooledSandbox
    from fathom.sandbox.code.protocol import CodeResult

NAME = "sandbox"
SUMMARY = "isolated code: attempts to escape, good runs between hostile ones, killed supervisors, latency"
GOALS: Mapping[str, Goal] = {
    "attempts": (">=", 60),
    "escapes": ("==", 0),
    "wrong_good_runs": ("==", 0),
    "leaked": ("==", 0),
}

_PRELOAD = ("numpy", "pandas")


def run(options: BenchOptions) -> Mapping[str, Figure]:
    """All figures; the verdicts and whatever went wrong are printed on the way."""
    return asyncio.run(_measure(options))


async def _measure(options: BenchOptions) -> dict[str, Figure]:
    from fathom.bench.sandbox_kills import kill_supervisors
    from fathom.sandbox.code.choose import choose_backend
    from fathom.sandbox.code.config import CodeSandboxConfig

    quick = options.quick
    config = CodeSandboxConfig(wasm_folder=str(options.home / "assets"))
    began = time.perf_counter()
    kind = await choose_backend(config)
    figures: dict[str, Figure] = {"backend": kind, "self_test_seconds": round(time.perf_counter() - began, 2)}
    options.progress(f"{kind}: attempts")
    figures |= await _attempts(kind, config, options)
    options.progress("good runs and hostile ones")
    figures |= await _mixed(kind, config, 60 if quick else 2000, options)
    if kind != "wasm":  # whose workers hang on nothing but the socket
        options.progress("killed supervisors")
        kills = 4 if quick else 200
        figures |= {"kills": kills, "leaked": await kill_supervisors(kind, kills, options.progress)}
    options.progress("latency")
    figures |= await _latency(kind, config, 5 if quick else 50)
    figures["runs_per_second"] = await _throughput(kind, config, 20 if quick else 300)
    return figures


async def _attempts(kind: "Backend", config: "CodeSandboxConfig", options: BenchOptions) -> dict[str, Figure]:
    """Every attempt, one after the other, or several at once where time is short."""
    from fathom.sandbox.code.battery.attempt import Verdict
    from fathom.sandbox.code.battery.attempts import ALL
    from fathom.sandbox.code.battery.run import run_battery
    from fathom.sandbox.code.choose import TEST_LIMITS

    def tell(verdict: Verdict) -> None:
        options.progress(f"  {verdict.outcome:<8} {verdict.kind:<9} {verdict.name}: {verdict.detail}")

    limits = TEST_LIMITS.model_copy(update={"timeout_s": 6.0 if options.quick else 10.0})
    at_once = 8 if options.quick else 1
    # Room for the sessions of an attempt beside each other, which keep their places.
    async with _sandbox(kind, config, limits=limits, preload=(), packages=(), slots=at_once + 3) as sandbox:
        verdicts = await run_battery(sandbox, ALL, limits, at_once=at_once, progress=tell)
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    return {
        "attempts": len(verdicts),
        "escapes": len(verdicts) - sum(verdict.held for verdict in verdicts),
        "stopped": outcomes["stopped"],
        "bounded": outcomes["bounded"],
        "unclear": outcomes["unclear"],
    }


async def _mixed(kind: "Backend", config: "CodeSandboxConfig", runs: int, options: BenchOptions) -> dict[str, Figure]:
    """`runs` programs, 16 at once, every fourth of them hostile."""
    from fathom.bench.sandbox_programs import LIMITS, programs, wrong

    async with _sandbox(kind, config, limits=LIMITS, preload=(), packages=(), slots=16) as sandbox:
        mixed = programs(runs)
        results = await _all_at_once([partial(sandbox.run, each.code) for each in mixed])
    faults = [each.name for each, result in zip(mixed, results, strict=True) if wrong(each, result)]
    for name, count in Counter(faults).items():
        options.progress(f"  {count} wrong of {name}")
    good = [each.name for each in mixed if each.wanted is not None]
    return {
        "mixed_runs": len(mixed),
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
