"""robots.txt: asked for once, heeded, and never taken for a word about a page."""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from fathom.core.errors import AccessDeniedError, ProviderFault, WorldUnavailableFault
from fathom.sandbox.egress.pace import HostPace
from fathom.sandbox.egress.protocol import WebReply, WebRequest
from fathom.sandbox.egress.scripted import ScriptedWeb
from fathom.world.reader.parser import PageParser, ParserConfig
from fathom.world.reader.robots import Robots

SITE = "https://a.example"


def says(text: str, status: int = 200) -> Callable[[WebRequest], WebReply]:
    return lambda request: WebReply(status, request.url, {}, text.encode())


@pytest.fixture(scope="module")
def parser() -> Iterator[PageParser]:
    made = PageParser(ParserConfig(wall_s=3.0, processes=1))
    yield made
    asyncio.run(made.close())


class Site:
    """A site's robots under a clock that stands still until it is moved."""

    def __init__(self, parser: PageParser, answer: Callable[[WebRequest], WebReply]) -> None:
        self.web, self.now = ScriptedWeb(answer), 0.0
        self.robots = Robots(self.web, parser, timer=lambda: self.now)

    async def allows(self, path: str = "/p", site: str = SITE) -> bool:
        try:
            await self.robots.check(site, site + path, 30.0)
        except AccessDeniedError:
            return False
        return True


RULES = """
User-agent: other
Disallow: /

User-agent: Fathom
User-agent: else
Disallow: /private
Allow: /private/open
Disallow: /*.pdf$
Disallow: /%C3%BC

User-agent: *
Disallow: /
"""


@pytest.mark.parametrize(
    ("path", "open_to_us"),
    [
        ("/", True),
        ("/private", False),
        ("/private/x?y", False),
        ("/private/open/x", True),
        ("/a/b.pdf", False),
        ("/a/b.pdf?x", True),
        ("/%C3%BCber", False),
    ],
)
async def test_what_is_asked_of_us_by_name_is_heeded(parser: PageParser, path: str, open_to_us: bool) -> None:
    assert await Site(parser, says(RULES)).allows(path) is open_to_us


async def test_what_is_asked_of_all_is_heeded_and_a_file_without_rules_allows(parser: PageParser) -> None:
    assert not await Site(parser, says("User-agent: *\nDisallow: /")).allows()
    for text in ("", "# nothing", "User-agent: *\nDisallow:", "<html>no robots here</html>", "\x00\xff" * 99):
        assert await Site(parser, says(text)).allows()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_a_site_without_the_file_allows_all(parser: PageParser, status: int) -> None:
    assert await Site(parser, says("User-agent: *\nDisallow: /", status)).allows()


async def test_it_is_asked_for_once_for_each_site_and_again_after_a_while(parser: PageParser) -> None:
    site = Site(parser, says(RULES))
    assert all(await asyncio.gather(*(site.allows(f"/{number}") for number in range(20))))
    assert [request.url for request in site.web.asked] == [f"{SITE}/robots.txt"]
    assert site.web.asked[0].max_redirects == 5
    await site.allows(site="http://a.example:8080")
    assert len(site.web.asked) == 2
    site.now = 3600.0
    await site.allows()
    assert len(site.web.asked) == 3


def unwell(request: WebRequest) -> WebReply:
    raise ProviderFault("no connection to a.example", kind="refused")


@pytest.mark.parametrize(
    ("answer", "kind"), [(says("", 503), "server"), (says("", 429), "rate_limited"), (unwell, "refused")]
)
async def test_a_file_that_cannot_be_had_is_a_fault_for_a_minute(
    parser: PageParser, answer: Callable[[WebRequest], WebReply], kind: str
) -> None:
    site = Site(parser, answer)
    for _ in range(3):
        with pytest.raises(WorldUnavailableFault) as caught:
            await site.allows()
        assert caught.value.kind == kind
    assert len(site.web.asked) == 1
    site.now = 61.0
    with pytest.raises(WorldUnavailableFault):
        await site.allows()
    assert len(site.web.asked) == 2


async def test_the_wait_that_a_site_asks_for_is_kept(parser: PageParser) -> None:
    site = Site(parser, lambda request: WebReply(429, request.url, {"retry-after": "7"}, b""))
    with pytest.raises(WorldUnavailableFault) as caught:
        await site.allows()
    assert (caught.value.kind, caught.value.retry_after_s) == ("rate_limited", 7.0)


@pytest.mark.parametrize(("wait", "again_after_s"), [({}, 60), ({"retry-after": "0"}, 0), ({"retry-after": "900"}, 60)])
async def test_a_site_that_fails_is_asked_again_when_it_says_and_within_a_minute(
    parser: PageParser, wait: dict[str, str], again_after_s: float
) -> None:
    site = Site(parser, lambda request: WebReply(503, request.url, wait, b""))
    for asked in (1, 2):
        with pytest.raises(WorldUnavailableFault):
            await site.allows()
        assert len(site.web.asked) == asked
        site.now += again_after_s + 0.001


async def test_one_who_waits_is_not_cancelled_with_one_who_asked(parser: PageParser) -> None:
    begun = asyncio.Event()

    class SlowWeb(ScriptedWeb):
        async def fetch(self, request: WebRequest) -> WebReply:
            begun.set()
            await asyncio.sleep(0.05)
            return await super().fetch(request)

    site = Site(parser, says(""))
    site.robots = Robots(SlowWeb(says("")), parser)
    first = asyncio.create_task(site.allows())
    await begun.wait()
    second = asyncio.create_task(site.allows())
    await asyncio.sleep(0)
    first.cancel()
    assert await second
    assert first.cancelled()


async def test_a_file_made_to_hang_its_parser_is_a_fault(parser: PageParser) -> None:
    names = "".join(f"User-agent: a{number}\n" for number in range(2000))
    rules = "".join(f"Disallow: /{number}\n" for number in range(2000))
    site = Site(parser, says(names + rules))
    with pytest.raises(WorldUnavailableFault) as caught:
        await site.allows()
    assert caught.value.kind == "oversized"
    began = time.monotonic()
    with pytest.raises(WorldUnavailableFault):
        await site.allows()
    assert time.monotonic() - began < 0.5 and len(site.web.asked) == 1, "it is not parsed again at once"


@pytest.mark.parametrize(
    ("delay", "every_s"), [("5", 5.0), ("0.5", 0.5), ("86400", 30.0), ("-1", 0.0), ("nan", 0.0), ("x", 0.0)]
)
async def test_the_pause_that_a_site_asks_for_is_told_to_who_keeps_the_pace(
    parser: PageParser, delay: str, every_s: float
) -> None:
    told: list[tuple[str, float]] = []

    class Pace(HostPace):
        def slow(self, host: str, every_s: float) -> None:
            told.append((host, every_s))

    text = f"User-agent: fathom\nCrawl-delay: {delay}\n\nUser-agent: *\nCrawl-delay: 9"
    robots = Robots(ScriptedWeb(says(text)), parser, pace=Pace(None))
    await robots.check("https://a.example:8443", "https://a.example:8443/p", 30.0)
    assert told == [("a.example", every_s)]


async def test_old_files_make_room(parser: PageParser) -> None:
    site = Site(parser, says("# " + "x" * 600_000))
    for number in range(50):
        await site.robots._ask(f"https://{number}.example", 1.0)
        site.robots._keep(f"https://{number}.example", await site.robots._ask(f"https://{number}.example", 1.0))
    assert len(site.robots._known) == 31 and site.robots._chars <= 16_000_000
