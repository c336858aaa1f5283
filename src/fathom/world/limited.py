"""`LimitedWorld`: a limit of its own for tools, apart from that of the model and of the rollouts around both.

A rollout that searches holds a place here and none of the model, so each is sized by what it can bear: the model by its
batch, the world by what a search server takes before it turns callers away.
"""

import asyncio
import copy

from fathom.core.errors import ConfigError
from fathom.core.evidence import Page
from fathom.world.protocol import Hit, World, WorldLink, for_attempt


class LimitedWorld:
    """Wraps any `World`: at most `slots` operations at once, the others wait and go first come first served. One
    instance belongs to one event loop. Raises `ConfigError` for less than one slot."""

    def __init__(self, world: World, slots: int) -> None:
        if slots < 1:
            raise ConfigError(f"a world needs at least one slot, not {slots}")
        self._world = world
        self.name = world.name
        self._room = asyncio.Semaphore(slots)

    def for_attempt(self, attempt: str) -> World:
        """With the same slots."""
        own = copy.copy(self)
        own._world = for_attempt(self._world, attempt)
        return own

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        async with self._room:
            return await self._world.search(query, k)

    async def open(self, url: str) -> Page:
        async with self._room:
            return await self._world.open(url)

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        async with self._room:
            return await self._world.links(url)

    async def close(self) -> None:
        await self._world.close()
