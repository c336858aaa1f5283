"""Crossref, the registry of most DOIs. Reference: crossref.org/documentation/retrieve-metadata/rest-api. A mail address
(`contact`) leads to its faster servers. Errors have `status: failed` and a list as message."""

from typing import Any

from fathom.sandbox.egress.protocol import WebRequest
from fathom.sandbox.gateway.service import LaneConfig, paced
from fathom.world.protocol import Hit, Work
from fathom.world.search.bibliography import MAX_AUTHORS, work_of
from fathom.world.search.markup import plain
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.reply import check_echo
from fathom.world.search.rows import at, found, hit, number, rows, text
from fathom.world.search.search_service import CatalogueConfig, SearchService, SearchServiceConfig

_FIELDS = "DOI,URL,title,abstract,issued,container-title,author,is-referenced-by-count,score"


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
            plain(text(row, "abstract")) or plain(text(row, "container-title", 0)),
            score=number(row, "score"),
            date=_issued(row),
            source="crossref",
            work=_work(row),
        )
        for row in given
    ]
    return found(given, hits)


def _work(row: Any) -> Work:
    authors = at(row, "author")
    return work_of(
        authors=[_name(author) for author in authors[:MAX_AUTHORS]] if isinstance(authors, list) else (),
        venue=plain(text(row, "container-title", 0)),
        year=text(row, "issued", "date-parts", 0, 0),
        cited_by=at(row, "is-referenced-by-count"),
        doi=text(row, "DOI"),
    )


def _name(author: Any) -> str:
    """A person's name in the order it is spoken; an organisation has one name only."""
    return " ".join(filter(None, (text(author, "given"), text(author, "family")))) or text(author, "name")


def _issued(row: Any) -> str:
    parts = at(row, "issued", "date-parts", 0)
    numbers = [part for part in parts[:3] if isinstance(part, int)] if isinstance(parts, list) else []
    return "-".join(f"{number:02}" for number in numbers)


def _limits(config: SearchServiceConfig) -> LaneConfig:
    """Those of lists, since December 2025."""
    return paced(3.0, slots=3) if config.contact else paced(1.0, slots=1)


CROSSREF = SearchService(
    name="crossref",
    url="https://api.crossref.org/works",
    request=_request,
    read=_read,
    config=CatalogueConfig,
    passes=frozenset({"dates"}),
    max_k=100,
    limits=_limits,
)
