"""Serper: Google's results. The engine of the released system, with its rule of locale.

Reference: serper.dev. A used-up balance comes as 400 "Not enough credits", a wrong key as 403 "Unauthorized."; neither
holds `organic`, which the released system took for no results.
"""

import json
from typing import Any

from fathom.sandbox.egress.protocol import WebRequest
from fathom.world.protocol import Hit
from fathom.world.search.locale import ENGLISH, locale_of
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.query import with_operators
from fathom.world.search.reply import check_echo
from fathom.world.search.rows import at, found, hit, rows, text
from fathom.world.search.search_service import SearchService, SearchServiceConfig

_CHEAP = 10  # more results cost twice


def _request(config: SearchServiceConfig, query: SearchQuery) -> WebRequest:
    locale = locale_of(query)
    body: dict[str, Any] = {
        "q": with_operators(query),
        "gl": locale.country.lower(),
        "hl": "zh-cn" if locale.is_chinese else locale.lang,
    }
    if locale == ENGLISH or locale.is_chinese:
        body["location"] = "China" if locale.is_chinese else "United States"
    if query.since or query.until:
        body["tbs"] = f"cdr:1,cd_min:{_american(query.since)},cd_max:{_american(query.until)}"
    if query.k > _CHEAP:
        body["num"] = query.k
    headers = {"x-api-key": config.key, "content-type": "application/json"}
    return config.asked(method="POST", headers=headers, body=json.dumps(body).encode())


def _american(day: str) -> str:
    year, _, rest = day.partition("-")
    month, _, number = rest.partition("-")
    return f"{int(month)}/{int(number)}/{year}" if day else ""


def _read(config: SearchServiceConfig, query: SearchQuery, content: Any) -> tuple[Hit, ...]:
    check_echo(with_operators(query), at(content, "searchParameters", "q"))
    given = rows(content, "organic")
    hits = [
        hit(text(row, "link"), text(row, "title"), text(row, "snippet"), date=text(row, "date"), source="google")
        for row in given
    ]
    return found(given, hits)


SERPER = SearchService(
    name="serper",
    url="https://google.serper.dev/search",
    request=_request,
    read=_read,
    config=SearchServiceConfig,
    passes=frozenset({"domains", "dates", "language"}),
    key="required",
    max_k=100,
    general=True,
    cheap_k=_CHEAP,
)
