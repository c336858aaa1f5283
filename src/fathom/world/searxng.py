"""Search by a SearXNG server of the user's own, with the JSON format switched on."""

import json
from typing import Any
from urllib.parse import urljoin

from fathom.core.errors import AccessDeniedError, ProviderFault, WorldUnavailableFault
from fathom.sandbox.egress.protocol import Web, WebRequest
from fathom.world.protocol import Hit
from fathom.world.search.protocol import SearchQuery


class SearxngEngine:
    """A `SearchEngine`. `web` must allow the server's address, which may be private; it is closed with the engine."""

    name = "searxng"

    def __init__(self, base_url: str, web: Web, *, timeout_s: float = 30.0, max_bytes: int = 2_000_000) -> None:
        self._url = urljoin(base_url.rstrip("/") + "/", "search")
        self._web, self._timeout_s, self._max_bytes = web, timeout_s, max_bytes

    async def search(self, query: SearchQuery) -> tuple[Hit, ...]:
        params = {"q": query.text, "format": "json"}
        request = WebRequest(self._url, params=params, timeout_s=self._timeout_s, max_bytes=self._max_bytes)
        try:
            reply = await self._web.fetch(request)
        except ProviderFault as fault:
            raise WorldUnavailableFault(f"search: {fault}", kind=fault.kind) from None
        except AccessDeniedError:
            raise WorldUnavailableFault("search: its server may not be contacted", kind="refused") from None
        if reply.status != 200:
            raise WorldUnavailableFault(f"search: the server answered with status {reply.status}")
        try:
            hits = [_hit(row) for row in json.loads(reply.body)["results"] if row.get("url")]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise WorldUnavailableFault(
                "search: the reply is not SearXNG's JSON",
                kind="garbage",
                hint="SearXNG gives it where `search.formats` in its settings.yml lists json",
            ) from None
        first = {hit.url: hit for hit in reversed(hits)}
        return tuple(hit for hit in hits if first[hit.url] is hit)[: query.k]

    async def close(self) -> None:
        await self._web.close()


def _hit(row: dict[str, Any]) -> Hit:
    return Hit(
        url=str(row["url"]),
        title=str(row.get("title") or ""),
        snippet=str(row.get("content") or ""),
        score=float(row.get("score") or 0.0),
        date=str(row.get("publishedDate") or "")[:10],
        source=str(row.get("engine") or ""),
    )
