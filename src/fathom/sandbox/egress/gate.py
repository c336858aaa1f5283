"""`SocksGate`: the guarded way out for programs that make their own connections, as a SOCKS 5 server on this machine.

Every connection such a program asks for is one to a host and port, whatever is spoken through it; so each goes through
the same `GuardedNetwork` as fathom's own, names included, which the program never resolves itself.

Reference: RFC 1928.
"""

import asyncio
import contextlib
import ipaddress
from types import TracebackType
from typing import Self

import httpcore2

from fathom.core.errors import AccessDeniedError
from fathom.sandbox.egress.network import GuardedNetwork
from fathom.sandbox.egress.policy import target_of

_VERSION, _NO_LOGIN, _NO_METHOD, _CONNECT = 5, 0, 0xFF, 1
_DONE, _NOT_ALLOWED, _UNREACHABLE, _NO_SUCH_COMMAND = 0, 2, 4, 7
_CONNECT_S, _PIECE = 10.0, 2**16


class SocksGate:
    """A server on 127.0.0.1 while the context lasts. `max_bytes` is what all connections together may bring in; then
    all are ended. `denied` holds (host, port) of what was refused, `exceeded` says that the limit was reached,
    `inside` that an address was connected to which is not of the public internet."""

    def __init__(self, network: GuardedNetwork, *, max_bytes: int) -> None:
        self._network, self._left = network, max_bytes
        self._open: set[asyncio.Task[None]] = set()
        self.denied: set[tuple[str, int]] = set()
        self.exceeded = self.inside = False
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self._end()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    def _end(self) -> None:
        for task in self._open:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(
                OSError, EOFError, httpcore2.NetworkError, httpcore2.TimeoutException, TimeoutError
            ):
                async with asyncio.timeout(_CONNECT_S):
                    stream = await self._opened(reader, writer)
                if stream is not None:
                    try:
                        await self._relay(reader, writer, stream)
                    finally:
                        await stream.aclose()
        finally:
            writer.close()

    async def _opened(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> httpcore2.AsyncNetworkStream | None:
        """The connection that is asked for; None where none comes about, which the program has then been told."""
        version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        if version != _VERSION or _NO_LOGIN not in methods:
            writer.write(bytes((_VERSION, _NO_METHOD)))
            return None
        writer.write(bytes((_VERSION, _NO_LOGIN)))
        _, command, _, kind = await reader.readexactly(4)
        host = await _host(reader, kind)
        port = int.from_bytes(await reader.readexactly(2))
        if command != _CONNECT or not host:
            writer.write(_reply(_NO_SUCH_COMMAND))
            return None
        try:
            stream = await self._connect(host, port)
        except AccessDeniedError:
            self.denied.add((host, port))
            writer.write(_reply(_NOT_ALLOWED))
            return None
        except (httpcore2.NetworkError, httpcore2.TimeoutException):
            writer.write(_reply(_UNREACHABLE))
            return None
        writer.write(_reply(_DONE))
        return stream

    async def _connect(self, host: str, port: int) -> httpcore2.AsyncNetworkStream:
        shown = f"[{host}]" if ":" in host else host
        target = target_of(f"http://{shown}:{port}/", self._network.scope)
        stream = await self._network.connect_tcp(target.host, port, timeout=_CONNECT_S)
        self.inside = self.inside or (target.host, port) in self._network.inside
        return stream

    async def _relay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stream: httpcore2.AsyncNetworkStream
    ) -> None:
        """Carry bytes both ways until one side ends."""

        async def out() -> None:
            while piece := await reader.read(_PIECE):
                await stream.write(piece)

        async def into() -> None:
            while piece := await stream.read(_PIECE):
                self._left -= len(piece)
                if self._left < 0:
                    self.exceeded = True
                    self._end()
                writer.write(piece)
                await writer.drain()

        ways = [asyncio.create_task(out()), asyncio.create_task(into())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


def _reply(code: int) -> bytes:
    """The server's answer to a request; the address it stands for is of no use to anyone."""
    return bytes((_VERSION, code, 0, 1, 0, 0, 0, 0, 0, 0))


async def _host(reader: asyncio.StreamReader, kind: int) -> str:
    """The host of a request, by the kind of its address; empty for a kind that is not known."""
    if kind == 1:
        return str(ipaddress.IPv4Address(await reader.readexactly(4)))
    if kind == 4:
        return str(ipaddress.IPv6Address(await reader.readexactly(16)))
    if kind == 3:
        (length,) = await reader.readexactly(1)
        return (await reader.readexactly(length)).decode("ascii", "replace")
    return ""
