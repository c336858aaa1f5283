"""The browser: shows what scripts build, reaches nothing but what it may, and is gone afterwards."""

import asyncio
import importlib.util
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpcore2
import pytest
from tests.chat_server import Answer
from tests.web_server import HTML, WebServer, html
from tests.worlds import NOON

from fathom.core.errors import AccessDeniedError, ConfigError, PageNotFoundError, WorldUnavailableFault
from fathom.sandbox.egress.addresses import Address
from fathom.sandbox.egress.client import EgressClient, EgressConfig
from fathom.sandbox.egress.network import SocketConnector
from fathom.sandbox.egress.scripted import ScriptedResolver
from fathom.world.reader.browser import BrowserConfig, BrowserReader, find_chromium

needs_browser = pytest.mark.skipif(
    not find_chromium() or importlib.util.find_spec("playwright") is None,
    reason="there is no Chromium on PATH, or the extra `browser` is not installed",
)
PUBLIC = "93.184.215.14"
BUILT = "<div id=x></div><script>x.innerHTML = '<p>Built by a <a href=/next>script</a>.</p>'</script>"


class Here(SocketConnector):
    """Connects to a server on this machine instead of the one public address, and to nothing else."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self.connected: list[tuple[str, int]] = []

    async def connect(self, address: Address, port: int, timeout_s: float | None) -> httpcore2.AsyncNetworkStream:
        self.connected.append((str(address), port))
        assert str(address) == PUBLIC
        return await self._backend.connect_tcp("127.0.0.1", self._port, timeout=timeout_s)


class Site:
    """`http://site.example`, of the public internet as far as the reader can tell."""

    def __init__(self, web: WebServer, **config: object) -> None:
        self.web, self.connector = web, Here(int(web.base.rpartition(":")[2]))
        client = EgressClient(
            EgressConfig(), resolver=ScriptedResolver({"site.example": [[PUBLIC]]}), connector=self.connector
        )
        settings = {"sandbox": os.geteuid() != 0, "timeout_s": 90.0, "settle_s": 1.0, **config}
        self.reader = BrowserReader(client, BrowserConfig.model_validate(settings), clock=lambda: NOON)


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with WebServer() as server:
        yield server


def left_over() -> list[str]:
    """Processes of browsers and their holders that are still there."""
    lines = [path.read_bytes().replace(b"\0", b" ").decode() for path in Path("/proc").glob("[0-9]*/cmdline")]
    return [line for line in lines if "browser_child" in line or "--headless" in line]


@needs_browser
async def test_a_page_that_a_script_builds_is_read(web: WebServer) -> None:
    site = Site(web)
    web.routes["/js"] = html(BUILT)
    read = await site.reader.read("http://site.example/js")
    assert read.page.text == "Built by a script." and read.page.title == "A page" and read.page.fetched_at == NOON
    assert [link.url for link in read.links] == ["http://site.example/next"]
    with pytest.raises(PageNotFoundError):
        await site.reader.read("http://site.example/gone")
    web.routes["/proof"] = html("<script>document.write('<p>Verify you are human to go on.</p>')</script>")
    with pytest.raises(WorldUnavailableFault, match="proof of being human"):
        await site.reader.read("http://site.example/proof")
    await site.reader.close()
    assert left_over() == []


class Canary:
    """A port of this machine that notes who knocks, by TCP and by UDP, and a page that tries all ways to."""

    async def __aenter__(self) -> "Canary":
        self.heard: list[str] = []
        self._server = await asyncio.start_server(self._knocked, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._packets.bind(("127.0.0.1", self.port))
        self._packets.setblocking(False)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._packets.close()
        self._server.close()

    def _knocked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append("tcp")
        writer.close()

    def packet(self) -> bool:
        try:
            return bool(self._packets.recv(1))
        except BlockingIOError:
            return False

    def page(self) -> Answer:
        port = self.port
        hosts = (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", f"0x7f.1:{port}", "169.254.169.254")
        tries = "".join(
            f"<iframe src='{url}'></iframe><script src='{url}'></script><link rel=preconnect href='{url}'>"
            f"<script>fetch('{url}', {{mode: 'no-cors'}}).catch(() => 0)</script>"
            for url in (f"http://{host}/" for host in hosts)
        )
        return html(
            f"{BUILT}{tries}<iframe src='file:///etc/passwd'></iframe><script>"
            f"try {{ new WebSocket('ws://127.0.0.1:{port}/') }} catch (e) {{}}"
            f"try {{ const c = new RTCPeerConnection({{iceServers: [{{urls: 'stun:127.0.0.1:{port}'}}]}});"
            f"c.createDataChannel('x'); c.createOffer().then(o => c.setLocalDescription(o)) }} catch (e) {{}}"
            f"navigator.sendBeacon('http://127.0.0.1:{port}/', 'x')</script>"
        )


@needs_browser
async def test_scripts_reach_nothing_but_what_the_scope_allows(web: WebServer) -> None:
    site = Site(web, settle_s=4.0)
    async with Canary() as canary:
        web.routes["/js"] = canary.page()
        read = await site.reader.read("http://site.example/js")
        assert "Built by a script." in read.page.text and "root:" not in read.page.text
        assert canary.heard == [] and not canary.packet()
    assert {address for address, _ in site.connector.connected} == {PUBLIC}
    await site.reader.close()


@needs_browser
async def test_in_the_private_scope_the_same_page_is_heard_but_by_no_way_around_the_gate(web: WebServer) -> None:
    settings = BrowserConfig(sandbox=os.geteuid() != 0, timeout_s=90.0, settle_s=4.0)
    reader = BrowserReader(EgressClient(EgressConfig(scope="private")), settings)
    async with Canary() as canary:
        web.routes["/js"] = canary.page()
        await reader.read(f"{web.base}/js")
        assert "tcp" in canary.heard and not canary.packet()
    await reader.close()


@needs_browser
async def test_a_page_that_leads_inside_is_denied_and_one_that_asks_robots_not_to_come_is_left_alone(
    web: WebServer,
) -> None:
    site = Site(web)
    web.routes["/r"] = Answer(b"", 302, {"location": "http://127.0.0.1/"})
    with pytest.raises(AccessDeniedError):
        await site.reader.read("http://site.example/r")
    web.routes["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /", 200, {"content-type": "text/plain"})
    with pytest.raises(AccessDeniedError):
        await Site(web).reader.read("http://site.example/js")
    assert "/js" not in web.visited
    await site.reader.close()


@needs_browser
async def test_where_a_page_leads_is_asked_about_before_it_is_fetched(web: WebServer) -> None:
    text = {"content-type": "text/plain"}
    web.routes["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /private", 200, text)
    web.routes["/private"] = web.routes["/open"] = html("<p>The other page.</p>")
    for kind, to in (("redirect", "/private"), ("script", "/private"), ("redirect", "/open"), ("script", "/open")):
        led = html(f"<p>The first page.<script>location.href = '{to}'</script>")
        web.routes["/led"] = Answer(b"", 302, {"location": to}) if kind == "redirect" else led
        site = Site(web)
        try:
            said = (await site.reader.read("http://site.example/led")).page.text
        except AccessDeniedError:
            said = "denied"
        assert said == ("The other page." if to == "/open" else "denied") and "/private" not in web.visited, (kind, to)
        await site.reader.close()
    assert web.visited.count("/open") == 2


@needs_browser
@pytest.mark.parametrize(
    ("body", "config", "kind"),
    [
        (b"<p>x<script>while (true) {}</script>", {"timeout_s": 15.0}, "timeout"),
        (b"<p>x<script>const a = []; for (;;) a.push(new Uint8Array(5e7).fill(1))</script>", {}, "oversized"),
    ],
    ids=["endless", "memory"],
)
async def test_a_page_that_takes_too_much_is_ended(
    web: WebServer, body: bytes, config: dict[str, object], kind: str
) -> None:
    site = Site(web, memory_bytes=700 * 2**20, **config)
    web.routes["/js"] = Answer(body, 200, HTML)
    with pytest.raises(WorldUnavailableFault) as caught:
        await site.reader.read("http://site.example/js")
    assert caught.value.kind == kind
    await site.reader.close()
    assert left_over() == []


READS = """
import asyncio, sys
from fathom.sandbox.egress.client import EgressClient, EgressConfig
from fathom.world.reader.browser import BrowserConfig, BrowserReader
reader = BrowserReader(EgressClient(EgressConfig(scope="private")), BrowserConfig(sandbox=sys.argv[2] != "0"))
asyncio.run(reader.read(sys.argv[1]))
"""


@needs_browser
async def test_a_browser_does_not_outlive_who_reads(web: WebServer) -> None:
    web.routes["/js"] = Answer(b"<p>x<script>while (true) {}</script>", 200, HTML)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", READS, f"{web.base}/js", str(os.geteuid()), stderr=asyncio.subprocess.DEVNULL
    )
    await until(lambda: "/js" in web.visited)
    assert any("--headless" in line for line in left_over())
    process.kill()
    await process.wait()
    await until(lambda: not left_over())


async def until(holds: Callable[[], bool]) -> None:
    """Wait till it holds, a minute at most."""
    for _ in range(1200):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never held")


def test_without_a_chromium_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_chromium() == ""
    with pytest.raises(ConfigError) as caught:
        BrowserReader(EgressClient())
    assert "install" in caught.value.hint
