"""Faults around a world: of every kind, and the same for a call whatever runs beside it."""

from pathlib import Path

import pytest
from tests.worlds import small_world

from fathom.core.errors import WorldUnavailableFault
from fathom.world.faults import FaultyWorld


async def met(world: FaultyWorld, query: str) -> str | None:
    try:
        await world.search(query)
    except WorldUnavailableFault as fault:
        return fault.kind
    return None


async def test_a_call_meets_the_same_in_any_order(tmp_path: Path) -> None:
    inner = small_world(tmp_path)
    queries = [f"query {n % 40}" for n in range(120)]  # each three times

    async def told(order: list[str], seed: int = 4) -> dict[str, list[str | None]]:
        world = FaultyWorld(inner, rate=0.3, seed=seed)
        found: dict[str, list[str | None]] = {}
        for query in order:
            found.setdefault(query, []).append(await met(world, query))
        return found

    assert await told(queries) == await told(sorted(queries)) == await told(queries[::-1])
    assert await told(queries) != await told(queries, 5)


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
async def test_faults_of_all_kinds_come_as_often_as_asked_for(tmp_path: Path, rate: float) -> None:
    world = FaultyWorld(small_world(tmp_path), rate=rate)
    found = [await met(world, f"query {n}") for n in range(600)]
    share = sum(kind is not None for kind in found) / len(found)
    assert abs(share - rate) < 0.06
    assert world.faults["search"] == sum(world.kinds.values()) == sum(kind is not None for kind in found)
    assert len(world.kinds) == (9 if rate else 0)
