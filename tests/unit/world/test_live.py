"""The live world against a server on localhost: what works, and every way in which the web does not."""

import gzip
import time
from collections.abc import AsyncIterator

import pytest
from tests.chat_server import Answer
from tests.live import live
from tests.samples import pdf
from tests.web_server import HTML, WebServer, html, results, small_web
from tests.worlds import NOON

from fathom.core.errors import AccessDeniedError, PageNotFoundError, WorldUnavailableFault
from fathom.core.evidence import Page
from fathom.core.model import content_hash
from fathom.sandbox.egress.protocol import WebReply, WebRequest
from fathom.sandbox.egress.scripted import ScriptedWeb
from fathom.world.reader.live import LiveReader, LiveReaderConfig

TEXT = "The lighthouse of Ostra was built in 1884. It stands on the northern coast and can be seen from far away."


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with small_web() as server:
        yield server


async def test_a_page_is_its_text_with_title_hash_and_time(web: WebServer) -> None:
    world = live(web)
    page = await world.open(f"{web.base}/wiki/Ostra")
    assert page.title == "Ostra" and "4,200 inhabitants and one lighthouse, built in 1884." in page.text
    assert page.text_hash == content_hash(page.text) and page.fetched_at == NOON
    assert page.url == f"{web.base}/wiki/Ostra" and page.lang == "en"
    assert page.private and page == Page.model_validate_json(page.model_dump_json()), "it came from 127.0.0.1"
    await world.close()
    assert (await world.open(page.url)).text == page.text, "a closed world opens again"
    await world.close()


async def test_search_gives_each_page_once_in_the_servers_order(web: WebServer) -> None:
    row = {"url": "http://a.example/", "title": "A", "content": "first", "publishedDate": "2025-03-04T00:00:00"}
    web.search = lambda query: results(
        row,
        {"url": "http://b.example/", "title": None, "score": 2.5},
        {**row, "content": "again"},
        {"title": "no url"},
    )
    first, second = await live(web).search("x")
    assert (first.snippet, first.date, first.start) == ("first", "2025-03-04", -1)
    assert (second.url, second.title, second.score) == ("http://b.example/", "http://b.example/", 2.5)
    assert len(await live(web).search("x", 1)) == 1


async def test_any_query_can_be_asked(web: WebServer) -> None:
    world = live(web)
    assert await world.search("  ") == () and web.visited == []
    assert await world.search("zq\ud800b" + "x" * 9000) == ()
    assert len(web.visited[0]) < 700


async def test_the_search_server_may_stand_in_a_folder(web: WebServer) -> None:
    world = live(web, searxng_url=f"{web.base}/tools/searx/")
    with pytest.raises(WorldUnavailableFault, match="404"):
        await world.search("x")
    assert web.visited[0].startswith("/tools/searx/search?")


@pytest.mark.parametrize(
    "answer",
    [
        html("<p>Results</p>"),
        Answer({"answers": []}),
        Answer({"results": None}),
        Answer({"results": ["a", "b"]}),
        Answer({"results": {"url": 1}}),
        Answer({"results": [{"title": "no address"}]}),
        Answer([]),
        Answer(b"\xff\xfe\xfa"),
        Answer(b'{"results":' + b"[" * 100_000),
        Answer(b""),
        Answer({"results": []}, 403),
        Answer({"results": []}, 404),
        Answer({"results": []}, 429),
        Answer({"results": []}, 500),
        Answer({"results": []}, cut=5),
        Answer(b'{"results": [], "x": "' + b"y" * 40_000 + b'"}'),
    ],
    ids=lambda answer: f"{answer.status}-{str(answer.body)[:24]}",
)
async def test_a_search_that_went_wrong_is_never_an_empty_result(web: WebServer, answer: Answer) -> None:
    web.search = lambda query: answer
    with pytest.raises(WorldUnavailableFault):
        await live(web, max_bytes=30_000).search("x")


async def test_html_for_json_is_told_how_to_switch_on(web: WebServer) -> None:
    web.search = lambda query: html("<p>Results</p>")
    with pytest.raises(WorldUnavailableFault, match="HTML instead of JSON") as caught:
        await live(web).search("x")
    assert "search.formats" in (caught.value.hint or "")


@pytest.mark.parametrize("status", [404, 410])
async def test_a_page_that_is_gone_is_not_found(web: WebServer, status: int) -> None:
    web.routes["/p"] = Answer(b"<p>Nothing here.</p>", status, HTML)
    with pytest.raises(PageNotFoundError, match=str(status)):
        await live(web).open(f"{web.base}/p")


