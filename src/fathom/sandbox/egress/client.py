"""`EgressClient`: requests to the web with hard limits of address, time, bytes and redirects.

Nothing is taken from the environment: no proxy, no netrc, and there is no cookie jar that could carry something from
one site to another. Connections are kept for the next request to the same scheme, host and port only.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import cache

import httpcore2
from pydantic import Field, SecretStr

from fathom.core.config import Config
from fathom.core.errors import ConfigError, ProviderFault
from fathom.sandbox.egress.body import read_body
from fathom.sandbox.egress.network import Connector, GuardedNetwork, Resolver, SocketConnector, SystemResolver
from fathom.sandbox.egress.pace import HostPace
from fathom.sandbox.egress.policy import Target, join, target_of
from fathom.sandbox.egress.protocol import Scope, WebReply, WebRequest
from fathom.sandbox.egress.tunnel import TunnelConnector

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What goes on to another site. All else may be a key: authorization, cookie, x-api-key and whatever a service calls it.
_TO_ANYONE = frozenset({"accept", "accept-language", "user-agent"})
_HEADER_NAME = re.compile(r"[a-zA-Z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_RESERVED_HEADERS = frozenset({"host", "accept-encoding", "content-length", "transfer-encoding", "connection"})


class EgressConfig(Config):
    """Settings of what leaves this machine."""

    scope: Scope = Field(default="public", description="addresses that may be contacted")
    user_agent: str = Field(default="fathom/0.1 (research agent)", description="sent with every request")
    connect_s: float = Field(default=5.0, gt=0, description="seconds to connect to one address of a name")
    connections: int = Field(default=256, ge=1, description="connections open at once, others wait")
    keep_s: float = Field(default=15.0, ge=0, description="seconds a connection is kept for the same site")
    proxy: SecretStr = Field(
        default=SecretStr(""),
        description="HTTP proxy to go through, http://user:password@host:port; it is asked to connect to the checked "
        "address. Never taken from the environment",
    )


class EgressClient:
    """A `Web`. Belongs to one event loop. `resolver` and `connector` stand for the network; those of the operating
    system are taken where none are given. `pace` is kept by every request, of a chain of redirects too."""

    def __init__(
        self,
        config: EgressConfig = EgressConfig(),
        *,
        resolver: Resolver | None = None,
        connector: Connector | None = None,
        pace: HostPace | None = None,
    ) -> None:
        self._config, self._pace = config, pace
        self._resolver = resolver or SystemResolver()
        proxy = config.proxy.get_secret_value()
        way_out = TunnelConnector(proxy) if proxy and connector is None else connector or SocketConnector()
        self.network = GuardedNetwork(config.scope, self._resolver, way_out)
        """The way out of this client, for those who do not speak HTTP themselves."""
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def fetch(self, request: WebRequest) -> WebReply:
        """The reply, redirects followed up to `max_redirects` of them; with none allowed a redirect is a reply like any
        other."""
        if request.method not in ("GET", "POST"):
            raise ConfigError(f"{request.method!r} is no method of requests to the web")
        target = target_of(request.url, self._config.scope, request.params)
        asked = _Asked(request.method, target, _checked_headers(request, self._config.user_agent), request.body)
        try:
            inside = False
            async with asyncio.timeout(request.timeout_s):
                for _ in range(request.max_redirects + 1):
                    await self._turn(asked.target, request.timeout_s)
                    async with self._sent(asked) as reply:
                        inside = inside or (asked.target.host, asked.target.port) in self.network.inside
                        location = _location(reply) if request.max_redirects else None
                        if location is None:
                            return replace(await _whole(reply, asked.target, request.max_bytes), inside=inside)
                    target = target_of(join(asked.target.url, location), self._config.scope)
                    asked = asked.led_on(reply.status, target)
        except TimeoutError:
            raise ProviderFault(f"no whole reply within {request.timeout_s:g} s", kind="timeout") from None
        raise ProviderFault(f"more than {request.max_redirects} redirects", kind="garbage")

    async def check(self, url: str, timeout_s: float) -> Target:
        """What `url` means, for who is to go there in another way. Raises `AccessDeniedError` where this client might
        not, its host looked up, and `ProviderFault` where that cannot be done."""
        target = target_of(url, self._config.scope)
        with _as_faults():
            async with asyncio.timeout(timeout_s):
                await self.network.check(target.host, target.port)
        return target

    async def admit(self, url: str, timeout_s: float) -> Target:
        """The same once it is the host's turn: the request that is then made in another way counts as one of this
        client's."""
        target = await self.check(url, timeout_s)
        await self._turn(target, timeout_s)
        return target

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None
        await self._resolver.close()

    @asynccontextmanager
    async def _sent(self, asked: "_Asked") -> AsyncIterator[httpcore2.Response]:
        """The head of the reply, its body still to come. Left early, the connection is closed."""
        target = asked.target
        url = httpcore2.URL(
            scheme=target.scheme, host=target.host.encode(), port=target.port, target=target.path.encode()
        )
        host = target.origin.partition("://")[2]
        headers = [("Host", host), *asked.headers.items(), ("Accept-Encoding", "gzip")]
        if asked.method == "POST":
            headers.append(("Content-Length", str(len(asked.body))))
        timeouts = {"connect": self._config.connect_s}
        with _as_faults():
            async with self._open_pool().stream(
                asked.method, url, headers=headers, content=asked.body or None, extensions={"timeout": timeouts}
            ) as reply:
                yield reply

    async def _turn(self, target: Target, timeout_s: float) -> None:
        if self._pace is not None:
            await self._pace.turn(target.host, timeout_s / 2)  # what is left has to do for the request

    def _open_pool(self) -> httpcore2.AsyncConnectionPool:
        if self._pool is None:
            self._pool = httpcore2.AsyncConnectionPool(
                ssl_context=trust(),
                max_connections=self._config.connections,
                keepalive_expiry=self._config.keep_s,
                network_backend=self.network,
            )
        return self._pool


