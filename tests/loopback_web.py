"""Webs for tests: one that makes real requests to this machine only, one that answers out of memory."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx2

from fathom.core.errors import AccessDeniedError, ProviderFault
from fathom.sandbox.egress.protocol import WebReply, WebRequest


class LoopbackWeb:
    """Real HTTP to 127.0.0.1 and nowhere else, with the limits of each request. `addresses` are those asked for."""

    def __init__(self) -> None:
        # No TLS here, and loading the authorities' certificates for it takes longer than most tests.
        self._client = httpx2.AsyncClient(
            headers={"accept-encoding": "identity"}, follow_redirects=False, verify=False, trust_env=False
        )
        self.addresses: list[str] = []

    async def fetch(self, request: WebRequest) -> WebReply:
        if urlsplit(request.url).hostname != "127.0.0.1":
            raise AccessDeniedError(f"{request.url} is not on this machine")
        self.addresses.append(request.url)
        try:
            async with asyncio.timeout(request.timeout_s):
                return await self._fetch(request)
        except (TimeoutError, httpx2.TimeoutException):
            raise ProviderFault(f"{request.url}: no whole reply in time", kind="timeout") from None
        except httpx2.ConnectError:
            raise ProviderFault(f"{request.url}: nobody listens", kind="refused") from None
        except httpx2.RemoteProtocolError:
            raise ProviderFault(f"{request.url}: half a reply", kind="truncated") from None
        except httpx2.HTTPError as error:
            raise ProviderFault(f"{request.url}: {type(error).__name__}", kind="reset") from None

    async def _fetch(self, request: WebRequest) -> WebReply:
        body = b""
        params = dict(request.params) or None  # an empty mapping would take the address's own away
        async with self._client.stream(
            request.method, request.url, params=params, headers=dict(request.headers), content=request.body
        ) as reply:
            async for chunk in reply.aiter_raw():
                body += chunk
                if len(body) > request.max_bytes:
                    raise ProviderFault(f"{request.url}: too large", kind="oversized")
        headers = {name.lower(): value for name, value in reply.headers.items()}
        return WebReply(reply.status_code, str(reply.url), headers, body)

    async def close(self) -> None:
        await self._client.aclose()


class CannedWeb:
    """Gives what `answer` makes of each request, without a server."""

    def __init__(self, answer: Callable[[WebRequest], WebReply]) -> None:
        self._answer = answer
        self.asked: list[WebRequest] = []

    async def fetch(self, request: WebRequest) -> WebReply:
        self.asked.append(request)
        return self._answer(request)

    async def close(self) -> None:
        return None
