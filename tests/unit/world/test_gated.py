"""A world behind the gateway: which engine and reader answers, and what of that is told."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.gateways import down, gateway
from tests.virtual_time import run_virtual

from fathom.core.errors import FathomError, PageNotFoundError, ToolError, WorldUnavailableFault
from fathom.core.evidence import Page
from fathom.core.model import content_hash
from fathom.core.task import Task
from fathom.sandbox.gateway.service import ServiceConfig
from fathom.tools.protocol import ToolContext
from fathom.tools.search import Search
from fathom.tools.visit import Visit
from fathom.world.gated import GatedConfig, GatedWorld, web_sources
from fathom.world.protocol import Hit, WorldLink
from fathom.world.reader.protocol import ReadPage
from fathom.world.search.addresses import host_of
from fathom.world.search.protocol import SearchQuery

HIT = Hit(url="https://example.org/a", title="A", snippet="about a")


class Engine:
    """Says the same to every query."""

    def __init__(self, name: str, said: tuple[Hit, ...] | FathomError) -> None:
        self.name, self.said, self.asked = name, said, 0

    async def search(self, query: SearchQuery) -> tuple[Hit, ...]:
        self.asked += 1
        if isinstance(self.said, FathomError):
            raise self.said
        return self.said

    async def close(self) -> None:
        return None


class Reader:
    """Has the same text for every address, or none."""

    def __init__(self, name: str, said: str | FathomError) -> None:
        self.name, self.said, self.asked = name, said, 0

    async def read(self, url: str) -> ReadPage:
        self.asked += 1
        if isinstance(self.said, FathomError):
            raise self.said
        page = Page(url=url, title="A", text=self.said, text_hash=content_hash(self.said), fetched_at="2026-01-01")
        return ReadPage(page=page, links=(WorldLink(url="https://example.org/b", title="B"),))

    async def close(self) -> None:
        return None


CONFIG = GatedConfig(search=ServiceConfig(attempts=2, deadline_s=20), read=ServiceConfig(attempts=2, deadline_s=20))
READ = CONFIG.read.model_copy(update={"unauthorised_rest_s": 0.0})


def web(engines: Sequence[Engine] = (), readers: Sequence[Reader] = ()) -> GatedWorld:
    config = CONFIG.model_copy(update={"read": READ})
    return GatedWorld("web", gateway(), web_sources(engines, readers, config), config)


async def observed(world: GatedWorld, tool: Search | Visit, **arguments: Any) -> str:
    context = ToolContext(task=Task(id="t", question="? https://example.org/a"), world=world)
    return (await tool.run(arguments, context)).text


def test_a_second_engine_stands_in_and_the_model_is_told() -> None:
    async def main() -> None:
        world = web([Engine("one", down("refused")), Engine("two", (HIT,))])
        (hit,) = await world.search("a")
        assert hit.note == "backup"
        assert "from another one" in await observed(world, Search(), query=["a"])

    run_virtual(main())


def test_no_engine_at_all_is_no_sign_of_absence() -> None:
    async def main() -> None:
        world = web([Engine("one", down("unauthorised")), Engine("two", down())])
        with pytest.raises(ToolError, match="no sign that nothing exists") as caught:
            await observed(world, Search(), query=["a", "b"])
        assert caught.value.kind == "saturated"

    run_virtual(main())


def test_that_nothing_is_found_is_said_when_two_engines_say_so() -> None:
    async def main() -> None:
        assert await web([Engine("one", ()), Engine("two", ())]).search("a") == ()
        with pytest.raises(WorldUnavailableFault, match="no second engine"):
            await web([Engine("one", ()), Engine("two", down())]).search("a")

    run_virtual(main())


def test_a_page_that_is_gone_is_gone_at_once_and_one_that_fails_is_read_elsewhere() -> None:
    async def main() -> None:
        gone, other = Reader("one", PageNotFoundError("404")), Reader("two", "text")
        with pytest.raises(PageNotFoundError):
            await web(readers=[gone, other]).open("https://example.org/a")
        assert (gone.asked, other.asked) == (1, 0)
        world = web(readers=[Reader("one", down("timeout")), other])
        assert (await world.open("https://example.org/a")).note == "backup"
        assert "parts of it may be missing" in await observed(world, Visit(), url=["https://example.org/a"], goal="x")

    run_virtual(main())


def test_a_site_that_refuses_one_page_is_not_given_up_for_others() -> None:
    async def main() -> None:
        reader = Reader("one", down("unauthorised"))
        world = web(readers=[reader])
        with pytest.raises(WorldUnavailableFault):
            await world.open("https://example.org/private")
        reader.said = "text"
        assert (await world.open("https://example.org/public")).text == "text"

    run_virtual(main())


def test_a_page_and_its_links_are_read_once() -> None:
    async def main() -> None:
        reader = Reader("one", "text")
        world = web(readers=[reader])
        await world.open("https://example.org/a")
        assert [link.url for link in await world.links("https://example.org/a")] == ["https://example.org/b"]
        assert reader.asked == 1

    run_virtual(main())


@pytest.mark.parametrize(
    ("url", "expected"),
    [("https://Example.ORG:8080/a", "example.org"), ("http://[::1", ""), ("no address", ""), ("", "")],
)
def test_host(url: str, expected: str) -> None:
    assert host_of(url) == expected


async def test_all_that_is_owned_is_closed_whatever_becomes_of_one() -> None:
    closed: list[str] = []

    class Part:
        def __init__(self, name: str, error: Exception | None = None) -> None:
            self.name, self.error = name, error

        async def close(self) -> None:
            closed.append(self.name)
            if self.error is not None:
                raise self.error

    owned = (Part("gateway", OSError("no")), Part("reader"), Part("parser"))
    with pytest.raises(OSError, match="no"):
        await GatedWorld("web", gateway(), web_sources([], [], CONFIG), CONFIG, owned=owned).close()
    assert closed == ["gateway", "reader", "parser"]
