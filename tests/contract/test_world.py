"""What every world must do, whatever it is made of."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.worlds import small_world

from fathom.core.budget import Meter
from fathom.core.errors import PageNotFoundError
from fathom.core.events import MemoryJournal
from fathom.core.model import content_hash
from fathom.world.faults import FaultyWorld
from fathom.world.journaled import JournaledWorld
from fathom.world.protocol import World
from fathom.world.recorded import RecordedWorld, RecordingWorld


async def recorded(folder: Path) -> World:
    path = folder / "recording.jsonl"
    world = RecordingWorld(small_world(folder / "corpus"), path)
    for query in ("film director", "", "((( \x00 ~~ +:", "no such thing at all zzz"):
        await world.search(query, 3)
    for url in ("wiki/Salt_Road", "Carla Rossi"):
        await world.open(url)
    await world.links("wiki/Salt_Road")
    for ask in (world.open, world.links):
        with pytest.raises(PageNotFoundError):
            await ask("wiki/Nowhere")
    return RecordedWorld(path)


async def simulated(folder: Path) -> World:
    return small_world(folder / "corpus")


async def journaled(folder: Path) -> World:
    return JournaledWorld(small_world(folder / "corpus"), MemoryJournal(), Meter())


async def without_faults(folder: Path) -> World:
    return FaultyWorld(small_world(folder / "corpus"), rate=0.0)


@pytest.fixture(params=[simulated, recorded, journaled, without_faults], ids=lambda make: make.__name__)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    make: Callable[[Path], World] = request.param
    return await make(tmp_path)


async def test_hits_are_different_pages_best_first_with_spans_that_hold(world: World) -> None:
    hits = await world.search("film director", 3)
    assert hits and len({hit.url for hit in hits}) == len(hits) <= 3
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    page = await world.open("wiki/Salt_Road")
    for hit in hits:
        if hit.url == page.url:
            assert page.text[hit.start : hit.end] == hit.snippet
            assert hit.text_hash == page.text_hash


async def test_any_text_may_be_searched_for(world: World) -> None:
    for query in ("", "((( \x00 ~~ +:"):
        assert await world.search(query, 3) == ()
    assert await world.search("no such thing at all zzz", 3) == ()


async def test_a_page_is_what_its_hash_says_and_may_be_asked_for_by_title(world: World) -> None:
    page = await world.open("Carla Rossi")
    assert page.url == "wiki/Carla_Rossi"
    assert page.text_hash == content_hash(page.text)
    assert page.fetched_at and page.licence == "CC0-1.0"


async def test_links_lead_on(world: World) -> None:
    assert [link.url for link in await world.links("wiki/Salt_Road")] == ["wiki/Carla_Rossi", "wiki/Ostra"]


async def test_a_page_that_is_not_there_is_not_found(world: World) -> None:
    for ask in (world.open, world.links):
        with pytest.raises(PageNotFoundError):
            await ask("wiki/Nowhere")
