"""A request to the web and its reply, and whoever can make one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Scope = Literal["public", "private", "offline"]
"""Addresses that may be contacted: of the public internet only; of private networks too; none."""


@dataclass(frozen=True)
class WebRequest:
    """A request with its limits: `max_bytes` of the body after decompression, `timeout_s` seconds for all of it,
    redirects and body included."""

    url: str
    method: str = "GET"
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    max_bytes: int = 2_000_000
    timeout_s: float = 30.0
    max_redirects: int = 0


@dataclass(frozen=True)
class WebReply:
    """A whole reply, whatever its status. Names of `headers` are in lower case; `url` is where redirects led to;
    `inside` says that it, or a redirect on the way, came from an address that is not of the public internet."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    inside: bool = False


class Web(Protocol):
    """Makes requests. Raises `ProviderFault` with its kind where no whole reply came, and `AccessDeniedError` for an
    address that may not be contacted, at redirects too. A status is no failure here: 404 and 503 are replies."""

    async def fetch(self, request: WebRequest) -> WebReply: ...

    async def close(self) -> None: ...
