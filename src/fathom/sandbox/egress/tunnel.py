"""Going out through an HTTP proxy, which is asked for a tunnel to the address that was checked, never to a name."""

import base64
from urllib.parse import unquote, urlsplit

import httpcore2

from fathom.core.errors import ConfigError
from fathom.sandbox.egress.addresses import Address

_MAX_HEAD_BYTES = 16384


class TunnelConnector:
    """A `Connector` that opens tunnels by CONNECT. `proxy` is `http://host:port`, with `user:password@` where the proxy
    asks for it. Raises `ConfigError` for anything else."""

    def __init__(self, proxy: str) -> None:
        try:
            parts = urlsplit(proxy)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if host is None or port is None or parts.scheme != "http":
            raise ConfigError("the proxy is not of the form http://host:port")
        self._host, self._port = host, port
        self._login = ""
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._login = f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}\r\n"
        self._backend = httpcore2.AnyIOBackend()

    async def connect(self, address: Address, port: int, timeout_s: float | None) -> httpcore2.AsyncNetworkStream:
        stream = await self._backend.connect_tcp(self._host, self._port, timeout=timeout_s)
        try:
            await self._open(stream, f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}", timeout_s)
        except BaseException:
            await stream.aclose()
            raise
        return stream

    async def _open(self, stream: httpcore2.AsyncNetworkStream, place: str, timeout_s: float | None) -> None:
        asked = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{self._login}\r\n"
        try:
            await stream.write(asked.encode("ascii"), timeout_s)
            head = b""
            while b"\r\n\r\n" not in head:
                piece = await stream.read(4096, timeout_s)
                head += piece
                if not piece or len(head) > _MAX_HEAD_BYTES:
                    raise httpcore2.ConnectError("the proxy gave no reply that can be read")
        except (httpcore2.ReadTimeout, httpcore2.WriteTimeout):
            raise httpcore2.ConnectTimeout("the proxy did not answer in time") from None
        except httpcore2.NetworkError as error:
            raise httpcore2.ConnectError(f"the proxy broke off: {error}") from None
        status = head.split(b" ", 2)[1:2]
        if status != [b"200"]:
            raise httpcore2.ConnectError("the proxy opened no tunnel")
