"""A limit of its own for the world."""

import asyncio

import pytest

from fathom.core.errors import ConfigError, WorldUnavailableFault
from fathom.core.evidence import Page
from fathom.world.limited import LimitedWorld
from fathom.world.protocol import Hit, WorldLink


class SlowWorld:
    """Counts what runs at once; `order` is what was begun, in order. The query or address "bad" raises."""

    name = "slow"

    def __init__(self) -> None:
        self.running = self.most = 0
        self.order: list[str] = []

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        await self._work(query)
        return (Hit(url=query, title="", snippet=str(k)),)

    async def open(self, url: str) -> Page:
        await self._work(url)
        return Page(url=url, title="", text="", text_hash="", fetched_at="")

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        await self._work(url)
        return ()

    async def close(self) -> None:
        self.order.append("closed")

    async def _work(self, what: str) -> None:
        self.order.append(what)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0.001)
            if what == "bad":
                raise WorldUnavailableFault("no")
        finally:
            self.running -= 1


async def test_all_operations_share_the_slots_and_go_in_the_order_they_came() -> None:
    inner = SlowWorld()
    world = LimitedWorld(inner, 3)
    asks = [(world.search, world.open, world.links)[number % 3](f"{number:02}") for number in range(30)]
    await asyncio.gather(*asks)
    assert inner.most == 3
    assert inner.order == sorted(inner.order)
    assert world.name == "slow" and (await world.search("q", 4))[0].snippet == "4"


async def test_failures_and_cancelled_calls_give_their_slot_back() -> None:
    inner = SlowWorld()
    world = LimitedWorld(inner, 1)
    for _ in range(3):
        with pytest.raises(WorldUnavailableFault):
            await world.open("bad")
    running, waiting = (asyncio.create_task(world.search(query)) for query in ("a", "b"))
    await asyncio.sleep(0)
    running.cancel()
    waiting.cancel()
    await asyncio.wait([running, waiting])
    await asyncio.wait_for(world.search("c"), 5)
    await world.close()
    assert inner.order == ["bad"] * 3 + ["a", "c", "closed"]


def test_no_slot_at_all_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        LimitedWorld(SlowWorld(), 0)
