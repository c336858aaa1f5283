"""Wikipedia, and any other MediaWiki, by its action API. Reference: mediawiki.org/wiki/API:Search. The date of a hit is
that of the page's last change. Errors come with status 200 as `{"error": {"code", "info"}}`."""

from typing import Any
from urllib.parse import quote

from pydantic import Field

from fathom.sandbox.egress.protocol import WebRequest
from fathom.world.protocol import Hit
from fathom.world.search.locale import locale_of
from fathom.world.search.markup import plain
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.rows import found, hit, rows, text
from fathom.world.search.search_service import SearchService, SearchServiceConfig


class WikipediaConfig(SearchServiceConfig):
    """Settings of a MediaWiki."""

    lang: str = Field(default="", pattern=r"^[a-z-]{0,20}$", description="edition; empty for the query's language")
    pages_url: str = Field(default="https://{lang}.wikipedia.org/wiki/", description="what a title is appended to")


def _lang(config: WikipediaConfig, query: SearchQuery) -> str:
    return config.lang or locale_of(query).lang


def _request(config: WikipediaConfig, query: SearchQuery) -> WebRequest:
    params = {
        "action": "query",
        "list": "search",
        "srsearch": query.text,
        "srlimit": str(query.k),
        "srnamespace": "0",
        "srprop": "snippet|timestamp",
        "srinfo": "totalhits",
        "format": "json",
        "formatversion": "2",
    }
    return config.asked(params, url=config.url.replace("{lang}", _lang(config, query)))


def _read(config: WikipediaConfig, query: SearchQuery, content: Any) -> tuple[Hit, ...]:
    pages = config.pages_url.replace("{lang}", _lang(config, query))
    given = rows(content, "query", "search")
    hits = [
        hit(
            pages + quote(title.replace(" ", "_"), safe="/:(),!*'") if (title := text(row, "title")) else "",
            title,
            plain(text(row, "snippet")),
            date=text(row, "timestamp"),
            source="wikipedia",
        )
        for row in given
    ]
    return found(given, hits)


WIKIPEDIA = SearchService(
    name="wikipedia",
    url="https://{lang}.wikipedia.org/w/api.php",
    request=_request,
    read=_read,
    config=WikipediaConfig,
    passes=frozenset({"language"}),
    max_chars=300,
    argument="lang",
)
