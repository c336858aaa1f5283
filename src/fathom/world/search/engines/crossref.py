"""Crossref, the registry of most DOIs. Reference: crossref.org/documentation/retrieve-metadata/rest-api. A mail address
(`contact`) leads to its faster servers. Errors have `status: failed` and a list as message."""

from typing import Any

from fathom.sandbox.egress.protocol import WebRequest
from fathom.world.protocol import Hit
from fathom.world.search.markup import plain
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.reply import check_echo
from fathom.world.search.rows import at, found, hit, number, rows, text
from fathom.world.search.search_service import SearchService, SearchServiceConfig

_FIELDS = "DOI,URL,title,abstract,issued,container-title,score"


def _request(config: SearchServiceConfig, query: SearchQuery) -> WebRequest:
    params = {"query": query.text, "rows": str(query.k), "select": _FIELDS}
    bounds = [f"{name}:{day}" for name, day in (("from-pub-date", query.since), ("until-pub-date", query.until)) if day]
    if bounds:
        params["filter"] = ",".join(bounds)
    if config.contact:
        params["mailto"] = config.contact
    return config.asked(params)


def _read(config: SearchServiceConfig, query: SearchQuery, content: Any) -> tuple[Hit, ...]:
    check_echo(query.text, at(content, "message", "query", "search-terms"))
    given = rows(content, "message", "items")
    hits = [
        hit(
            text(row, "URL") or (f"https://doi.org/{doi}" if (doi := text(row, "DOI")) else ""),
            plain(text(row, "title", 0)),
            plain(text(row, "abstract")) or text(row, "container-title", 0),
            score=number(row, "score"),
            date=_issued(row),
            source="crossref",
        )
        for row in given
    ]
    return found(given, hits)


def _issued(row: Any) -> str:
    parts = at(row, "issued", "date-parts", 0)
    numbers = [part for part in parts[:3] if isinstance(part, int)] if isinstance(parts, list) else []
    return "-".join(f"{number:02}" for number in numbers)


CROSSREF = SearchService(
    name="crossref",
    url="https://api.crossref.org/works",
    request=_request,
    read=_read,
    config=SearchServiceConfig,
    passes=frozenset({"dates"}),
    max_k=100,
)
