"""OpenAlex, a catalogue of scholarly works. Reference: developers.openalex.org. Since February 2026 it allows hardly
anything without a key (free); limits come as 403 and 429. The key goes into a header, so that no address holds it."""

from typing import Any

from fathom.sandbox.egress.protocol import WebRequest
from fathom.world.protocol import Hit
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.rows import at, found, hit, number, rows, text
from fathom.world.search.search_service import SearchService, SearchServiceConfig

_FIELDS = "id,doi,display_name,publication_date,relevance_score,primary_location,abstract_inverted_index"
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
            text(row, "primary_location", "landing_page_url") or text(row, "doi") or text(row, "id"),
            text(row, "display_name"),
            _abstract(at(row, "abstract_inverted_index")),
            score=number(row, "relevance_score"),
            date=text(row, "publication_date"),
            source="openalex",
        )
        for row in given
    ]
    return found(given, hits)


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
    config=SearchServiceConfig,
    passes=frozenset({"dates"}),
    key="optional",
    max_k=100,
)
