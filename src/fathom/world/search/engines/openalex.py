"""OpenAlex, a catalogue of scholarly works. Reference: developers.openalex.org. Since February 2026 it allows hardly
anything without a key (free); limits come as 403 and 429, the one for all being 100 requests a second. The
key goes into a header, so that no address holds it."""

from typing import Any

from fathom.sandbox.egress.protocol import WebRequest
from fathom.sandbox.gateway.service import paced
from fathom.world.protocol import Hit, Work
from fathom.world.search.addresses import is_page
from fathom.world.search.bibliography import names, work_of
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.rows import at, found, hit, number, rows, text
from fathom.world.search.search_service import CatalogueConfig, SearchService, SearchServiceConfig

# Only whole fields of the first level can be chosen.
_FIELDS = (
    "id,doi,display_name,publication_date,publication_year,relevance_score,primary_location,best_oa_location"
    ",abstract_inverted_index,authorships,cited_by_count"
)
_ABSTRACT_WORDS = 300


def _request(config: SearchServiceConfig, query: SearchQuery) -> WebRequest:
    params = {"search": query.text, "per_page": str(query.k), "select": _FIELDS}
    bounds = [
        f"{name}:{day}"
        for name, day in (("from_publication_date", query.since), ("to_publication_date", query.until))
        if day
    ]
    if bounds:
        params["filter"] = ",".join(bounds)
    if config.contact:
        params["mailto"] = config.contact
    return config.asked(params, headers={"authorization": f"Bearer {config.key}"} if config.key else {})


def _read(config: SearchServiceConfig, query: SearchQuery, content: Any) -> tuple[Hit, ...]:
    given = rows(content, "results")
    hits = [
        hit(
            _address(row),
            text(row, "display_name"),
            _abstract(at(row, "abstract_inverted_index")),
            score=number(row, "relevance_score"),
            date=text(row, "publication_date"),
            source="openalex",
            work=_work(row),
        )
        for row in given
    ]
    return found(given, hits)


def _address(row: Any) -> str:
    places = (text(row, "primary_location", "landing_page_url"), text(row, "doi"), text(row, "id"))
    return next(filter(is_page, places), "")


def _work(row: Any) -> Work:
    return work_of(
        authors=names(at(row, "authorships"), "author", "display_name"),
        venue=text(row, "primary_location", "source", "display_name"),
        year=text(row, "publication_year"),
        cited_by=at(row, "cited_by_count"),
        doi=text(row, "doi"),
        pdf_url=text(row, "best_oa_location", "pdf_url") or text(row, "primary_location", "pdf_url"),
    )


def _abstract(index: Any) -> str:
    """The beginning of a text that is given as its words and their positions."""
    if not isinstance(index, dict):
        return ""
    placed: dict[int, str] = {}
    for word, positions in index.items():
        for position in positions if isinstance(positions, list) else ():
            if isinstance(position, int) and 0 <= position < _ABSTRACT_WORDS:
                placed[position] = word
    return " ".join(placed[position] for position in sorted(placed))


OPENALEX = SearchService(
    name="openalex",
    url="https://api.openalex.org/works",
    request=_request,
    read=_read,
    config=CatalogueConfig,
    passes=frozenset({"dates"}),
    key="optional",
    max_k=100,
    limits=lambda config: paced(100.0),
)
