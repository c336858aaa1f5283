"""What every world must do, whatever it is made of."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.live import PlainWeb
from tests.live import live as live_world
from tests.web_server import small_web
from tests.worlds import small_world

from fathom.core.budget import Meter
from fathom.core.errors import PageNotFoundError
from fathom.core.events import MemoryJournal
from fathom.core.model import content_hash
from fathom.sandbox.gateway.gateway import Gateway
from fathom.world.faults import FaultyWorld
from fathom.world.gated import GatedWorld, world_sources
from fathom.world.journaled import JournaledWorld
from fathom.world.limited import LimitedWorld
from fathom.world.protocol import World
from fathom.world.recorded import RecordedWorld, RecordingWorld


async def recorded(folder: Path, stack: AsyncExitStack) -> World:
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


async def simulated(folder: Path, stack: AsyncExitStack) -> World:
    return small_world(folder / "corpus")


async def journaled(folder: Path, stack: AsyncExitStack) -> World:
    return JournaledWorld(small_world(folder / "corpus"), MemoryJournal(), Meter())


async def without_faults(folder: Path, stack: AsyncExitStack) -> World:
    return FaultyWorld(small_world(folder / "corpus"), rate=0.0)


async def limited(folder: Path, stack: AsyncExitStack) -> World:
    return LimitedWorld(small_world(folder / "corpus"), 1)


async def live(folder: Path, stack: AsyncExitStack) -> World:
    server = await stack.enter_async_context(small_web())
    return live_world(server)


async def gated(folder: Path, stack: AsyncExitStack) -> World:
    world = small_world(folder / "corpus")
    stack.push_async_callback(world.close)
    gateway = Gateway()
    stack.push_async_callback(gateway.close)
    return GatedWorld(world.name, gateway, world_sources(world))


@pytest.fixture(
    params=[simulated, recorded, journaled, without_faults, limited, live, gated], ids=lambda make: make.__name__
)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        made: World = await request.param(tmp_path, stack)
        stack.push_async_callback(made.close)
        yield made


async def address(world: World, name: str) -> str:
    """The address of a page of the small world in `world`; on the web it has the server's name in front."""
    if not isinstance(world, PlainWeb):
        return f"wiki/{name}"
    hit, *_ = await world.search("Ostra")
    return f"{hit.url.partition('/wiki/')[0]}/wiki/{name}"


async def test_hits_are_different_pages_best_first_with_spans_that_hold(world: World) -> None:
    hits = await world.search("film director", 3)
    assert hits and len({hit.url for hit in hits}) == len(hits) <= 3
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        # The web gives no spans; a recording has only the pages that were opened.
        if hit.start >= 0 and hit.url == "wiki/Salt_Road":
            page = await world.open(hit.url)
            assert page.text[hit.start : hit.end] == hit.snippet
            assert hit.text_hash == page.text_hash


async def test_any_text_may_be_searched_for(world: World) -> None:
    for query in ("", "((( \x00 ~~ +:"):
        assert await world.search(query, 3) == ()
    assert await world.search("no such thing at all zzz", 3) == ()


async def test_a_page_is_what_its_hash_says(world: World) -> None:
    url = await address(world, "Salt_Road")
    page = await world.open(url)
    assert page.url == url and page.title == "Salt Road" and "directed by Carla Rossi" in page.text
    assert page.text_hash == content_hash(page.text)
    assert page.fetched_at and page.licence == "CC0-1.0"


async def test_a_page_of_a_corpus_may_be_asked_for_by_title(world: World) -> None:
    if isinstance(world, PlainWeb):
        with pytest.raises(PageNotFoundError):
            await world.open("Carla Rossi")
    else:
        assert (await world.open("Carla Rossi")).url == "wiki/Carla_Rossi"


async def test_links_lead_on(world: World) -> None:
    links = await world.links(await address(world, "Salt_Road"))
    assert [link.url for link in links] == [await address(world, name) for name in ("Carla_Rossi", "Ostra")]


async def test_a_page_that_is_not_there_is_not_found(world: World) -> None:
    for ask in (world.open, world.links):
        with pytest.raises(PageNotFoundError):
            await ask(await address(world, "Nowhere"))
