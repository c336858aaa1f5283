"""Semantic Scholar, papers by relevance. Reference: api.semanticscholar.org/api-docs/graph, /paper/search. All callers
without a key share one limit, a key has one request a second to begin with. Nothing found is
`{"total": 0, "offset": 0}`, without a list."""

from typing import Any

from fathom.sandbox.egress.protocol import WebRequest
from fathom.sandbox.gateway.service import paced
from fathom.world.protocol import Hit, Work
from fathom.world.search.bibliography import names, work_of
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.rows import at, found, hit, rows, text
from fathom.world.search.search_service import CatalogueConfig, SearchService, SearchServiceConfig

_FIELDS = "title,abstract,url,publicationDate,year,authors,venue,citationCount,externalIds,openAccessPdf"


def _request(config: SearchServiceConfig, query: SearchQuery) -> WebRequest:
    # A hyphenated word matches nothing; the documentation says to write it as two.
    params = {"query": query.text.replace("-", " "), "limit": str(query.k), "fields": _FIELDS}
    if query.since or query.until:
        params["publicationDateOrYear"] = f"{query.since}:{query.until}"
    return config.asked(params, headers={"x-api-key": config.key} if config.key else {})


def _read(config: SearchServiceConfig, query: SearchQuery, content: Any) -> tuple[Hit, ...]:
    total = at(content, "total")
    if total == 0 and total is not False and at(content, "data") in (None, []):
        return ()
    given = rows(content, "data")
    hits = [
        hit(
            _address(row),
            text(row, "title"),
            text(row, "abstract"),
            date=text(row, "publicationDate") or text(row, "year"),
            source="semantic_scholar",
            work=_work(row),
        )
        for row in given
    ]
    return found(given, hits)


def _work(row: Any) -> Work:
    return work_of(
        authors=names(at(row, "authors"), "name"),
        venue=text(row, "venue"),
        year=text(row, "year"),
        cited_by=at(row, "citationCount"),
        doi=text(row, "externalIds", "DOI"),
        arxiv_id=text(row, "externalIds", "ArXiv"),
        pdf_url=text(row, "openAccessPdf", "url"),
    )


def _address(row: Any) -> str:
    paper = text(row, "paperId")
    return text(row, "url") or (f"https://www.semanticscholar.org/paper/{paper}" if paper.isalnum() else "")


SEMANTIC_SCHOLAR = SearchService(
    name="semantic_scholar",
    url="https://api.semanticscholar.org/graph/v1/paper/search",
    request=_request,
    read=_read,
    config=CatalogueConfig,
    passes=frozenset({"dates"}),
    key="optional",
    max_k=100,
    limits=lambda config: paced(1.0),
)