@cache
def trust() -> ssl.SSLContext:
    """The system's certificates, whose loading takes a tenth of a second."""
    return httpcore2.default_ssl_context()


@dataclass(frozen=True)
class _Asked:
    """One request of a chain of redirects."""

    method: str
    target: Target
    headers: Mapping[str, str]
    body: bytes

    def led_on(self, status: int, target: Target) -> "_Asked":
        """The request that a redirect asks for. Raises `ProviderFault` where a body would go to another site."""
        asked = replace(self, target=target)
        if status in (301, 302, 303):
            asked = replace(asked, method="GET", body=b"")
        if target.origin != self.target.origin:
            if asked.body:
                raise ProviderFault("a redirect asks to send the request's body to another site", kind="garbage")
            asked = replace(asked, headers={k: v for k, v in self.headers.items() if k.lower() in _TO_ANYONE})
        return asked


def _checked_headers(request: WebRequest, user_agent: str) -> dict[str, str]:
    for name, value in request.headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _RESERVED_HEADERS:
            raise ConfigError(f"{name!r} is no header that may be set")
        if not _HEADER_VALUE.fullmatch(value):
            raise ConfigError(f"the value of the header {name!r} is empty or holds what no header may hold")
    named = {name.lower() for name in request.headers}
    return {**({} if "user-agent" in named else {"User-Agent": user_agent}), **request.headers}


def _location(reply: httpcore2.Response) -> str | None:
    """Where a redirect leads to; None for other replies."""
    if reply.status not in _REDIRECTS:
        return None
    values = [value for name, value in reply.headers if name.lower() == b"location"]
    return values[0].decode("utf-8", "replace") if values else None


async def _whole(reply: httpcore2.Response, target: Target, max_bytes: int) -> WebReply:
    headers: dict[str, str] = {}
    for raw_name, raw_value in reply.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise ProviderFault(f"the reply is larger than {max_bytes} bytes", kind="oversized")
    body = await read_body(reply.aiter_stream(), headers.get("content-encoding", ""), max_bytes)
    return WebReply(status=reply.status, url=target.url, headers=headers, body=body)


@contextmanager
def _as_faults() -> Iterator[None]:
    """What httpcore raises as `ProviderFault` with its kind."""
    try:
        yield
    except (httpcore2.TimeoutException, TimeoutError):
        raise ProviderFault("the server did not answer in time", kind="timeout") from None
    except httpcore2.ConnectError as error:
        raise ProviderFault(f"no connection: {error}", kind="refused") from None
    except (httpcore2.NetworkError, OSError) as error:
        raise ProviderFault(f"the connection broke off: {error}", kind="reset") from None
    except httpcore2.RemoteProtocolError as error:
        raise ProviderFault(f"not HTTP as it should be: {error}", kind=_kind_of(str(error))) from None


def _kind_of(broken: str) -> ProviderFault.Kind:
    """Which fault a broken protocol is, which httpcore and h11 say in words only."""
    if broken.startswith("Server disconnected"):
        return "reset"
    return "truncated" if broken.startswith("peer closed connection") else "garbage"
