"""SearXNG, a metasearch server of one's own, with the JSON format switched on.

Reference: docs.searxng.org/dev/search_api.html. A bang, a language or a time limit at the front of a word steers the
server, up to sending it elsewhere, so these marks are taken off.
"""

from typing import Any

from pydantic import Field

from fathom.core.errors import WorldUnavailableFault
from fathom.sandbox.egress.protocol import WebRequest
from fathom.world.protocol import Hit
from fathom.world.search.locale import locale_of
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.query import with_operators
from fathom.world.search.reply import check_echo
from fathom.world.search.rows import at, found, hit, number, rows, text
from fathom.world.search.search_service import SearchService, SearchServiceConfig


class SearxngConfig(SearchServiceConfig):
    """Settings of a SearXNG server."""

    categories: str = Field(default="", description="categories searched, comma-separated; empty for the server's own")


def _query(query: SearchQuery) -> str:
    words = (word.lstrip("!:<") for word in query.text.split())
    return with_operators(query.model_copy(update={"text": " ".join(word for word in words if word)}))


def _request(config: SearxngConfig, query: SearchQuery) -> WebRequest:
    params = {"q": _query(query), "format": "json", "language": locale_of(query).tag, "pageno": "1"}
    if config.categories:
        params["categories"] = config.categories
    return config.asked(params, url=config.url.rstrip("/") + "/search")


def _read(config: SearxngConfig, query: SearchQuery, content: Any) -> tuple[Hit, ...]:
    check_echo(_query(query), at(content, "query"))
    given = rows(content, "results")
    silent = at(content, "unresponsive_engines")
    if not given and silent:
        names = ", ".join(text(item, 0) for item in silent[:10]) if isinstance(silent, list) else "some"
        raise WorldUnavailableFault(f"nothing came, and these did not answer it: {names}", kind="server")
    hits = [
        hit(
            text(row, "url"),
            text(row, "title"),
            text(row, "content"),
            score=number(row, "score"),
            date=text(row, "publishedDate"),
            source=text(row, "engine"),
        )
        for row in given
    ]
    return found(given, hits)


SEARXNG = SearchService(
    name="searxng",
    url="",
    request=_request,
    read=_read,
    config=SearxngConfig,
    passes=frozenset({"domains", "language"}),
    max_k=20,
    general=True,
    argument="url",
    garbage_hint="SearXNG answers in JSON where `search.formats` in its settings.yml lists json",
)
