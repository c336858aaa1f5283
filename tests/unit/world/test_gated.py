"""A world behind the gateway: which engine and reader answers, and what of that is told."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.gateways import down, gateway
from tests.virtual_time import run_virtual

from fathom.core.budget import Meter
from fathom.core.errors import (
    AccessDeniedError,
    FathomError,
    PageNotFoundError,
    ProviderFault,
    QueryError,
    ToolError,
    WorldUnavailableFault,
)
from fathom.core.events import MemoryJournal
from fathom.core.evidence import Page
from fathom.core.model import content_hash
from fathom.core.task import Task
from fathom.sandbox.egress.protocol import WebReply, WebRequest
from fathom.sandbox.egress.scripted import ScriptedWeb
from fathom.sandbox.gateway.gateway import Gateway
from fathom.sandbox.gateway.service import LaneChanges, LaneConfig, ServiceConfig, paced
from fathom.tools.protocol import ToolContext
from fathom.tools.search import Search
from fathom.tools.visit import Visit
from fathom.world.gated import GatedConfig, GatedWorld, web_sources, world_sources
from fathom.world.journaled import JournaledWorld
from fathom.world.protocol import Hit, World, WorldLink
from fathom.world.reader.extract import VERSION
from fathom.world.reader.live import LiveReader, LiveReaderConfig
from fathom.world.reader.parser import PageParser
from fathom.world.reader.protocol import PageFault, PageReader, ReadPage
from fathom.world.reader.robots import Robots
from fathom.world.reader.service import ServiceReader
from fathom.world.recorded import RecordedWorld, RecordingWorld
from fathom.world.search.addresses import host_of
from fathom.world.search.duplicates import TidyConfig
from fathom.world.search.protocol import EngineTraits, SearchQuery

HIT = Hit(url="https://example.org/a", title="A", snippet="about a")


class Engine:
    """Says the same to every query; `times` are those of the requests, `ks` how many hits they asked for."""

    def __init__(
        self, name: str, said: tuple[Hit, ...] | FathomError, traits: EngineTraits = EngineTraits(general=True)
    ) -> None:
        self.name, self.said, self.asked, self.traits = name, said, 0, traits
        self.times: list[float] = []
        self.ks: list[int] = []

    async def search(self, query: SearchQuery) -> tuple[Hit, ...]:
        self.asked += 1
        self.times.append(asyncio.get_running_loop().time())
        self.ks.append(query.k)
        if isinstance(self.said, FathomError):
            raise self.said
        return self.said

    async def close(self) -> None:
        return None


class Reader:
    """Has the same text for every address, or none."""

    def __init__(self, name: str, said: str | FathomError) -> None:
        self.name, self.said, self.asked = name, said, 0
        self.times: dict[str, list[float]] = {}

    async def read(self, url: str) -> ReadPage:
        self.asked += 1
        self.times.setdefault(host_of(url), []).append(asyncio.get_running_loop().time())
        if isinstance(self.said, FathomError):
            raise self.said
        page = Page(url=url, title="A", text=self.said, text_hash=content_hash(self.said), fetched_at="2026-01-01")
        return ReadPage(page=page, links=(WorldLink(url="https://example.org/b", title="B"),))

    async def close(self) -> None:
        return None


CONFIG = GatedConfig(search=ServiceConfig(attempts=2, deadline_s=20), read=ServiceConfig(attempts=2, deadline_s=20))


def web(engines: Sequence[Engine] = (), readers: Sequence[PageReader] = ()) -> GatedWorld:
    return GatedWorld("web", gateway(), web_sources(engines, readers, CONFIG), CONFIG)


async def observed(world: World, tool: Search | Visit, **arguments: Any) -> str:
    context = ToolContext(task=Task(id="t", question="? https://example.org/a"), world=world)
    return (await tool.run(arguments, context)).text


def test_a_second_engine_stands_in_and_the_model_is_told() -> None:
    async def main() -> None:
        world = web([Engine("one", down("refused")), Engine("two", (HIT,))])
        (hit,) = await world.search("a")
        assert hit.note == "backup"
        assert "from another one" in await observed(world, Search(), query=["a"])

    run_virtual(main())


def test_that_the_first_engine_found_nothing_is_not_told_as_its_silence() -> None:
    async def main() -> None:
        world = web([Engine("one", ()), Engine("two", (HIT,))])
        (hit,) = await world.search("a")
        assert hit.note == "elsewhere"
        text = await observed(world, Search(), query=["a"])
        assert "(The usual search found nothing; these are from another one.)" in text and "did not answer" not in text

    run_virtual(main())


def test_of_two_servers_of_one_kind_one_stands_in_for_the_other() -> None:
    async def main() -> None:
        first, second = Engine("searxng", down("rate_limited", after_s=60)), Engine("searxng", (HIT,))
        world = web([first, second])
        (hit,) = await world.search("a")
        assert hit.note == "backup" and (first.asked, second.asked) == (1, 1)
        assert asyncio.get_running_loop().time() < 20
        (hit,) = await world.search("b")
        assert (first.asked, second.asked) == (1, 2)  # the first one's pause is its own

    run_virtual(main())


def test_only_what_there_was_no_room_for_is_told_as_a_matter_of_room() -> None:
    async def main() -> None:
        for kinds, told in ((("rejected", "rejected"), "upstream"), (("rejected", "rate_limited"), "upstream"),
                            (("rate_limited", "rate_limited"), "saturated")):  # fmt: skip
            world = web([Engine(kind + str(n), down(kind)) for n, kind in enumerate(kinds)])
            with pytest.raises(ToolError) as caught:
                await observed(world, Search(), query=["a"])
            assert caught.value.kind == told

    run_virtual(main())


def test_an_engine_is_asked_no_faster_than_it_allows() -> None:
    async def main() -> None:
        arxiv, other = Engine("arxiv", (HIT,)), Engine("other", (HIT,))
        config = GatedConfig(engines={"arxiv": paced(1 / 3, slots=1)})
        sources = web_sources([arxiv], [], config)
        world = GatedWorld("web", gateway(), sources, config)
        await asyncio.gather(*(world.search(str(number)) for number in range(8)))
        assert [round(at, 3) for at in arxiv.times] == [3.0 * number for number in range(8)]
        free = GatedWorld("web", gateway(), web_sources([other], [], config), config)
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(free.search(str(number)) for number in range(8)))
        assert set(other.times) == {began}

    run_virtual(main())


def test_each_host_is_asked_at_its_own_rate_and_none_waits_for_another() -> None:
    async def main() -> None:
        reader = Reader("live", "text")
        config = GatedConfig()
        world = GatedWorld("web", gateway(), web_sources([], [reader], config), config)
        hosts = ("a.example", "b.example", "c.example")
        await asyncio.gather(*(world.open(f"https://{host}/{page}") for page in range(12) for host in hosts))
        for host in hosts:
            times = reader.times[host]
            assert [round(at, 3) for at in times] == [0.0] * 4 + [0.5 * number for number in range(1, 9)]

    run_virtual(main())


def test_limits_are_changed_where_that_is_said_and_stay_else() -> None:
    slow = paced(1 / 3, slots=1)
    assert LaneChanges().over(slow) == slow
    assert LaneChanges(slots=2).over(slow) == LaneConfig(rate_per_s=1 / 3, burst=1, slots=2)
    assert LaneChanges(rate_per_s=0, burst=9).over(slow) == LaneConfig(rate_per_s=None, burst=9, slots=1)


def test_no_engine_at_all_is_no_sign_of_absence() -> None:
    async def main() -> None:
        world = web([Engine("one", down("unauthorised")), Engine("two", down())])
        with pytest.raises(ToolError, match="no sign that nothing exists") as caught:
            await observed(world, Search(), query=["a", "b"])
        assert caught.value.kind == "upstream"

    run_virtual(main())


def test_that_nothing_is_found_is_said_when_two_engines_say_so() -> None:
    async def main() -> None:
        assert await web([Engine("one", ()), Engine("two", ())]).search("a") == ()
        with pytest.raises(WorldUnavailableFault, match="no second engine"):
            await web([Engine("one", ()), Engine("two", down())]).search("a")

    run_virtual(main())


def test_that_the_only_engine_finds_nothing_is_believed_and_the_model_is_told(tmp_path: Path) -> None:
    said = 'No page matches "a" (one engine only; nothing confirms that there is nothing). Other words may help.'

    async def main() -> None:
        made = web([Engine("one", ())])
        around = [made, JournaledWorld(made, MemoryJournal(), Meter()), RecordingWorld(made, tmp_path / "said")]
        for world in around:
            assert await observed(world, Search(), query=["a"]) == said
        assert await observed(RecordedWorld(tmp_path / "said"), Search(), query=["a"]) == said
        both = web([Engine("one", ()), Engine("two", ())])
        assert await observed(both, Search(), query=["a"]) == 'No page matches "a". Other words may help.'

    run_virtual(main())


def test_an_engine_of_one_site_does_not_confirm_that_the_web_has_nothing() -> None:
    async def main() -> None:
        github = Engine("github", (), EngineTraits())
        world = web([Engine("one", ()), github])
        assert "one engine only" in await observed(world, Search(), query=["a"])
        assert github.asked == 1, "it could have found something"
        assert "one engine only" not in await observed(
            web([Engine("one", ()), Engine("two", ())]), Search(), query=["a"]
        )

    run_virtual(main())


FILTERS = ("after:2024-01-01", "-site:x.com", "before:2024 after:2020 -site:a.org", "site:x.com", "\x00\x01")
BY_DOMAIN = EngineTraits(general=True, domains_alone=True)


def test_a_query_of_filters_alone_is_the_models_to_mend_and_nobody_is_asked(tmp_path: Path) -> None:
    async def main() -> None:
        engines = [Engine("one", ()), Engine("two", ())]
        made = web(engines)
        opened: list[Callable[[], World]] = [
            lambda: made,
            lambda: JournaledWorld(made, MemoryJournal(), Meter()),
            lambda: RecordingWorld(made, tmp_path / "said"),
            lambda: RecordedWorld(tmp_path / "said"),
        ]
        for world in (opener() for opener in opened):
            for query in FILTERS:
                with pytest.raises(ToolError, match=r"was not sent: it holds no words") as caught:
                    await observed(world, Search(), query=[query])
                assert caught.value.kind == "arguments"
        assert [engine.asked for engine in engines] == [0, 0]
        both = await observed(made, Search(), query=["after:2024", "salt"])
        assert 'The query "after:2024" was not sent: it holds no words' in both and 'No page matches "salt"' in both
        assert await made.search("  ") == ()

    run_virtual(main())


def test_a_domain_alone_is_asked_for_where_an_engine_can_be_asked_for_it() -> None:
    async def main() -> None:
        able = Engine("two", (HIT,), BY_DOMAIN)
        world = web([Engine("one", down("rejected")), able])
        assert await world.search("site:example.org")
        for query in ("-site:x.com", "after:2024"):
            with pytest.raises(QueryError):
                await world.search(query)
        assert able.asked == 1

    run_virtual(main())


def test_no_spare_hits_are_asked_for_where_they_are_paid_for() -> None:
    async def main() -> None:
        dear, free = Engine("one", (HIT,), EngineTraits(general=True, cheap_k=10)), Engine("two", (HIT,))
        for engine, asked in ((dear, [8, 10, 10, 12]), (free, [8, 13, 15, 17])):
            world = web([engine])
            for k in (3, 8, 10, 12):
                await world.search("a", k)
            assert engine.ks == asked

    run_virtual(main())


def test_a_corpus_needs_no_second_word() -> None:
    class Corpus(Engine):
        async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:  # type: ignore[override]
            return ()

        async def open(self, url: str) -> Page:
            raise PageNotFoundError(url)

        async def links(self, url: str) -> tuple[WorldLink, ...]:
            return ()

    async def main() -> None:
        world = GatedWorld("notes", gateway(), world_sources(Corpus("notes", ())))
        assert await observed(world, Search(), query=["a"]) == 'No page matches "a". Other words may help.'

    run_virtual(main())


def test_no_site_has_more_hits_than_it_may_unless_it_is_asked_for() -> None:
    hits = tuple(
        Hit(url=f"https://{host}/{number}", title=f"{host} {number}", snippet=f"about {number}")
        for host in ("www.one.example", "two.example")
        for number in range(4)
    )

    async def main() -> None:
        config = CONFIG.model_copy(update={"tidy": TidyConfig(per_domain=2)})
        world = GatedWorld("web", gateway(), web_sources([Engine("one", hits)], [], config), config)
        assert [hit.url for hit in await world.search("a")] == [hits[place].url for place in (0, 1, 4, 5)]
        assert len(await world.search("a", 3)) == 3
        assert len(await world.search("a site:two.example")) == 8
        assert len(await web([Engine("one", hits)]).search("a")) == 8

    run_virtual(main())


class Sites:
    """The sites of the web and a reader service in front of them; `robots` is what every site asks."""

    def __init__(self, robots: WebReply) -> None:
        self.own, self.service = ScriptedWeb(self._site), ScriptedWeb(self._served)
        self._robots, self.at = robots, "https://example.org/a"

    def _site(self, request: WebRequest) -> WebReply:
        if request.url.endswith("/robots.txt"):
            return replace(self._robots, url=request.url)
        return WebReply(503, request.url, {}, b"")

    def _served(self, request: WebRequest) -> WebReply:
        page = {"title": "A", "url": self.at, "content": "Text of the page."}
        return WebReply(200, request.url, {}, json.dumps({"code": 200, "data": page}).encode())

    def readers(self, parser: PageParser, *names: str) -> list[PageReader]:
        made: dict[str, PageReader] = {
            "live": LiveReader(self.own, parser=parser),
            "service": ServiceReader(self.service, robots=Robots(self.own, parser)),
        }
        return [made[name] for name in names]


FORBIDS = WebReply(200, "", {}, b"User-agent: fathom\nDisallow: /a")


@pytest.mark.parametrize("names", [("live", "service"), ("service", "live"), ("service",)])
@pytest.mark.parametrize(
    ("robots", "raised"),
    [(FORBIDS, AccessDeniedError), (WebReply(503, "", {}, b""), WorldUnavailableFault)],
    ids=["forbids", "cannot be had"],
)
async def test_what_robots_may_not_open_no_reader_opens(
    names: tuple[str, ...], robots: WebReply, raised: type[FathomError]
) -> None:
    sites, parser = Sites(robots), PageParser()
    config = CONFIG.model_copy(update={"read": CONFIG.read.model_copy(update={"attempts": 1})})
    world = GatedWorld("web", Gateway(), web_sources([], sites.readers(parser, *names), config), config)
    with pytest.raises(raised):
        await world.open("https://example.org/a")
    assert sites.service.asked == []
    assert {request.url for request in sites.own.asked} == {"https://example.org/robots.txt"}
    await parser.close()


async def test_what_a_service_was_led_to_is_asked_about_too() -> None:
    sites, parser = Sites(FORBIDS), PageParser()
    reader = ServiceReader(sites.service, robots=Robots(sites.own, parser))
    sites.at = "https://example.org/b"
    assert (await reader.read("https://example.org/b")).page.text
    sites.at = "https://example.org/a"
    with pytest.raises(AccessDeniedError, match="asks robots not to"):
        await reader.read("https://example.org/old")
    await parser.close()


class Named(Reader):
    """A reader that does not answer alike for all: `by_host` are its answers for some hosts; a page takes `takes_s`."""

    def __init__(self, name: str, said: str | FathomError = "text", *, takes_s: float = 0.0) -> None:
        super().__init__(name, said)
        self.by_host: dict[str, FathomError] = {}
        self.takes_s, self.running, self.most = takes_s, 0, 0

    async def read(self, url: str) -> ReadPage:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self.takes_s)
            read = await super().read(url)
        finally:
            self.running -= 1
        if host_of(url) in self.by_host:
            raise self.by_host[host_of(url)]
        return read


def with_own(*readers: Reader, slots: int = 16, **read: Any) -> GatedWorld:
    """A world whose readers but for one called `live` are providers of their own."""
    own = {reader.name: LaneConfig(slots=slots) for reader in readers if reader.name != "live"}
    config = GatedConfig(readers=own, read=ServiceConfig.model_validate({"attempts": 3, "deadline_s": 120, **read}))
    return GatedWorld("web", gateway(), web_sources([], readers, config), config)


def test_a_pause_that_a_reader_service_asks_for_is_one_for_all_hosts() -> None:
    async def main() -> None:
        service, live = Named("service", down("rate_limited", after_s=60)), Reader("live", "text")
        world = with_own(service, live)
        for number in range(8):
            assert (await world.open(f"https://{number}.example/")).note == "backup"
        assert service.asked == 1
        await asyncio.sleep(61)
        service.said = "text"
        assert (await world.open("https://9.example/")).note == ""

    run_virtual(main())


def test_a_service_that_does_not_take_the_key_is_left_alone_longer_and_longer() -> None:
    async def main() -> None:
        service = Named("service", down("unauthorised"))
        world = with_own(service, Reader("live", "text"))
        for number in range(300):
            await world.open(f"https://{number}.example/")
            await asyncio.sleep(1)
        assert service.asked <= 10

    run_virtual(main())


def test_a_reader_that_cannot_start_is_not_tried_for_every_host() -> None:
    async def main() -> None:
        browser = Named("browser", down("refused"))
        world = with_own(browser, Reader("live", "text"))
        for number in range(100):
            await world.open(f"https://{number}.example/")
        assert browser.asked <= 20

    run_virtual(main())


@pytest.mark.parametrize("kind", ["server", "timeout", "unauthorised", "rate_limited", "garbage"])
def test_faults_of_sites_do_not_count_against_who_reads_them(kind: ProviderFault.Kind) -> None:
    async def main() -> None:
        service = Named("service")
        service.by_host = {f"{number}.example": PageFault("no", kind=kind, retry_after_s=60) for number in range(40)}
        world = with_own(service)
        opened = await asyncio.gather(
            *(world.open(f"https://{host}/") for host in service.by_host), return_exceptions=True
        )
        assert {type(error) for error in opened} == {WorldUnavailableFault}
        began = asyncio.get_running_loop().time()
        assert (await world.open("https://good.example/")).text == "text"
        assert asyncio.get_running_loop().time() - began < 1

    run_virtual(main())


def test_a_page_that_fails_for_a_moment_is_asked_for_again_of_who_reads_others() -> None:
    async def main() -> None:
        service = Named("service")
        service.by_host = {"a.example": PageFault("no", kind="server", retry_after_s=5)}
        world = with_own(service)
        opening = asyncio.create_task(world.open("https://a.example/"))
        await asyncio.sleep(1)
        service.by_host.clear()
        assert (await opening).text == "text" and asyncio.get_running_loop().time() >= 5

    run_virtual(main())


def test_waiting_for_a_browser_is_no_part_of_its_time() -> None:
    async def main() -> None:
        browser = Named("browser", takes_s=20.0)
        world = with_own(browser, slots=2, timeout_s=30.0)
        pages = await asyncio.gather(*(world.open(f"https://{number}.example/") for number in range(10)))
        assert [page.text for page in pages] == ["text"] * 10
        assert (browser.asked, browser.most) == (10, 2) and asyncio.get_running_loop().time() == 100

    run_virtual(main())


def test_ways_to_write_an_address_are_one_page() -> None:
    async def main() -> None:
        reader = Reader("live", "text")
        world = web(readers=[reader])
        written = ["https://example.org/a", "HTTPS://Example.ORG/a", "https://example.org:443/b/../a#part"]
        pages = [await world.open(url) for url in written]
        assert [page.url for page in pages] == written and reader.asked == 1
        assert (await world.links(written[2]))[0].url == "https://example.org/b" and reader.asked == 1
        for other in ("http://example.org/a", "https://example.org/a?x", "no address", "No address"):
            await world.open(other)
        assert reader.asked == 5

    run_virtual(main())


def test_addresses_of_a_corpus_are_taken_as_they_are() -> None:
    class Corpus(Engine):
        opened: tuple[str, ...] = ()

        async def open(self, url: str) -> Page:
            self.opened = (*self.opened, url)
            return Page(url="wiki/A", title="A", text="A", text_hash="", fetched_at="")

        async def links(self, url: str) -> tuple[WorldLink, ...]:
            return ()

    async def main() -> None:
        corpus = Corpus("notes", ())
        world = GatedWorld("notes", gateway(), world_sources(corpus))
        for url in ("http://a.example/a", "http://a.example/a#x", "HTTP://a.example/a"):
            assert (await world.open(url)).url == "wiki/A"
        assert len(corpus.opened) == 3

    run_virtual(main())


def test_what_was_extracted_in_another_way_is_not_taken_from_the_cache() -> None:
    assert web_sources([], [], CONFIG, read_version="r").read_version == f"r extract {VERSION}"


def linking(request: WebRequest) -> WebReply:
    html = "<title>A</title><p>The lamp was made by <a href='/lindqvist'>Ada Lindqvist</a> in 1884.</p>"
    return WebReply(200, request.url, {"content-type": "text/html"}, html.encode())


async def test_links_come_with_the_page_whatever_stands_between(tmp_path: Path) -> None:
    parser = PageParser()
    reader = LiveReader(ScriptedWeb(linking), LiveReaderConfig(robots=False), parser=parser)
    made = GatedWorld("web", Gateway(), web_sources([], [reader], CONFIG), CONFIG)
    behind = GatedWorld("thin", Gateway(), world_sources(RecordingWorld(made, tmp_path / "said")))
    told = "\nLinks in these passages:\nAda Lindqvist -> https://example.org/lindqvist"
    for world in (made, behind, JournaledWorld(made, MemoryJournal(), Meter())):
        assert (await observed(world, Visit(), url=["https://example.org/a"], goal="x")).endswith(told)
    replayed = RecordedWorld(tmp_path / "said")
    assert (await observed(replayed, Visit(), url=["https://example.org/a"], goal="x")).endswith(told)
    await parser.close()


def test_a_page_without_links_is_recorded_as_it_ever_was() -> None:
    page = Page(url="u", title="t", text="x", text_hash="h", fetched_at="")
    assert list(page.model_dump(mode="json")) == [
        "url", "title", "text", "text_hash", "fetched_at", "licence", "lang", "note",
    ]  # fmt: skip
    assert list(WorldLink(url="u", title="t").model_dump(mode="json")) == ["url", "title", "anchor", "note"]


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


def test_links_say_that_they_are_of_an_earlier_copy_or_another_reader() -> None:
    async def main() -> None:
        reader = Reader("one", "text")
        world = web(readers=[reader])
        assert [link.note for link in await world.links("https://example.org/a")] == [""]
        reader.said = down()
        await asyncio.sleep(CONFIG.read.keep_s + 1)
        assert [link.note for link in await world.links("https://example.org/a")] == ["stale"]
        backup = web(readers=[Reader("one", down()), Reader("two", "text")])
        assert [link.note for link in await backup.links("https://example.org/a")] == ["backup"]

    run_virtual(main())


def test_that_nothing_was_found_earlier_is_no_answer_now() -> None:
    async def main() -> None:
        engine = Engine("one", ())
        world = web([engine])
        assert await world.search("a") == ()
        engine.said = down()
        await asyncio.sleep(CONFIG.search.keep_negative_s + 1)
        with pytest.raises(WorldUnavailableFault, match="that was earlier") as caught:
            await world.search("a")
        assert caught.value.kind == "saturated"

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