@pytest.mark.parametrize("status", [204, 304, 401, 403, 429, 500, 503])
async def test_a_page_that_is_refused_may_still_be_there(web: WebServer, status: int) -> None:
    web.routes["/p"] = Answer(b"<p>Go away.</p>" if status not in (204, 304) else b"", status, HTML)
    with pytest.raises(WorldUnavailableFault, match=str(status)):
        await live(web).open(f"{web.base}/p")


async def test_a_server_that_is_not_there_says_nothing_about_the_page(web: WebServer) -> None:
    world = live(web, searxng_url="http://127.0.0.1:9")
    for ask in (world.open("http://127.0.0.1:9/p"), world.search("x")):
        with pytest.raises(WorldUnavailableFault):
            await ask


async def test_time_is_limited_over_the_whole_page(web: WebServer) -> None:
    web.routes["/drip"] = Answer(b"x" * 1000, 200, HTML, drip_s=0.05)
    web.routes["/late"] = Answer(b"x", 200, HTML, wait_s=9.0)
    web.search = lambda query: Answer(b" " * 1000, drip_s=0.05)
    world = live(web, timeout_s=0.3)
    began = time.monotonic()
    for ask in (world.open(f"{web.base}/drip"), world.open(f"{web.base}/late"), world.search("x")):
        with pytest.raises(WorldUnavailableFault):
            await ask
    assert time.monotonic() - began < 5


async def test_half_a_reply_is_no_page(web: WebServer) -> None:
    answer = html(f"<p>{TEXT}</p>")
    web.routes["/half"] = Answer(answer.body, 200, HTML, cut=80)
    with pytest.raises(WorldUnavailableFault):
        await live(web).open(f"{web.base}/half")


async def test_the_size_of_a_page_is_limited_unpacked(web: WebServer) -> None:
    body = html(f"<p>{TEXT}</p>" * 3000).body
    packed = gzip.compress(body)
    assert len(packed) < 20_000 < len(body)
    web.routes["/plain"] = Answer(body, 200, HTML)
    web.routes["/packed"] = Answer(packed, 200, {**HTML, "content-encoding": "gzip"})
    for path in ("/plain", "/packed"):
        with pytest.raises(WorldUnavailableFault, match="larger than 20000 bytes"):
            await live(web, max_bytes=20_000).open(web.base + path)


async def test_gzip_is_unpacked_and_damage_in_it_is_a_fault(web: WebServer) -> None:
    packed = gzip.compress(html(f"<p>{TEXT}</p>").body)
    web.routes["/good"] = Answer(packed, 200, {**HTML, "content-encoding": "gzip"})
    web.routes["/bad"] = Answer(b"\x00" + packed[1:], 200, {**HTML, "content-encoding": "gzip"})
    assert TEXT in (await live(web).open(f"{web.base}/good")).text
    assert web.headers["accept-encoding"] == "gzip"
    with pytest.raises(WorldUnavailableFault):
        await live(web).open(f"{web.base}/bad")


async def test_redirects_are_followed_as_far_as_allowed(web: WebServer) -> None:
    for number in range(6):
        web.routes[f"/r{number}"] = Answer(b"", 302, {"location": f"/r{number + 1}"})
    web.routes["/r2"] = html(f"<p>{TEXT}</p>")
    web.routes["/round"] = Answer(b"", 301, {"location": "/round"})
    page = await live(web).open(f"{web.base}/r0")
    assert TEXT in page.text and page.url == f"{web.base}/r0"
    for path, most in (("/r0", 1), ("/round", 5)):
        web.visited.clear()
        with pytest.raises(WorldUnavailableFault, match="redirects"):
            await live(web, max_redirects=most).open(web.base + path)
        assert len([path for path in web.visited if path != "/robots.txt"]) == most + 1


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://a.example/", "javascript:1", "http://u:p@a.example/"])
async def test_a_redirect_leaves_the_web_for_nothing(web: WebServer, target: str) -> None:
    web.routes["/r"] = Answer(b"", 302, {"location": target})
    with pytest.raises(AccessDeniedError, match="may not be opened"):
        await live(web).open(f"{web.base}/r")


@pytest.mark.parametrize("target", ["http://[::1", "", "http://", "/\r"])
async def test_a_redirect_that_makes_no_sense_is_no_page(web: WebServer, target: str) -> None:
    web.routes["/r"] = Answer(b"", 302, {"location": target})
    with pytest.raises((AccessDeniedError, WorldUnavailableFault)):
        await live(web, max_redirects=1).open(f"{web.base}/r")


@pytest.mark.parametrize("url", ["", "Carla Rossi", "wiki/Ostra", "//host/x", "http://", "http:///x", "mailto:a@b"])
async def test_what_is_no_web_address_is_not_found(web: WebServer, url: str) -> None:
    for ask in (live(web).open, live(web).links):
        with pytest.raises(PageNotFoundError):
            await ask(url)


