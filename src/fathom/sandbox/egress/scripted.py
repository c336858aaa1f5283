"""Doubles for what stands outside, none of which touches the network: they answer by script and say what was asked."""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpcore2

from fathom.sandbox.egress.addresses import Address
from fathom.sandbox.egress.protocol import WebReply, WebRequest


class ScriptedWeb:
    """A `Web` whose replies are `answer`'s, which may raise. `asked` holds the requests, in order."""

    def __init__(self, answer: Callable[[WebRequest], WebReply]) -> None:
        self._answer = answer
        self.asked: list[WebRequest] = []

    async def fetch(self, request: WebRequest) -> WebReply:
        self.asked.append(request)
        return self._answer(request)

    async def close(self) -> None:
        return None


class ScriptedResolver:
    """Answers from `answers`: host name -> what it resolves to, one answer after another where there are several (the
    last one stays); `*` stands for every other name. Else a name does not resolve. `asked` holds names, in order."""

    def __init__(self, answers: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._answers = {host: list(row) for host, row in answers.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        rows = self._answers.get(host) or self._answers.get("*")
        if not rows:
            raise OSError("no such name")
        return rows.pop(0) if len(rows) > 1 else rows[0]

    async def close(self) -> None:
        return None


class ScriptedConnector:
    """Servers by address (as text), each with the bytes it answers requests with, of one connection after another (the
    last ones stay); `*` stands for every other address. Else nobody listens. `connected` holds (address, port) of every
    attempt, `sent` what was written, by connection, and `names` the names that TLS was begun for."""

    def __init__(self, servers: Mapping[str, Sequence[bytes]]) -> None:
        self._servers = {address: list(replies) for address, replies in servers.items()}
        self.connected: list[tuple[str, int]] = []
        self.sent: list[bytearray] = []
        self.names: list[str | None] = []

    async def connect(self, address: Address, port: int, timeout_s: float | None) -> httpcore2.AsyncNetworkStream:
        self.connected.append((str(address), port))
        replies = self._servers.get(str(address)) or self._servers.get("*")
        if not replies:
            raise httpcore2.ConnectError("nobody listens there")
        self.sent.append(bytearray())
        return _ScriptedStream(replies.pop(0) if len(replies) > 1 else replies[0], self.sent[-1], self.names)


class _ScriptedStream(httpcore2.AsyncNetworkStream):
    def __init__(self, answer: bytes, sent: bytearray, names: list[str | None]) -> None:
        self._answer, self._sent, self._names = answer, sent, names
        self._waiting = b""
        self._asked = asyncio.Event()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        await self._asked.wait()
        piece, self._waiting = self._waiting[:max_bytes], self._waiting[max_bytes:]
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self._sent += buffer
        if self._sent.endswith(b"\r\n\r\n"):
            self._waiting = self._answer
            self._asked.set()

    async def aclose(self) -> None:
        self._asked.set()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        self._names.append(server_hostname)
        return self

    def get_extra_info(self, info: str) -> Any:
        return None
