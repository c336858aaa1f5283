"""Through a proxy: it is asked for addresses that were checked, never for names."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from fathom.core.errors import AccessDeniedError, ConfigError, ProviderFault
from fathom.sandbox.egress.client import EgressClient, EgressConfig
from fathom.sandbox.egress.protocol import WebRequest
from fathom.sandbox.egress.scripted import ScriptedResolver
from fathom.sandbox.egress.tunnel import TunnelConnector

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Proxy:
    """Answers CONNECT with `answer` and then plays the server itself. `asked` holds the heads it was sent."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked: list[list[str]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in (self.answer, PAGE):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            self.asked.append(head.decode().split("\r\n"))
            writer.write(reply)
        writer.close()


@asynccontextmanager
async def through(proxy: Proxy, login: str = "") -> AsyncIterator[EgressClient]:
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    resolver = ScriptedResolver(
        {"a.example": [["93.184.215.14"]], "six.example": [["2606:4700::1111"]], "in.example": [["10.0.0.1"]]}
    )
    client = EgressClient(
        EgressConfig.model_validate({"proxy": f"http://{login}127.0.0.1:{port}", "connect_s": 0.5}), resolver=resolver
    )
    yield client
    await client.close()
    server.close()


async def test_the_proxy_is_asked_for_the_checked_address_and_the_server_for_the_name() -> None:
    proxy = Proxy(b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n")
    async with through(proxy, "us%40er:wo%3Ard@") as client:
        assert (await client.fetch(WebRequest("http://a.example/p"))).body == b"hi"
        assert (await client.fetch(WebRequest("http://six.example/p"))).body == b"hi"
    assert proxy.asked[0][0] == "CONNECT 93.184.215.14:80 HTTP/1.1"
    assert "Proxy-Authorization: Basic dXNAZXI6d286cmQ=" in proxy.asked[0]
    assert proxy.asked[1][:2] == ["GET /p HTTP/1.1", "Host: a.example"]
    assert "Proxy-Authorization: Basic dXNAZXI6d286cmQ=" not in proxy.asked[1]
    assert proxy.asked[2][0] == "CONNECT [2606:4700::1111]:80 HTTP/1.1"


async def test_what_may_not_be_contacted_is_not_asked_of_the_proxy_either() -> None:
    proxy = Proxy(b"HTTP/1.1 200 x\r\n\r\n")
    async with through(proxy) as client:
        for url in ("http://in.example/", "http://127.0.0.1/"):
            with pytest.raises(AccessDeniedError):
                await client.fetch(WebRequest(url))
    assert proxy.asked == []


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 407 x\r\n\r\n", b"HTTP/1.1 200", b"", b"no http\r\n\r\n", b"HTTP/1.1 200 x\r\nX: " + b"y" * 20_000],
)
async def test_a_proxy_that_opens_no_tunnel_is_a_refusal(answer: bytes) -> None:
    async with through(Proxy(answer)) as client:
        with pytest.raises(ProviderFault) as caught:
            await client.fetch(WebRequest("http://a.example/", timeout_s=5))
    assert caught.value.kind in ("refused", "timeout")


@pytest.mark.parametrize("proxy", ["proxy:3128", "socks5://h:1", "http://h", "http://", "http://[", "https://h:1"])
def test_a_proxy_is_http_with_host_and_port(proxy: str) -> None:
    with pytest.raises(ConfigError):
        TunnelConnector(proxy)