@pytest.mark.parametrize(
    "url",
    [
        "file://localhost/etc/passwd",
        "ftp://a.example/",
        "http://[::1",
        "http://[",
        "http://a.example:99999999/",
        "http://user@127.0.0.1/",
        "http://user:word@a.example/",
        "http://@a.example/",
    ],
)
async def test_what_is_written_like_no_ordinary_address_is_refused(web: WebServer, url: str) -> None:
    for ask in (live(web).open, live(web).links):
        with pytest.raises(AccessDeniedError):
            await ask(url)


@pytest.mark.parametrize(
    "host",
    (
        "127.0.0.1 localhost 10.1.2.3 192.168.0.1 172.16.0.1 169.254.169.254 100.64.0.1 0.0.0.0 2130706433 0x7f.1"
        " 224.0.1.1 [::1] [::] [fe80::1] [fc00::1] [ff0e::1] [::ffff:127.0.0.1] [::ffff:a00:1] [64:ff9b::7f00:1]"
        " [2002:7f00:1::] [::127.0.0.1]"
    ).split(),
)
async def test_addresses_inside_are_refused_unless_allowed(web: WebServer, host: str) -> None:
    for port in (web.base.rpartition(":")[2], "80"):
        with pytest.raises(AccessDeniedError, match="may not be opened"):
            await live(web, scope="public").open(f"http://{host}:{port}/wiki/Ostra")
    assert web.visited == []


async def test_without_a_network_nothing_is_opened(web: WebServer) -> None:
    for url in (f"{web.base}/wiki/Ostra", "https://a.example/"):
        with pytest.raises(AccessDeniedError):
            await live(web, scope="offline").open(url)
    assert web.visited == []


async def test_the_users_own_search_server_may_be_inside(web: WebServer) -> None:
    assert await live(web, scope="public").search("lighthouse")


async def test_a_pdf_is_read_as_one_page(web: WebServer) -> None:
    web.routes["/doc"] = Answer(
        pdf(("The first page.", "The second page."), "A PDF"), 200, {"content-type": "application/pdf"}
    )
    page = await live(web).open(f"{web.base}/doc")
    assert "The first page." in page.text and "The second page." in page.text


async def test_text_in_another_encoding_than_the_server_says_is_read(web: WebServer) -> None:
    text = f"<html><head><title>Café</title></head><body><p>Café à la plage, été à Ostra. {TEXT}</p></body></html>"
    web.routes["/p"] = Answer(text.encode("latin-1"), 200, HTML)
    page = await live(web).open(f"{web.base}/p")
    assert "Café à la plage, été" in page.text


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "text/html"),
        (b"<html><body></body></html>", "text/html"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "image/png"),
    ],
    ids=["nothing", "no text", "image"],
)
async def test_a_page_without_text_is_a_fault_not_an_empty_page(web: WebServer, body: bytes, kind: str) -> None:
    web.routes["/p"] = Answer(body, 200, {"content-type": kind})
    with pytest.raises(WorldUnavailableFault, match="could not be read"):
        await live(web).open(f"{web.base}/p")


async def test_links_are_absolute_seen_from_where_the_page_really_is_and_lead_to_the_web_only(web: WebServer) -> None:
    hrefs = ("b", "/c?d=1#part", "../up", "#here", "", "mailto:x@y.example", "http://[", "https://e.example/f")
    anchors = " and ".join(f'<a href="{href}">to {number}</a>' for number, href in enumerate(hrefs))
    web.routes["/a/"] = html(f"<p>{TEXT} {anchors}</p>")
    web.routes["/old"] = Answer(b"", 308, {"location": "/a/"})
    for path in ("/a/", "/old"):
        links = await live(web).links(web.base + path)
        assert [(link.url, link.anchor) for link in links] == [
            (f"{web.base}/a/b", "to 0"),
            (f"{web.base}/c?d=1", "to 1"),
            (f"{web.base}/up", "to 2"),
            ("https://e.example/f", "to 7"),
        ]


async def test_a_page_that_a_private_address_led_to_is_private_and_others_are_not() -> None:
    def answer(request: WebRequest) -> WebReply:
        led = request.url == "http://wiki.test/go"
        headers = {"location": "https://site.test/b", "content-type": "text/plain"}
        return WebReply(302 if led else 200, request.url, headers if led else {}, b"words enough to read", inside=led)

    reader = LiveReader(ScriptedWeb(answer), LiveReaderConfig(robots=False), clock=lambda: NOON)
    led, other = await reader.read("http://wiki.test/go"), await reader.read("https://site.test/b")
    await reader.close()
    assert led.page.private and not other.page.private
    assert "private" not in other.page.model_dump() and other.page == Page.model_validate(other.page.model_dump())
