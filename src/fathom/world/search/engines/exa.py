"""Exa. Reference: docs.exa.ai, POST /search, and its OpenAPI description (exa-labs/openapi-spec). Snippets are the
passages of a page nearest to the query. Errors are `{"requestId", "error", "tag"}`; used-up credits come as 402.
Ten searches a second are allowed."""

import json
from typing import Any

from fathom.sandbox.egress.protocol import WebRequest
from fathom.sandbox.gateway.service import paced
from fathom.world.protocol import Hit
from fathom.world.search.locale import locale_of
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.rows import at, found, hit, number, rows, text
from fathom.world.search.search_service import SearchService, SearchServiceConfig

_HIGHLIGHT_CHARS = 800
_CHEAP = 10  # results in the price of a search, each more is paid for (exa.ai/docs/admin/pricing)


def _request(config: SearchServiceConfig, query: SearchQuery) -> WebRequest:
    body: dict[str, Any] = {
        "query": query.text or " ".join(query.domains),
        "type": "auto",
        "numResults": query.k,
        "userLocation": locale_of(query).country,
        "contents": {"highlights": {"maxCharacters": _HIGHLIGHT_CHARS}},
    }
    given = {
        "includeDomains": list(query.domains),
        "excludeDomains": list(query.without_domains),
        "startPublishedDate": query.since and f"{query.since}T00:00:00.000Z",
        "endPublishedDate": query.until and f"{query.until}T23:59:59.999Z",
    }
    body.update({name: value for name, value in given.items() if value})
    headers = {"x-api-key": config.key, "content-type": "application/json"}
    return config.asked(method="POST", headers=headers, body=json.dumps(body).encode())


def _read(config: SearchServiceConfig, query: SearchQuery, content: Any) -> tuple[Hit, ...]:
    given = rows(content, "results")
    hits = [
        hit(
            text(row, "url"),
            text(row, "title"),
            _snippet(row),
            score=number(row, "score"),
            date=text(row, "publishedDate"),
            source="exa",
        )
        for row in given
    ]
    return found(given, hits)


def _snippet(row: Any) -> str:
    highlights = at(row, "highlights")
    parts = [text(part) for part in highlights[:8]] if isinstance(highlights, list) else []
    return " ... ".join(part for part in parts if part) or text(row, "text")


EXA = SearchService(
    name="exa",
    url="https://api.exa.ai/search",
    request=_request,
    read=_read,
    config=SearchServiceConfig,
    passes=frozenset({"domains", "dates", "language"}),
    key="required",
    max_k=100,
    general=True,
    cheap_k=_CHEAP,
    limits=lambda config: paced(10.0),
)
