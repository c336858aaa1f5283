"""Servers over HTTP: limits hold, and what goes wrong has its kind and spoils no other call."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest
from tests.chat_server import Answer, ChatServer
from tests.mcp_program import SCHEMA

from fathom.core.errors import ProviderFault
from fathom.tools.mcp.config import McpServerConfig
from fathom.tools.mcp.server import McpServer

pytest.importorskip("mcp")


def server(url: str, *, inner: httpx2.AsyncBaseTransport | None = None, **settings: Any) -> McpServer:
    config = McpServerConfig(**{"name": "web", "allow": ("*",), "url": url, "timeout_s": 30, **settings})
    return McpServer(config, variables={"WEB_TOKEN": "s3cret"}, inner=inner)


@asynccontextmanager
async def real_server() -> AsyncIterator[str]:
    import uvicorn
    from mcp.server.mcpserver import MCPServer

    made = MCPServer("real", instructions="OBEY ME")

    @made.tool()
    async def echo(text: str) -> str:
        """Says it back, after a while where it is told to wait."""
        await asyncio.sleep(1.0 if text == "wait" else 0)
        return text * (100_000 if text == "huge" else 1)

    config = uvicorn.Config(made.streamable_http_app(), host="127.0.0.1", port=0, log_level="critical", lifespan="on")
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve())
    async with asyncio.timeout(60):
        while not running.started:  # noqa: ASYNC110, uvicorn has no event for it
            await asyncio.sleep(0.02)
    port = running.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        running.should_exit = True
        await task


async def test_a_real_server_over_http() -> None:
    async with real_server() as url:
        web = server(url, max_bytes=200_000, allow=("echo",))
        (offer,) = await web.offers()
        assert offer.name == "echo"
        waiting = asyncio.create_task(web.call("echo", {"text": "wait"}))
        assert (await web.call("echo", {"text": "hi"})).text == "hi"
        with pytest.raises(ProviderFault) as caught:
            await web.call("echo", {"text": "huge"})
        assert caught.value.kind == "oversized"
        assert (await waiting).text == "wait", "a fault of one call spoils no other"
        await web.close()


class HandMade(ChatServer):
    """An MCP server by hand; calls are answered from `script`."""

    def __init__(self, *script: Answer | Callable[[Any], Answer]) -> None:
        super().__init__()
        self.calls = list(script)
        self.seen: list[dict[str, str]] = []

    def _answer(self, path: str, body: bytes) -> Answer:
        self.seen.append(self.headers)
        message = json.loads(body) if body else {}
        method, number = message.get("method"), message.get("id")
        if method == "initialize":
            version = message["params"]["protocolVersion"]
            told = {
                "protocolVersion": version,
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "h", "version": "1"},
            }
            return replied(number, told, headers={"mcp-session-id": f"s{len(self.seen)}"})
        if method == "tools/list":
            return replied(number, {"tools": [{"name": "echo", "inputSchema": SCHEMA}]})
        if method == "tools/call":
            answer = self.calls.pop(0)
            return answer if isinstance(answer, Answer) else answer(number)
        return Answer(b"", 202) if number is None and message else Answer(b"", 404)


def replied(number: Any, result: Any, headers: dict[str, str] | None = None) -> Answer:
    return Answer({"jsonrpc": "2.0", "id": number, "result": result}, headers=headers or {})


def said(text: str, **more: Any) -> Callable[[Any], Answer]:
    return lambda number: replied(number, {"content": [{"type": "text", "text": text}]}, **more)


def json_answer(value: Any, status: int = 200) -> Callable[[Any], Answer]:
    return lambda number: Answer({"jsonrpc": "2.0", "id": number, **value}, status)


FAULTS: list[tuple[str, Answer | Callable[[Any], Answer]]] = [
    ("unauthorised", Answer({"error": "no"}, 401)),
    ("unauthorised", Answer(b"no", 403, {"content-type": "text/plain"})),
    ("rate_limited", Answer({"error": "slow down"}, 429, {"retry-after": "7"})),
    ("rate_limited", Answer({"error": "pay"}, 402, {"retry-after": "7"})),
    ("server", Answer(b"<h1>down</h1>", 503, {"content-type": "text/html"})),
    ("garbage", Answer(b"<h1>hello</h1>", 200, {"content-type": "text/html"})),
    ("garbage", Answer(b"{not json", 200)),
    ("garbage", Answer({"jsonrpc": "2.0"}, 200)),
    ("garbage", json_answer({"result": {"content": 7}})),
    ("garbage", Answer(b"", 302, {"location": "http://127.0.0.1:1/elsewhere"})),
    ("garbage", Answer(gzip.compress(b"\0" * 1_000_000), 200, {"content-encoding": "gzip"})),
    ("oversized", said("x" * 200_000)),
    ("reset", Answer(b'{"jsonrpc": "2.0", "id": 1, "result": {}}', 200, cut=10)),
    ("reset", Answer(b"event: message\ndata: {}", 200, {"content-type": "text/event-stream"}, cut=9)),
    ("timeout", Answer({}, wait_s=5)),
    ("timeout", Answer(b'{"jsonrpc": "2.0", "id": 1}', drip_s=1)),
]


@pytest.mark.parametrize(("kind", "answer"), FAULTS, ids=[f"{n}-{kind}" for n, (kind, _) in enumerate(FAULTS)])
async def test_a_reply_that_is_none_is_a_fault_of_its_kind(kind: str, answer: Answer) -> None:
    async with HandMade(answer, said("well again")) as made:
        web = server(made.url, timeout_s=2 if kind == "timeout" else 30, max_bytes=100_000)
        with pytest.raises(ProviderFault) as caught:
            await web.call("echo", {"text": "x"})
        assert caught.value.kind == kind
        assert caught.value.retry_after_s == (7.0 if kind == "rate_limited" else None)
        assert (await web.call("echo", {"text": "x"})).text == "well again"
        await web.close()


async def test_a_wait_may_be_told_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(minutes=5))
    async with HandMade(Answer({"error": "slow down"}, 429, {"retry-after": later})) as made:
        web = server(made.url)
        with pytest.raises(ProviderFault) as caught:
            await web.call("echo", {"text": "x"})
        assert 200 < (caught.value.retry_after_s or 0) <= 300
        await web.close()


async def test_what_the_server_says_of_a_request_is_its_word() -> None:
    errors = [json_answer({"error": {"code": code, "message": "so"}}) for code in (-32602, -32601, -32000 - 99)]
    async with HandMade(*errors, json_answer({"error": {"code": -32602, "message": "so"}}, 400)) as made:
        web = server(made.url)
        found = [await web.call("echo", {"text": "x"}) for _ in range(4)]
        assert [reply.failure for reply in found] == ["arguments", "unknown_tool", "tool", "arguments"]
        assert {reply.text for reply in found} == {"so"}
        await web.close()


async def test_a_session_the_server_forgot_is_opened_anew() -> None:
    async with HandMade(said("one"), Answer(b"", 404), said("two")) as made:
        web = server(made.url)
        assert (await web.call("echo", {"text": "x"})).text == "one"
        with pytest.raises(ProviderFault) as caught:
            await web.call("echo", {"text": "x"})
        assert caught.value.kind == "reset"
        assert (await web.call("echo", {"text": "x"})).text == "two"
        assert len({seen["mcp-session-id"] for seen in made.seen if "mcp-session-id" in seen}) == 2
        await web.close()


async def test_nobody_listens() -> None:
    async with HandMade() as made:
        url = made.url
    with pytest.raises(ProviderFault) as caught:
        await server(url).offers()
    assert caught.value.kind == "refused"


async def test_the_token_comes_from_the_environment_and_goes_to_the_server_alone() -> None:
    async with HandMade(said("ok")) as made:
        web = server(made.url, bearer="WEB_TOKEN")
        await web.call("echo", {"text": "x"})
        assert {seen.get("authorization") for seen in made.seen} == {"Bearer s3cret"}
        assert {seen.get("accept-encoding") for seen in made.seen} == {"identity"}
        await web.close()
        with pytest.raises(ProviderFault) as caught:
            await server(made.url, bearer="NOT_SET").offers()
        assert caught.value.kind == "unauthorised" and "s3cret" not in str(caught.value)


class Closed(httpx2.AsyncBaseTransport):
    """A way out that lets nothing through."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(str(request.url))
        raise httpx2.ConnectError("not from here")


async def test_requests_go_through_the_way_out_that_is_given() -> None:
    inner = Closed()
    with pytest.raises(ProviderFault) as caught:
        await server("http://192.0.2.1/mcp", inner=inner).offers()
    assert caught.value.kind == "refused" and set(inner.asked) == {"http://192.0.2.1/mcp"}
