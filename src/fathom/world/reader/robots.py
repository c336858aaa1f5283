"""What sites ask of robots: read once for each site, kept a while, and heeded; Crawl-delay by who keeps the pace.

Reference: RFC 9309. A robots.txt that is not there (4xx) allows all; one that cannot be had now (5xx, no connection)
forbids all for now, which is told as a fault, since it says nothing about the page.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from fathom.core.errors import AccessDeniedError, ProviderFault, WorldUnavailableFault
from fathom.llm.retry import retry_after_s
from fathom.sandbox.egress.pace import HostPace
from fathom.sandbox.egress.protocol import Web, WebRequest
from fathom.sandbox.egress.status import kind_of
from fathom.world.reader.parser import Asked, PageParser
from fathom.world.reader.protocol import PageFault

AGENT = "fathom"
"""The name that robots.txt knows fathom by."""

_MAX_BYTES, _MAX_CHARS = 4_000_000, 512_000  # RFC 9309: at least 500 kibibytes have to be read, the rest may be left
_MAX_REDIRECTS, _TIMEOUT_S = 5, 10.0
_KEPT_S, _FAULT_KEPT_S = 3600.0, 60.0
_MAX_DELAY_S = 30.0  # longest pause between requests that a site is given
_KEPT_CHARS, _KEPT_SITES = 16_000_000, 4096


@dataclass(frozen=True)
class _Known:
    """The text of a robots.txt, or why it could not be had, and until when that stands."""

    text: str
    fault: ProviderFault | None
    until: float


class Robots:
    """The robots.txt files of the sites that were met, by origin. `pace` is told of the pauses that sites ask for.
    `close` closes `web`; a reader whose own `web` it is closes that itself."""

    def __init__(
        self,
        web: Web,
        parser: PageParser,
        *,
        timer: Callable[[], float] = time.monotonic,
        pace: HostPace | None = None,
    ) -> None:
        self._web, self._parser, self._timer, self._pace = web, parser, timer, pace
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._chars = 0
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def check(self, origin: str, url: str, timeout_s: float) -> None:
        """Return where `url` of the site `origin` (`scheme://host:port`) may be opened. Raises `AccessDeniedError`
        where the site asks robots not to, `PageFault` where it could not be asked."""
        lock = self._asking.setdefault(origin, asyncio.Lock())
        async with lock:
            known = self._known.get(origin)
            if known is None or known.until <= self._timer():
                known = await self._ask(origin, timeout_s)
                self._keep(origin, known)
        if known.fault is not None:
            raise PageFault(
                f"the site's robots.txt could not be had: {known.fault}",
                kind=known.fault.kind,
                retry_after_s=known.fault.retry_after_s,
            )
        if not known.text.strip():
            return
        asked = await self._asked(origin, known.text, url)
        if self._pace is not None:
            self._pace.slow(urlsplit(origin).hostname or "", min(asked.every_s, _MAX_DELAY_S))
        if not asked.allowed:
            raise AccessDeniedError("this address may not be opened: the site asks robots not to")

    async def close(self) -> None:
        await self._web.close()

    async def _asked(self, origin: str, text: str, url: str) -> Asked:
        try:
            return await self._parser.robots(text, url, AGENT)
        except WorldUnavailableFault as fault:
            # A file made to hang its parser is not parsed again with every page.
            self._keep(origin, _Known("", fault, self._timer() + _FAULT_KEPT_S))
            raise

    async def _ask(self, origin: str, timeout_s: float) -> _Known:
        request = WebRequest(
            f"{origin}/robots.txt",
            max_bytes=_MAX_BYTES,
            timeout_s=min(timeout_s, _TIMEOUT_S),
            max_redirects=_MAX_REDIRECTS,
        )
        fault = None
        text = ""
        try:
            reply = await self._web.fetch(request)
        except ProviderFault as error:
            fault = error
        else:
            if reply.status == 429 or reply.status >= 500:
                fault = ProviderFault(
                    f"status {reply.status}", kind=kind_of(reply.status), retry_after_s=retry_after_s(reply.headers)
                )
            elif reply.status < 300:
                text = reply.body.decode("utf-8", "replace")[:_MAX_CHARS]
        # A site that says when to come again, or whose turn it was not yet, is asked then.
        asked_s = fault.retry_after_s if fault else None
        again_s = _KEPT_S if fault is None else min(_FAULT_KEPT_S, _FAULT_KEPT_S if asked_s is None else asked_s)
        return _Known(text, fault, self._timer() + again_s)

    def _keep(self, origin: str, known: _Known) -> None:
        old = self._known.pop(origin, None)
        self._chars += len(known.text) - (len(old.text) if old else 0)
        self._known[origin] = known
        while self._chars > _KEPT_CHARS or len(self._known) > _KEPT_SITES:
            self._chars -= len(self._known.popitem(last=False)[1].text)
