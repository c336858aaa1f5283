"""A server over HTTP, with limits on every reply and its failures told apart.

The official client reads a JSON reply of any size and ends the whole session when one request fails on the network. So
its requests go through a transport that counts bytes, takes no compressed bodies, and turns a failure of the network
into a plain reply of status 502; what really happened is noted with the call that asked.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2

from fathom.core.errors import ProviderFault
from fathom.llm.retry import retry_after_s
from fathom.sandbox.egress.status import kind_of
from fathom.tools.mcp.config import McpServerConfig

if TYPE_CHECKING:
    from mcp.client import Transport

_NO_SESSION = 404  # of a server that no longer knows the session
_TOLD = frozenset({401, 402, 403, 429, _NO_SESSION})  # another 4xx may come with a message of the protocol


@dataclass
class CallWatch:
    """What became of the requests of one call."""

    fault: ProviderFault | None = None


WATCH: ContextVar[CallWatch | None] = ContextVar("mcp_call", default=None)
"""Set by whoever makes a call; the client carries it over to the task that makes the request."""


class _BrokenBodyError(httpx2.StreamError):
    """A body that broke off or is too long. Of this kind the client makes an error of the one call."""


class BoundedTransport(httpx2.AsyncBaseTransport):
    """`inner` with limits. `ended` is set when the server no longer knows the session."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, config: McpServerConfig, ended: asyncio.Event) -> None:
        self._inner, self._config, self._ended = inner, config, ended

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        watch = WATCH.get() or CallWatch()
        try:
            reply = await self._inner.handle_async_request(request)
        except httpx2.TransportError as error:
            watch.fault = _fault(self._config, _kind(error), f"{type(error).__name__}: {error}".removesuffix(": "))
            return httpx2.Response(502, request=request)
        if reply.status_code in _TOLD or reply.status_code >= 500:
            watch.fault = _fault(
                self._config,
                "reset" if reply.status_code == _NO_SESSION else kind_of(reply.status_code),
                f"status {reply.status_code}",
                retry_after_s=retry_after_s(reply.headers),
            )
        elif request.method == "POST" and not _is_message(reply):
            watch.fault = _fault(self._config, "garbage", f"status {reply.status_code} and no message")
        if reply.status_code == _NO_SESSION and request.method == "POST" and "mcp-session-id" in request.headers:
            self._ended.set()
        if reply.headers.get("content-encoding", "identity").lower() != "identity":
            # A few bytes of these can become gigabytes within one step of the decoder.
            watch.fault = _fault(self._config, "garbage", "a compressed reply, which was not asked for")
            await reply.aclose()
            return httpx2.Response(502, request=request)
        assert isinstance(reply.stream, httpx2.AsyncByteStream)
        reply.stream = _BoundedBody(reply.stream, self._config, watch)
        return reply

    async def aclose(self) -> None:
        await self._inner.aclose()


class _BoundedBody(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, config: McpServerConfig, watch: CallWatch) -> None:
        self._inner, self._config, self._watch = inner, config, watch

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for block in self._inner:
                size += len(block)
                if size > self._config.max_bytes:
                    self._watch.fault = _fault(
                        self._config, "oversized", f"a reply over {self._config.max_bytes} bytes"
                    )
                    raise _BrokenBodyError("too long")
                yield block
        except httpx2.TransportError as error:
            self._watch.fault = _fault(self._config, _kind(error), f"in the body: {type(error).__name__}")
            raise _BrokenBodyError("broken off") from None

    async def aclose(self) -> None:
        await self._inner.aclose()


class HttpConnection:
    """A server at an address. `inner` makes the requests; it is the place for whoever decides which addresses may be
    contacted."""

    fault: ProviderFault | None = None

    def __init__(
        self, config: McpServerConfig, variables: Mapping[str, str], inner: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._config, self._variables, self._inner = config, variables, inner
        self.ended = asyncio.Event()

    def transport(self) -> "Transport":
        """The streams of a new session; leaving the context ends it."""
        return contextlib.asynccontextmanager(self._streams)()

    async def _streams(self) -> AsyncGenerator[tuple[Any, Any], None]:
        from mcp.client.streamable_http import streamable_http_client

        config = self._config
        headers = {"accept-encoding": "identity"}
        if config.bearer:
            token = self._variables.get(config.bearer, "")
            if not token:
                raise ProviderFault(f"mcp {config.name}: ${config.bearer} is not set", kind="unauthorised")
            headers["authorization"] = f"Bearer {token}"
        bounded = BoundedTransport(self._inner or httpx2.AsyncHTTPTransport(), config, self.ended)
        timeout = httpx2.Timeout(config.timeout_s, connect=config.connect_timeout_s)
        async with (
            httpx2.AsyncClient(transport=bounded, headers=headers, timeout=timeout) as client,
            streamable_http_client(config.url, http_client=client, max_sse_event_size=config.max_bytes) as streams,
        ):
            yield streams


def _is_message(reply: httpx2.Response) -> bool:
    """Whether the reply is what the protocol has: a message, or 202 for one of ours that wants none."""
    if reply.status_code == 202:
        return True
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    return not reply.is_redirect and kind in ("application/json", "text/event-stream")


def _fault(
    config: McpServerConfig, kind: ProviderFault.Kind, reason: str, *, retry_after_s: float | None = None
) -> ProviderFault:
    return ProviderFault(f"mcp {config.name}: {reason}", kind=kind, retry_after_s=retry_after_s)


def _kind(error: httpx2.TransportError) -> ProviderFault.Kind:
    if isinstance(error, httpx2.TimeoutException):
        return "timeout"
    return "refused" if isinstance(error, httpx2.ConnectError) else "reset"
