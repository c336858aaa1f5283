"""`fathom bench gateway`: what the gateway costs beside calling the provider with a bare retry library.

The provider answers at once with a search result of ordinary size, so all that is measured is added cost. Cached calls
come from memory and from disk; uncached ones write the cache, as they do in use. The rival is `stamina` around the same
provider. Then: 256 equal calls at once (exactly one request), and a writer killed with SIGKILL again and again, after
which every row must be whole and true.
"""

import asyncio
import importlib.util
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from fathom.bench.harness import BenchOptions, Figure, Goal
from fathom.core.errors import ConfigError, ProviderFault, RunError
from fathom.sandbox.gateway.cache import CacheConfig, ResultCache
from fathom.sandbox.gateway.calls import FileLog
from fathom.sandbox.gateway.codec import JsonCodec
from fathom.sandbox.gateway.gateway import Gateway
from fathom.sandbox.gateway.service import LaneConfig, Provider, Service
from fathom.world.protocol import Hit

NAME = "gateway"
SUMMARY = "cost of a call through the gateway, cached and not, next to a bare retry library"
GOALS: Mapping[str, Goal] = {
    "duplicate_requests": ("==", 1),
    "torn_rows": ("==", 0),
    "wrong_rows": ("==", 0),
    "rows_after_kills": (">=", "rows_least"),
}

_AT_ONCE = 256
_CODEC: JsonCodec[tuple[Hit, ...]] = JsonCodec(tuple[Hit, ...])


def run(options: BenchOptions) -> Mapping[str, Figure]:
    """All figures. Raises `ConfigError` where the rival is not installed."""
    if importlib.util.find_spec("stamina") is None:
        raise ConfigError("stamina is not installed", hint="pip install stamina, or make test sets it up")
    calls, kills = (2_000, 4) if options.quick else (50_000, 40)
    options.progress("calls")
    figures = asyncio.run(_calls(options.scratch, calls))
    options.progress("equal calls")
    figures["duplicate_requests"] = asyncio.run(_duplicates())
    options.progress("killed writers")
    figures |= _killed(options.scratch / "killed", kills)
    figures["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    return figures


def answer(query: str) -> tuple[Hit, ...]:
    """A result of ordinary size: ten hits of some 400 characters."""
    return tuple(
        Hit(url=f"https://example.org/{query}/{n}", title=f"{query} {n}", snippet=f"{query} " * 60, score=1 / (n + 1))
        for n in range(10)
    )


async def _provider(query: str) -> tuple[Hit, ...]:
    return answer(query)


def _service(ask: Callable[[str], Awaitable[tuple[Hit, ...]]]) -> Service[str, tuple[Hit, ...]]:
    provider = Provider("provider", ask, LaneConfig(slots=_AT_ONCE))
    return Service("search", (provider,), _CODEC, key=lambda query: query)


async def _calls(scratch: Path, calls: int) -> dict[str, Figure]:
    service = _service(_provider)
    gateway = Gateway(cache=ResultCache(scratch / "cache"), log=FileLog(scratch / "calls.jsonl"))
    warm = min(calls, CacheConfig().in_memory // 2)

    async def through(query: str) -> None:
        (await gateway.ask(service, query)).get()

    figures: dict[str, Figure] = {"calls": calls}
    seconds = {
        "direct": await _timed(_provider, calls),
        "retry_library": await _timed(_retrying(), calls),
        "uncached": await _timed(through, calls),
        "memory": await _timed(through, calls, cycle=warm, warm=True),
    }
    await gateway.close()
    cold = Gateway(cache=ResultCache(scratch / "cache", CacheConfig(in_memory=0)))

    async def from_disk(query: str) -> None:
        (await cold.ask(service, query)).get()

    seconds["disk"] = await _timed(from_disk, calls)
    await cold.close()
    for name, each in seconds.items():
        figures[f"{name}_us"] = round(each * 1e6, 1)
    figures["uncached_calls_per_second"] = round(1 / seconds["uncached"])
    figures["cached_calls_per_second"] = round(1 / seconds["memory"])
    figures["added_us_uncached"] = round((seconds["uncached"] - seconds["direct"]) * 1e6, 1)
    figures["added_us_retry_library"] = round((seconds["retry_library"] - seconds["direct"]) * 1e6, 1)
    return figures


async def _timed(
    call: Callable[[str], Awaitable[Any]], calls: int, *, cycle: int | None = None, warm: bool = False
) -> float:
    """Seconds of a call, the median of five parts of them, with 256 at once."""
    names = [f"query-{number % (cycle or calls)}" for number in range(calls)]
    if warm:
        for name in names[:cycle]:
            await call(name)
    part = max(1, len(names) // 5)
    found = []
    for start in range(0, part * 5, part):
        waiting = iter(names[start : start + part])

        async def worker(waiting: Any = waiting) -> None:
            for name in waiting:
                await call(name)

        began = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(_AT_ONCE)))
        found.append((time.perf_counter() - began) / part)
    return statistics.median(found)


def _retrying() -> Callable[[str], Awaitable[Any]]:
    import stamina

    @stamina.retry(on=ProviderFault, attempts=4, timeout=90.0)
    async def asked(query: str) -> tuple[Hit, ...]:
        return await _provider(query)

    return asked


async def _duplicates() -> int:
    """Requests that reach the provider for 256 equal calls at once."""
    requests = 0

    async def slow(query: str) -> tuple[Hit, ...]:
        nonlocal requests
        requests += 1
        await asyncio.sleep(0.05)
        return answer(query)

    gateway = Gateway()
    service = _service(slow)
    answers = await asyncio.gather(*(gateway.ask(service, "same") for _ in range(_AT_ONCE)))
    await gateway.close()
    if any(each.get() != answer("same") for each in answers):
        raise RunError("of equal calls at once some got another answer")
    return requests


_WRITER = """
import asyncio, sys
from pathlib import Path
from fathom.bench.gateway import _provider, _service
from fathom.sandbox.gateway.cache import ResultCache
from fathom.sandbox.gateway.gateway import Gateway

async def main() -> None:
    gateway, service = Gateway(cache=ResultCache(Path(sys.argv[1]))), _service(_provider)
    first = int(sys.argv[2])
    for number in range(first, first + 10**6):
        (await gateway.ask(service, f"query-{number}")).get()
        if number == first + 20:
            print("ready", flush=True)

asyncio.run(main())
"""


def _killed(path: Path, kills: int) -> dict[str, Figure]:
    """Kill a writer so many times and read all it kept."""
    for number in range(kills):
        child = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), str(number * 10**6)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        if child.stdout.readline() != b"ready\n":
            raise RunError("the process that is to be killed did not begin to write")
        time.sleep(0.002 * (number % 10))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    cache = ResultCache(path, CacheConfig(in_memory=0))
    service = _service(_provider)
    rows = wrong = 0

    async def read() -> None:
        nonlocal rows, wrong
        gateway = Gateway(cache=cache)
        for number in range(kills):
            for query in range(number * 10**6, (number + 1) * 10**6):
                found = await gateway.ask(service, f"query-{query}")
                if found.cache == "miss":
                    break
                rows += 1
                wrong += found.get() != answer(f"query-{query}")

    asyncio.run(read())
    figures: dict[str, Figure] = {"kills": kills, "rows_after_kills": rows, "torn_rows": cache.rotten}
    figures["wrong_rows"] = wrong
    figures["rows_least"] = 20 * kills  # what each had written when it said that it is ready
    return figures
