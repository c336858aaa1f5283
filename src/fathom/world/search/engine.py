"""`HttpEngine`: any `SearchService` as a `SearchEngine`. Cleans the query, makes the requests, filters what the service
could not, and keeps keys out of every message."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Generic
from urllib.parse import quote, quote_plus

from fathom.core.errors import AccessDeniedError, ProviderFault, WorldUnavailableFault
from fathom.sandbox.egress.protocol import Web, WebReply, WebRequest
from fathom.sandbox.gateway.service import LaneConfig
from fathom.world.protocol import Hit
from fathom.world.search.markup import one_line
from fathom.world.search.narrow import fitting
from fathom.world.search.protocol import EngineTraits, SearchQuery
from fathom.world.search.reply import content_of, rejected
from fathom.world.search.search_service import C, SearchService

_MAX_REQUESTS = 2  # of one search; PubMed needs two
_MORE = 3  # times as many hits are asked for when some of them will be filtered out here


class HttpEngine(Generic[C]):
    """One service over HTTP. Holds no state, so any number of searches may run at once. `web` belongs to who made it,
    and closing an engine leaves it open."""

    def __init__(
        self, service: SearchService[C], config: C, web: Web, *, name: str = "", now: Callable[[], float] = time.time
    ) -> None:
        self.name = name or service.name
        self._service, self._config, self._web, self._now = service, config, web, now

    @property
    def limits(self) -> LaneConfig:
        """How hard the service allows itself to be asked, with this configuration."""
        return self._service.limits(self._config)

    @property
    def traits(self) -> EngineTraits:
        """What the service covers and what more hits of it cost."""
        service = self._service
        return EngineTraits(service.general, "domains" in service.passes, service.cheap_k)

    async def search(self, query: SearchQuery) -> tuple[Hit, ...]:
        asked = self._asked(query)
        try:
            hits = await self._hits(asked)
        except AccessDeniedError:
            hint = "the egress scope of this run keeps the engine's address out"
            raise WorldUnavailableFault(f"{self.name}: may not be contacted", kind="refused", hint=hint) from None
        except ProviderFault as fault:
            variable = self._service.key_variable
            hint = fault.hint or (self._service.garbage_hint if fault.kind == "garbage" else "")
            if fault.kind == "unauthorised" and variable:
                hint = f"check {variable}"
            raise WorldUnavailableFault(
                self._without_key(f"{self.name}: {fault}"),
                kind=fault.kind,
                retry_after_s=fault.retry_after_s,
                hint=self._without_key(hint),
            ) from None
        return hits[: query.k]

    async def close(self) -> None:
        return None

    async def _hits(self, query: SearchQuery) -> tuple[Hit, ...]:
        passes = self._service.passes
        if not query.text and not query.domains:
            rejected("the query has no words")  # nobody was asked, so it is not that nothing was found
        if not query.text and "domains" not in passes:
            rejected("it cannot be asked for the pages of a domain")
        given = await self._ask(query)
        kept = fitting(given, query, dated="dates" not in passes)
        if given and not kept:
            # That none of the best fits says nothing about what else there is.
            rejected(f"none of {len(given)} hits fits the filters")
        return kept

    async def _ask(self, query: SearchQuery) -> tuple[Hit, ...]:
        request = self._service.request(self._config, query)
        for _ in range(_MAX_REQUESTS):
            reply = self._scrubbed(await self._web.fetch(request))
            service = self._service
            content = content_of(reply, service.form, statuses=service.statuses, now=self._now)
            read = service.read(self._config, query, content)
            if not isinstance(read, WebRequest):
                return read
            request = read
        raise WorldUnavailableFault("the reply leads on and on", kind="garbage")

    def _asked(self, query: SearchQuery) -> SearchQuery:
        """`query` in bounds: clean text cut at a word, no more hits than the service gives, more where some go."""
        text = one_line(query.text, 10_000)
        if len(text) > self._service.max_chars:
            cut = text[: self._service.max_chars + 1]
            text = cut.rpartition(" ")[0] or cut[:-1]
        passes = self._service.passes
        filtered = (bool(query.domains or query.without_domains) and "domains" not in passes) or (
            bool(query.since or query.until) and "dates" not in passes
        )
        k = min(self._service.max_k, query.k * _MORE if filtered else query.k)
        return query.model_copy(update={"text": text, "k": k})

    def _scrubbed(self, reply: WebReply) -> WebReply:
        """`reply` without the key, which some services repeat in their errors and a page may have got hold of."""
        body = reply.body
        for form in self._key_forms():
            body = body.replace(form.encode(), b"***")
        return replace(reply, body=body)

    def _key_forms(self) -> tuple[str, ...]:
        """The key as it stands and as addresses and forms hold it."""
        key = self._config.key
        return (key, quote(key, safe=""), quote_plus(key)) if key else ()

    def _without_key(self, text: str) -> str:
        """`text` without the key: a fault may name an address or a header that holds it."""
        for form in self._key_forms():
            text = text.replace(form, "***")
        return text
