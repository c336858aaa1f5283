"""Tavily. Reference: docs.tavily.com/documentation/api-reference/endpoint/search. Errors are
`{"detail": {"error": ...}}`; 432 and 433 are the plan's and the pay-as-you-go limit. A development key
allows 100 requests a minute, one for production 1,000."""

import json
from typing import Any

from fathom.sandbox.egress.protocol import WebRequest
from fathom.sandbox.gateway.service import paced
from fathom.world.protocol import Hit
from fathom.world.search.locale import locale_of
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.reply import check_echo
from fathom.world.search.rows import at, found, hit, number, rows, text
from fathom.world.search.search_service import SearchService, SearchServiceConfig

_COUNTRIES = {
    "US": "united states", "CN": "china", "JP": "japan", "KR": "south korea", "RU": "russia", "SA": "saudi arabia",
    "IL": "israel", "GR": "greece", "TH": "thailand", "IN": "india", "DE": "germany", "FR": "france", "ES": "spain",
    "IT": "italy", "BR": "brazil", "NL": "netherlands", "PL": "poland", "SE": "sweden", "GB": "united kingdom",
}  # fmt: skip


def _query(query: SearchQuery) -> str:
    return query.text or " ".join(query.domains)


def _request(config: SearchServiceConfig, query: SearchQuery) -> WebRequest:
    body: dict[str, Any] = {"query": _query(query), "max_results": query.k, "search_depth": "basic"}
    given = {
        "include_domains": list(query.domains),
        "exclude_domains": list(query.without_domains),
        "start_date": query.since,
        "end_date": query.until,
        "country": _COUNTRIES.get(locale_of(query).country, ""),
    }
    body.update({name: value for name, value in given.items() if value})
    headers = {"authorization": f"Bearer {config.key}", "content-type": "application/json"}
    return config.asked(method="POST", headers=headers, body=json.dumps(body).encode())


def _read(config: SearchServiceConfig, query: SearchQuery, content: Any) -> tuple[Hit, ...]:
    check_echo(_query(query), at(content, "query"))
    given = rows(content, "results")
    hits = [
        hit(
            text(row, "url"),
            text(row, "title"),
            text(row, "content"),
            score=number(row, "score"),
            date=text(row, "published_date"),
            source="tavily",
        )
        for row in given
    ]
    return found(given, hits)


TAVILY = SearchService(
    name="tavily",
    url="https://api.tavily.com/search",
    request=_request,
    read=_read,
    config=SearchServiceConfig,
    passes=frozenset({"domains", "dates", "language"}),
    key="required",
    max_k=20,
    general=True,
    limits=lambda config: paced(100 / 60),
)
