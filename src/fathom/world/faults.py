"""`FaultyWorld`: seeded faults around any world, for tests and for training that sees what use will bring."""

import copy
from collections import Counter, defaultdict

from fathom.core.errors import ProviderFault, WorldUnavailableFault
from fathom.core.evidence import Page
from fathom.core.seeds import derive_seed, stream
from fathom.world.protocol import Hit, World, WorldLink, for_attempt

_KINDS: tuple[ProviderFault.Kind, ...] = (
    "refused", "reset", "timeout", "rate_limited", "server", "garbage", "truncated", "oversized", "mismatch",
)  # fmt: skip
_RETRY_AFTER_S = 0.05  # what half of the limited ones ask for


class FaultyWorld:
    """Raises `WorldUnavailableFault` for `rate` of all operations, each of one of nine kinds; `faults` counts them by
    operation, `kinds` by kind. What a call meets is drawn from `seed`, the attempt, the call, and how often the attempt
    has made it, so that it depends neither on what runs beside it nor on what ran before."""

    def __init__(self, world: World, *, rate: float, seed: int = 0) -> None:
        self._world, self._rate, self._seed = world, rate, seed
        self._made: dict[str, int] = defaultdict(int)
        self.name = world.name
        self.faults: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()

    def for_attempt(self, attempt: str) -> World:
        """With draws of its own; faults of all attempts are counted together."""
        own = copy.copy(self)
        own._world, own._seed = for_attempt(self._world, attempt), derive_seed(self._seed, "attempt", attempt)
        own._made = defaultdict(int)
        return own

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        self._draw("search", query)
        return await self._world.search(query, k)

    async def open(self, url: str) -> Page:
        self._draw("open", url)
        return await self._world.open(url)

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        self._draw("links", url)
        return await self._world.links(url)

    async def close(self) -> None:
        await self._world.close()

    def _draw(self, operation: str, asked: str) -> None:
        call = f"{operation} {asked}"
        self._made[call] += 1
        random = stream(self._seed, "faulty-world", call, self._made[call])
        if random.random() >= self._rate:
            return
        kind = random.choice(_KINDS)
        self.faults[operation] += 1
        self.kinds[kind] += 1
        wait = _RETRY_AFTER_S if kind == "rate_limited" and random.random() < 0.5 else None
        raise WorldUnavailableFault(f"the world did not answer ({operation}: {kind})", kind=kind, retry_after_s=wait)
