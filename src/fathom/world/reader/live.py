"""`LiveReader`: pages by this machine's own requests."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import replace

from pydantic import Field

from fathom.core.clock import utc_now
from fathom.core.config import Config
from fathom.core.errors import PageNotFoundError, ProviderFault, WorldUnavailableFault
from fathom.core.evidence import Page
from fathom.core.model import content_hash
from fathom.sandbox.egress.policy import join, target_of
from fathom.sandbox.egress.protocol import Web, WebReply, WebRequest
from fathom.world.reader.challenge import is_challenge
from fathom.world.reader.parser import PageParser, Parsed, ParserConfig
from fathom.world.reader.protocol import PageFault, ReadPage
from fathom.world.reader.robots import Robots
from fathom.world.reader.status import as_unavailable, check_status

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
WITH_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]")
"""How an address begins; what does not is a title or the like, and no page of the web."""
_ACCEPT = "text/html,application/xhtml+xml,application/pdf,text/plain;q=0.9,*/*;q=0.5"


class LiveReaderConfig(Config):
    """Settings of the reader of live pages."""

    timeout_s: float = Field(
        default=30.0, gt=0, description="seconds to fetch a page, robots.txt and redirects included"
    )
    max_bytes: int = Field(default=10_000_000, ge=1, description="bytes of one page, after decompression")
    max_redirects: int = Field(default=5, ge=0, description="redirects followed for one page")
    robots: bool = Field(default=True, description="heed what sites ask of robots")
    languages: str = Field(default="en,*;q=0.5", description="accept-language, sent with every request")
    parser: ParserConfig = ParserConfig()


class LiveReader:
    """A `PageReader`. `web` is closed with it, and so is its parser unless one is given, which others may share.
    `clock` gives the time a page is read at, `timer` seconds that only grow. `robots` may be shared too, and belong to
    whoever made them."""

    name = "live"

    def __init__(
        self,
        web: Web,
        config: LiveReaderConfig = LiveReaderConfig(),
        *,
        parser: PageParser | None = None,
        clock: Callable[[], str] = utc_now,
        timer: Callable[[], float] = time.monotonic,
        robots: Robots | None = None,
    ) -> None:
        self._web, self._config, self._clock, self._timer = web, config, clock, timer
        self._parser, self._owns_parser = parser or PageParser(config.parser), parser is None
        self._robots = robots or Robots(web, self._parser, timer=timer)

    async def read(self, url: str) -> ReadPage:
        if not WITH_SCHEME.match(url):
            raise PageNotFoundError("it is not the address of a web page")
        try:
            async with asyncio.timeout(self._config.timeout_s):
                reply = await self._fetch(url)
        except TimeoutError:
            raise WorldUnavailableFault(f"no whole page within {self._config.timeout_s:g} s", kind="timeout") from None
        except WorldUnavailableFault:
            raise
        except ProviderFault as fault:
            raise as_unavailable(fault) from None
        check_status(reply)
        parsed = await self._parser.parse(reply.body, reply.headers.get("content-type", ""), reply.url)
        return page_of(url, parsed, self._clock(), private=reply.inside)

    async def close(self) -> None:
        if self._owns_parser:
            await self._parser.close()
        await self._web.close()

    async def _fetch(self, url: str) -> WebReply:
        """The last reply of a chain of redirects, each of whose sites was asked what it asks of robots."""
        deadline = self._timer() + self._config.timeout_s
        inside = False
        for _ in range(self._config.max_redirects + 1):
            target = target_of(url, "private")
            if self._config.robots:
                await self._robots.check(target.origin, target.url, max(0.001, deadline - self._timer()))
            request = WebRequest(
                target.url,
                headers={"accept": _ACCEPT, "accept-language": self._config.languages},
                max_bytes=self._config.max_bytes,
                timeout_s=max(0.001, deadline - self._timer()),
            )
            reply = await self._web.fetch(request)
            inside = inside or reply.inside
            location = reply.headers.get("location")
            if reply.status not in _REDIRECTS or location is None:
                return replace(reply, inside=inside)
            url = join(reply.url, location)
        raise WorldUnavailableFault(f"more than {self._config.max_redirects} redirects", kind="garbage")


def page_of(url: str, parsed: Parsed, fetched_at: str, *, private: bool = False) -> ReadPage:
    """The page that was asked for as `url`, for every reader. Raises `PageFault` for one that asks for a
    proof of being human instead of showing it."""
    if is_challenge(parsed.title, parsed.text):
        raise PageFault("the server asks for a proof of being human", kind="unauthorised")
    page = Page(
        url=url,
        title=parsed.title or url,
        text=parsed.text,
        text_hash=content_hash(parsed.text),
        fetched_at=fetched_at,
        licence=parsed.licence,
        lang=parsed.lang,
        private=private,
    )
    return ReadPage(page=page, links=parsed.links)
