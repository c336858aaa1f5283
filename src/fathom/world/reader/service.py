"""`ServiceReader`: pages by a reader service, which fetches and renders them elsewhere.

The interface is that of Jina Reader (`GET base/<address>`), which others speak too and which can be run by oneself.
The service answers with status 200 whatever became of the page, and says so in a warning.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr

from fathom.core.clock import utc_now
from fathom.core.config import Config
from fathom.core.errors import AccessDeniedError, PageNotFoundError, ProviderFault, WorldUnavailableFault
from fathom.llm.retry import retry_after_s
from fathom.sandbox.egress.client import EgressClient
from fathom.sandbox.egress.policy import Target, target_of
from fathom.sandbox.egress.protocol import Web, WebReply, WebRequest
from fathom.sandbox.egress.status import kind_of
from fathom.world.protocol import WorldLink
from fathom.world.reader.live import WITH_SCHEME, page_of
from fathom.world.reader.parser import Parsed
from fathom.world.reader.protocol import PageFault, ReadPage
from fathom.world.reader.robots import Robots
from fathom.world.reader.status import GONE, as_unavailable
from fathom.world.reader.visible import visible

_WARNED = re.compile(r"returned error (\d{3})")
_MAX_LINKS, _MAX_ANCHOR_CHARS = 2000, 300
_OF_THE_PAGE = frozenset({400, 422, 451})  # statuses by which the service says that it will not have this address


class ServiceReaderConfig(Config):
    """Settings of a reader service."""

    base_url: str = Field(default="https://r.jina.ai", description="what the address of a page is appended to")
    api_key: SecretStr = Field(default=SecretStr(""), description="sent as a bearer token where there is one")
    timeout_s: float = Field(default=60.0, gt=0, description="seconds for one page")
    max_bytes: int = Field(default=5_000_000, ge=1, description="bytes of one reply")
    chars: int = Field(default=400_000, ge=1000, description="characters of text of one page")
    wider: bool = Field(default=False, description="the run may open more than the service may be told of")


class ServiceReader:
    """A `PageReader`. Addresses that are not of the public internet, as far as their text tells, are not given to the
    service, nor are pages taken that it was led to there; nor, with `outward`, this machine's own way to pages, where
    that would refuse the host that a name stands for, and its pace is kept; nor, with `robots`, those that a site asks
    robots not to open. `web` and `outward` are closed with it, `robots` belong to whoever made them."""

    name = "service"

    def __init__(
        self,
        web: Web,
        config: ServiceReaderConfig = ServiceReaderConfig(),
        *,
        outward: EgressClient | None = None,
        robots: Robots | None = None,
        clock: Callable[[], str] = utc_now,
    ) -> None:
        self._web, self._config, self._clock = web, config, clock
        self._outward, self._robots = outward, robots

    async def read(self, url: str) -> ReadPage:
        if not WITH_SCHEME.match(url):
            raise PageNotFoundError("it is not the address of a web page")
        try:
            async with asyncio.timeout(self._config.timeout_s):
                target = await self._checked(url)
                if self._outward is not None:
                    with _of_the_page():
                        await self._outward.admit(target.url, self._config.timeout_s)
        except TimeoutError:
            raise PageFault("its host could not be asked in time", kind="timeout") from None
        reply = await self._fetch(target)
        if reply.status != 200:
            fault = PageFault if reply.status in _OF_THE_PAGE else WorldUnavailableFault
            raise fault(
                f"the reader service answered with status {reply.status}",
                kind=kind_of(reply.status),
                retry_after_s=retry_after_s(reply.headers),
            )
        parsed, at = _parsed(reply.body, target.url, self._config.chars)
        if at != target.url:
            await self._checked(at)
        return page_of(url, parsed, self._clock())

    async def close(self) -> None:
        await self._web.close()
        if self._outward is not None:
            await self._outward.close()

    async def _checked(self, url: str) -> Target:
        """What `url` means, where the service may have it."""
        try:
            target = target_of(url, "public")
            if self._outward is not None:
                with _of_the_page():
                    await self._outward.check(target.url, self._config.timeout_s)
        except AccessDeniedError:
            if not self._config.wider:
                raise
            # This run may open it, only not by way of the service.
            raise PageFault("the service is not told of what is not public", kind="rejected") from None
        if self._robots is not None:
            await self._robots.check(target.origin, target.url, self._config.timeout_s)
        return target

    async def _fetch(self, target: Target) -> WebReply:
        headers = {"accept": "application/json", "x-with-links-summary": "true"}
        if key := self._config.api_key.get_secret_value():
            headers["authorization"] = f"Bearer {key}"
        request = WebRequest(
            f"{self._config.base_url.rstrip('/')}/{target.url}",
            headers=headers,
            max_bytes=self._config.max_bytes,
            timeout_s=self._config.timeout_s,
        )
        try:
            return await self._web.fetch(request)
        except ProviderFault as fault:
            raise as_unavailable(fault) from None


@contextmanager
def _of_the_page() -> Iterator[None]:
    """What goes wrong with the page's host has nothing to do with the service."""
    try:
        yield
    except ProviderFault as fault:
        raise as_unavailable(fault, PageFault) from None


def _parsed(body: bytes, asked: str, chars: int) -> tuple[Parsed, str]:
    """The page in a reply to the question for `asked`, and the address it is from. Raises `PageNotFoundError` where the
    service says that the page's server has none, else `WorldUnavailableFault` for what is no page or another one."""
    try:
        said = json.loads(body)
        data = said["data"]
        if said["code"] != 200 or not isinstance(data["content"], str):
            raise ValueError("no page")
        text, title, warning = data["content"], str(data.get("title") or ""), str(data.get("warning") or "")
        links = tuple(_links(data.get("links")))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise WorldUnavailableFault("the reader service's reply is no page", kind="garbage") from None
    if found := _WARNED.search(warning):
        status = int(found[1])
        if status in GONE:
            raise PageNotFoundError(f"the server says there is no such page ({status})")
        raise PageFault(f"the server answered with status {status}", kind=kind_of(status))
    at = str(data.get("url") or asked)
    if not _may_be(at, asked):
        raise PageFault("the reader service gave another page", kind="mismatch")
    text = visible(text)[:chars]
    if not text.strip():
        raise PageFault("the page could not be read: it holds no text", kind="unreadable")
    return Parsed(title=visible(title)[:500], text=text, links=links, lang="", licence=""), at


def _may_be(given: str, asked: str) -> bool:
    """Whether a page at `given` may be what `asked` led to: redirects change the host or the path, seldom both."""
    try:
        one, other = urlsplit(given), urlsplit(asked)
        hosts = {(parts.hostname or "").removeprefix("www.") for parts in (one, other)}
    except ValueError:
        return False
    return len(hosts) == 1 or unquote(one.path).rstrip("/") == unquote(other.path).rstrip("/")


def _links(found: Any) -> list[WorldLink]:
    """Links as the service lists them: an object of anchor and address, or pairs of them."""
    pairs = list(found.items() if isinstance(found, dict) else found or ())[:_MAX_LINKS]
    named = [
        (" ".join(visible(anchor[: 4 * _MAX_ANCHOR_CHARS]).split())[:_MAX_ANCHOR_CHARS], address)
        for anchor, address in pairs
        if isinstance(anchor, str) and isinstance(address, str) and address.startswith(("http://", "https://"))
    ]
    return [WorldLink(url=address, title=anchor, anchor=anchor) for anchor, address in named]
