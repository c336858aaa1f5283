"""The one way out: names are resolved once, every answer is checked, and the checked address is connected to.

`GuardedNetwork` is what httpcore asks for connections, so the check stands at the socket: whatever a connection is
for, a page, a redirect, a connection kept for the next request, it cannot come about by another way, and between check
and use there is no second look at the name. The name itself stays in the request's Host and in the TLS handshake.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import httpcore2

from fathom.core.errors import AccessDeniedError
from fathom.sandbox.egress.addresses import Address, is_public, permitted, port_permitted
from fathom.sandbox.egress.protocol import Scope

_MAX_TRIES = 4  # addresses of one name that are tried, in the order of the resolver
_MAX_ANSWERS = 256


class Resolver(Protocol):
    """Finds the addresses of a host name, as texts. Raises `OSError` where there are none."""

    async def resolve(self, host: str) -> Sequence[str]: ...

    async def close(self) -> None: ...


class Connector(Protocol):
    """Opens a connection to an address that has been checked. Raises httpcore2's `ConnectError` or
    `ConnectTimeout`."""

    async def connect(self, address: Address, port: int, timeout_s: float | None) -> httpcore2.AsyncNetworkStream: ...


class SystemResolver:
    """The resolver of the operating system, in threads of its own: a name server that does not answer holds a thread
    for many seconds, and must not hold those that others need."""

    def __init__(self, threads: int = 16) -> None:
        self._count = threads
        self._threads: ThreadPoolExecutor | None = None

    async def resolve(self, host: str) -> Sequence[str]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="resolver")
        return await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host)

    async def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None


def _look_up(host: str) -> Sequence[str]:
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(str(error)) from None
    return list(dict.fromkeys(str(row[4][0]) for row in rows))


class SocketConnector:
    """Plain TCP."""

    def __init__(self) -> None:
        self._backend = httpcore2.AnyIOBackend()

    async def connect(self, address: Address, port: int, timeout_s: float | None) -> httpcore2.AsyncNetworkStream:
        return await self._backend.connect_tcp(str(address), port, timeout=timeout_s)


class GuardedNetwork(httpcore2.AsyncNetworkBackend):
    """Connections to what `scope` allows. Raises `AccessDeniedError` for all else: a name passes only if every answer
    of its name server does, so that a private address cannot hide among public ones."""

    def __init__(self, scope: Scope, resolver: Resolver, connector: Connector) -> None:
        self.scope: Scope = scope
        self.inside: set[tuple[str, int]] = set()
        """Hosts and ports that were connected to at an address that is not of the public internet."""
        self._resolver, self._connector = resolver, connector

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the name is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to `host`, a name or an address as text. Raises httpcore2's errors where none comes about."""
        last: Exception = httpcore2.ConnectError("no address")
        for address in (await self.check(host, port))[:_MAX_TRIES]:
            try:
                stream = await self._connector.connect(address, port, timeout)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
                continue
            if not is_public(address):
                self.inside.add((host, port))
            return stream
        raise last

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the name is httpcore's
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        raise AccessDeniedError("this address may not be opened: it is on this machine")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def check(self, host: str, port: int) -> list[Address]:
        """The addresses of `host`, all of which may be contacted at `port`. Raises `AccessDeniedError` where one may
        not, httpcore2's `ConnectError` where there is none."""
        if not port_permitted(port, self.scope):
            raise AccessDeniedError(f"this address may not be opened: port {port} is not one that may be contacted")
        addresses = [_address(host)] if _is_address(host) else await self._resolved(host)
        if not all(permitted(address, self.scope) for address in addresses):
            raise AccessDeniedError("this address may not be opened: its host is not on the public internet")
        return addresses

    async def _resolved(self, host: str) -> list[Address]:
        if self.scope == "offline":
            raise AccessDeniedError("this address may not be opened: there is no network")
        try:
            answers = await self._resolver.resolve(host)
            addresses = [_address(text) for text in answers[:_MAX_ANSWERS]]
        except (OSError, ValueError):
            raise httpcore2.ConnectError("the name could not be resolved") from None
        if not addresses or len(answers) > _MAX_ANSWERS:
            raise httpcore2.ConnectError("the name could not be resolved")
        return addresses


def _address(text: str) -> Address:
    return ipaddress.ip_address(text)


def _is_address(text: str) -> bool:
    try:
        _address(text)
    except ValueError:
        return False
    return True
