"""`GuardedTransport`: the guard for clients that speak `httpx2`, as that of MCP: connections are checked where they are
made."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpcore2
import httpx2

from fathom.core.errors import AccessDeniedError
from fathom.sandbox.egress.client import trust
from fathom.sandbox.egress.network import GuardedNetwork


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Requests over `network`. An address that may not be contacted is an `httpx2.ConnectError`. Follows no redirect,
    takes nothing from the environment."""

    def __init__(self, network: GuardedNetwork, *, connections: int = 16) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=trust(), max_connections=connections, network_backend=network
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = httpcore2.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        asked = httpcore2.Request(
            request.method, url, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        with _as_httpx():
            reply = await self._pool.handle_async_request(asked)
        return httpx2.Response(reply.status, headers=reply.headers, stream=_Body(reply), extensions=reply.extensions)

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, reply: httpcore2.Response) -> None:
        self._reply = reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for part in self._reply.aiter_stream():
                yield part

    async def aclose(self) -> None:
        await self._reply.aclose()


@contextmanager
def _as_httpx() -> Iterator[None]:
    try:
        yield
    except AccessDeniedError as error:
        raise httpx2.ConnectError(str(error)) from None
    except (httpcore2.ConnectTimeout, httpcore2.ReadTimeout, httpcore2.WriteTimeout, httpcore2.PoolTimeout) as error:
        raise httpx2.ReadTimeout(str(error)) from None
    except httpcore2.ConnectError as error:
        raise httpx2.ConnectError(str(error)) from None
    except httpcore2.ProtocolError as error:
        raise httpx2.RemoteProtocolError(str(error)) from None
    except (httpcore2.NetworkError, OSError) as error:
        raise httpx2.ReadError(str(error)) from None
