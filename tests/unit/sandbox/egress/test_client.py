"""Requests: what is sent where, what comes of redirects and damage, and that limits hold."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator

import pytest
from tests.chat_server import Answer
from tests.web_server import WebServer

from fathom.core.errors import AccessDeniedError, ConfigError, ProviderFault
from fathom.sandbox.egress.client import EgressClient, EgressConfig
from fathom.sandbox.egress.protocol import WebReply, WebRequest
from fathom.sandbox.egress.scripted import ScriptedConnector, ScriptedResolver

PUBLIC, OTHER = "93.184.215.14", "1.1.1.1"
KEYS = {"authorization": "Bearer k", "x-api-key": "k", "cookie": "k", "accept": "text/html", "user-agent": "me"}


def reply(status: int = 200, body: bytes = b"hi", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Net:
    """A client over scripted names and servers: `a.example` at PUBLIC, `b.example` at OTHER."""

    def __init__(self, *first: bytes, other: bytes = reply(), **config: object) -> None:
        self.resolver = ScriptedResolver({"a.example": [[PUBLIC]], "b.example": [[OTHER]]})
        self.connector = ScriptedConnector({PUBLIC: first or (reply(),), OTHER: (other,)})
        self.client = EgressClient(
            EgressConfig.model_validate(config), resolver=self.resolver, connector=self.connector
        )

    async def fetch(self, url: str = "http://a.example/", **request: object) -> WebReply:
        return await self.client.fetch(WebRequest(url, **request))  # type: ignore[arg-type]

    def sent(self, number: int = 0) -> list[str]:
        return bytes(self.connector.sent[number]).decode("latin-1").split("\r\n")


async def test_the_name_is_asked_once_and_stays_in_host_and_tls() -> None:
    net = Net()
    assert (await net.fetch("https://A.example/p?q=1", params={"r": "ü"})).body == b"hi"
    assert net.resolver.asked == ["a.example"] and net.connector.connected == [(PUBLIC, 443)]
    assert net.connector.names == ["a.example"]
    assert net.sent()[:2] == ["GET /p?q=1&r=%C3%BC HTTP/1.1", "Host: a.example"]
    assert "Accept-Encoding: gzip" in net.sent() and "User-Agent: fathom/0.1 (research agent)" in net.sent()


async def test_connections_are_kept_for_the_same_site_only() -> None:
    net = Net()
    for url in ("http://a.example/1", "http://a.example/2", "http://b.example/", "http://a.example:8080/"):
        await net.fetch(url)
    assert net.connector.connected == [(PUBLIC, 80), (OTHER, 80), (PUBLIC, 8080)]
    await net.client.close()
    assert (await net.fetch()).status == 200, "a closed client opens again"


async def test_a_body_is_posted() -> None:
    net = Net()
    await net.fetch(method="POST", body=b'{"q": 1}', headers={"content-type": "application/json"})
    assert net.sent()[0].startswith("POST / ") and "Content-Length: 8" in net.sent() and net.sent()[-1] == '{"q": 1}'


async def test_a_status_is_a_reply_and_so_is_a_redirect_that_is_not_to_be_followed() -> None:
    for status in (301, 404, 429, 503):
        got = await Net(reply(status, location="http://127.0.0.1/", retry_after="7")).fetch()
        assert (got.status, got.headers["retry-after"], got.url) == (status, "7", "http://a.example/")


async def test_headers_that_repeat_are_joined() -> None:
    net = Net(b"HTTP/1.1 200 x\r\nVary: a\r\nVARY: b\r\nContent-Length: 0\r\n\r\n")
    assert (await net.fetch()).headers["vary"] == "a, b"


async def test_a_redirect_within_the_site_keeps_what_was_sent_and_to_another_only_what_anyone_may_have() -> None:
    net = Net(reply(302, location="/next", connection="close"), reply(302, location="//b.example/x"))
    got = await net.fetch(headers=KEYS, params={"key": "secret"}, max_redirects=2)
    assert got.url == "http://b.example/x"
    assert "x-api-key: k" in net.sent(1) and net.sent(1)[0] == "GET /next HTTP/1.1"
    assert net.sent(2)[0] == "GET /x HTTP/1.1"
    names = {line.partition(":")[0].lower() for line in net.sent(2)[1:] if line}
    assert names == {"host", "accept", "user-agent", "accept-encoding"}


async def test_from_https_to_http_is_another_site() -> None:
    net = Net(reply(302, location="http://a.example/"), reply())
    await net.fetch("https://a.example/", headers=KEYS, max_redirects=1)
    assert "x-api-key: k" in net.sent(0) and "x-api-key: k" not in net.sent(1)


@pytest.mark.parametrize(("status", "line"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
async def test_what_a_redirect_makes_of_a_post(status: int, line: str) -> None:
    net = Net(reply(status, location="/n", connection="close"), reply())
    await net.fetch(method="POST", body=b"x", max_redirects=1)
    assert net.sent(1)[0] == f"{line} /n HTTP/1.1" and (net.sent(1)[-1] == "x") == (line == "POST")


async def test_a_body_is_not_taken_to_another_site() -> None:
    net = Net(reply(307, location="http://b.example/"))
    with pytest.raises(ProviderFault) as caught:
        await net.fetch(method="POST", body=b"secret", max_redirects=1)
    assert caught.value.kind == "garbage" and net.connector.connected == [(PUBLIC, 80)]


async def test_redirects_are_counted_and_each_is_checked() -> None:
    net = Net(reply(302, location="?again"))
    with pytest.raises(ProviderFault, match="more than 3 redirects"):
        await net.fetch(max_redirects=3)
    for location in ("http://127.0.0.1/", "file:///etc/passwd", "http://a.example:22/", "http://u@b.example/"):
        net = Net(reply(302, location=location))
        with pytest.raises(AccessDeniedError):
            await net.fetch(max_redirects=3)
        assert net.connector.connected == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (b"", "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-", "reset"),
        (b"\x16\x03\x01\x02\x00", "garbage"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "garbage"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "garbage"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "truncated"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "truncated"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\nab", "oversized"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", "garbage"),
        (reply(body=gzip.compress(bytes(10**7)), content_encoding="gzip"), "oversized"),
        (reply(body=b"x", content_encoding="br"), "garbage"),
    ],
)
async def test_damage_is_told_by_its_kind(sent: bytes, kind: str) -> None:
    with pytest.raises(ProviderFault) as caught:
        await Net(sent).fetch()
    assert caught.value.kind == kind


async def test_no_name_and_nobody_listening_are_refusals() -> None:
    for url in ("http://c.example/", "http://9.9.9.9/"):
        with pytest.raises(ProviderFault) as caught:
            await Net().fetch(url)
        assert caught.value.kind == "refused"


@pytest.mark.parametrize(
    "headers",
    [{"a b": "c"}, {"x": "a\r\nY: b"}, {"x": "key\n"}, {"x": ""}, {"host": "127.0.0.1"}, {"Accept-Encoding": "br"}],
)
async def test_headers_that_no_request_may_have_are_the_configurations_fault(headers: dict[str, str]) -> None:
    net = Net()
    with pytest.raises(ConfigError):
        await net.fetch(headers=headers)
    assert net.connector.connected == []


async def test_only_get_and_post() -> None:
    with pytest.raises(ConfigError):
        await Net().fetch(method="CONNECT")


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with WebServer() as server:
        yield server


async def test_time_is_limited_over_all_of_it(web: WebServer) -> None:
    web.routes["/drip"] = Answer(b"x" * 1000, drip_s=0.05)
    web.routes["/late"] = Answer(b"x", wait_s=9.0)
    web.routes["/slow round"] = web.routes["/slow%20round"] = Answer(b"", 302, {"location": "?"}, wait_s=0.1)
    client = EgressClient(EgressConfig(scope="private"))
    began = time.monotonic()
    for path in ("/drip", "/late", "/slow round"):
        with pytest.raises(ProviderFault) as caught:
            await client.fetch(WebRequest(web.base + path, timeout_s=0.3, max_redirects=50))
        assert caught.value.kind == "timeout"
    assert time.monotonic() - began < 5
    await client.close()


async def test_a_request_that_is_cancelled_leaves_no_connection(web: WebServer) -> None:
    web.routes["/late"] = Answer(b"x", wait_s=9.0)
    client = EgressClient(EgressConfig(scope="private"))
    asked = [asyncio.create_task(client.fetch(WebRequest(f"{web.base}/late"))) for _ in range(5)]
    await asyncio.wait(asked, timeout=0.3)
    assert len(web.visited) == 5
    for task in asked:
        task.cancel()
    assert all(isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*asked, return_exceptions=True))
    assert client._pool is not None and client._pool.connections == []
    await client.close()


async def test_the_environment_is_not_asked_for_a_way_out(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    web.routes["/p"] = Answer(b"there")
    client = EgressClient(EgressConfig(scope="private"))
    assert (await client.fetch(WebRequest(f"{web.base}/p"))).body == b"there"
    assert "cookie" not in web.headers and "authorization" not in web.headers
    await client.close()


async def test_scopes(web: WebServer) -> None:
    for scope in ("public", "offline"):
        client = EgressClient(EgressConfig(scope=scope))
        with pytest.raises(AccessDeniedError):
            await client.fetch(WebRequest(f"{web.base}/p"))
    assert web.visited == []


async def test_replies_from_private_addresses_are_marked_and_so_is_what_they_lead_to() -> None:
    servers = {
        "a.example": (PUBLIC, reply(302, location="http://wiki.example/")),
        "b.example": (OTHER, reply()),
        "wiki.example": ("10.0.0.7", reply()),
        "out.example": ("10.0.0.8", reply(302, location="http://b.example/")),
    }
    client = EgressClient(
        EgressConfig(scope="private"),
        resolver=ScriptedResolver({name: [[address]] for name, (address, _) in servers.items()}),
        connector=ScriptedConnector({address: [said] for address, said in servers.values()}),
    )

    async def inside(host: str, redirects: int = 0) -> bool:
        return (await client.fetch(WebRequest(f"http://{host}/", max_redirects=redirects))).inside

    assert [await inside(host) for host in ("a.example", "b.example", "wiki.example", "10.0.0.7")] == [
        False, False, True, True,
    ]  # fmt: skip
    assert await inside("a.example", 1) and await inside("out.example", 1)
    assert await inside("wiki.example") and not await inside("b.example"), "connections that were kept too"
    await client.close()
