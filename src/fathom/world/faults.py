"""`FaultyWorld`: seeded faults around any world, for tests and for training that sees what use will bring."""

from collections import Counter

from fathom.core.errors import WorldUnavailableFault
from fathom.core.evidence import Page
from fathom.core.seeds import stream
from fathom.world.protocol import Hit, World, WorldLink


class FaultyWorld:
    """Raises `WorldUnavailableFault` for `rate` of all operations, drawn from `seed`; `faults` counts them by
    operation. The draw depends only on how many operations came before."""

    def __init__(self, world: World, *, rate: float, seed: int = 0) -> None:
        self._world, self._rate = world, rate
        self._random = stream(seed, "faulty-world")
        self.name = world.name
        self.faults: Counter[str] = Counter()

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        self._draw("search")
        return await self._world.search(query, k)

    async def open(self, url: str) -> Page:
        self._draw("open")
        return await self._world.open(url)

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        self._draw("links")
        return await self._world.links(url)

    async def close(self) -> None:
        await self._world.close()

    def _draw(self, operation: str) -> None:
        if self._random.random() < self._rate:
            self.faults[operation] += 1
            raise WorldUnavailableFault(f"the world did not answer ({operation})")
