"""DuckDuckGo's page without scripts, read as what it is: a page. There is no interface, and whom it takes for a robot
gets a puzzle, mostly with status 202; use another engine where there is much to ask.

Reference: html.duckduckgo.com/html and duckduckgo.com/params. Nothing was found only where the page says so in its own
words; a page of a new make is `garbage`.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from fathom.sandbox.egress.protocol import WebRequest
from fathom.world.protocol import Hit
from fathom.world.search.dates import iso_day
from fathom.world.search.locale import ENGLISH, Locale, locale_of
from fathom.world.search.markup import Tag, tags
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.query import with_operators
from fathom.world.search.reply import check_echo, garbage, puzzle
from fathom.world.search.rows import found, hit
from fathom.world.search.search_service import SearchService, SearchServiceConfig

_REGIONS = {
    "ja": "jp-jp", "ko": "kr-kr", "ar": "xa-ar", "he": "il-en", "el": "gr-el", "th": "th-th", "hi": "in-en",
    "bn": "wt-wt", "ta": "in-en",
}  # fmt: skip
_CHALLENGES = frozenset({"challenge-form", "anomaly-modal"})
_FIRST_DAY, _LAST_DAY = "1970-01-01", "2099-12-31"  # a range needs both ends


def _request(config: SearchServiceConfig, query: SearchQuery) -> WebRequest:
    form = {"q": with_operators(query), "b": "", "kl": _region(locale_of(query))}
    if query.since or query.until:
        form["df"] = f"{query.since or _FIRST_DAY}..{query.until or _LAST_DAY}"
    headers = {"content-type": "application/x-www-form-urlencoded", "referer": config.url}
    return config.asked(method="POST", headers=headers, body=urlencode(form).encode())


def _region(locale: Locale) -> str:
    if locale == ENGLISH:
        return "us-en"
    return _REGIONS.get(locale.lang, f"{locale.country.lower()}-{locale.lang}")


def _read(config: SearchServiceConfig, query: SearchQuery, content: Any) -> tuple[Hit, ...]:
    listed = list(tags(content))
    if any(tag.attribute("id") in _CHALLENGES for tag in listed):
        puzzle()
    for tag in listed:
        if tag.name == "input" and tag.attribute("name") == "q":
            check_echo(with_operators(query), tag.attribute("value"))
    given = list(_results(listed))
    if not given and not any("no-results" in tag.classes for tag in listed):
        garbage("a page without results that does not say there are none")
    hits = [hit(url, title, snippet, date=date, source="duckduckgo") for url, title, snippet, date in given]
    return found(given, hits)[: query.k]


def _results(listed: list[Tag]) -> Iterator[tuple[str, str, str, str]]:
    """Address, title, snippet and date of each result that is no advertisement."""
    url, title, snippet, date, into = "", "", "", "", ""
    for tag in listed:
        if tag.name == "a":
            classes = tag.classes
            if "result__a" in classes:
                if url:
                    yield url, title, snippet, date
                url, title, snippet, date, into = _target(tag.attribute("href")), "", "", "", "title"
            elif "result__snippet" in classes:
                into = "snippet"
        elif tag.name == "/a":
            into = ""
        title += tag.text if into == "title" else ""
        snippet += tag.text if into == "snippet" else ""
        date = date or (iso_day(tag.text) if tag.name == "span" and not into else "")
    if url:
        yield url, title, snippet, date


def _target(href: str) -> str:
    """Where a result leads to, behind the service's own redirect; empty for an advertisement."""
    url = f"https:{href}" if href.startswith("//") else href
    try:
        parts = urlsplit(url)
        if (parts.hostname or "").endswith("duckduckgo.com"):
            return parse_qs(parts.query).get("uddg", [""])[0] if parts.path.startswith("/l/") else ""
    except ValueError:
        return ""
    return url


DUCKDUCKGO = SearchService(
    name="duckduckgo",
    url="https://html.duckduckgo.com/html/",
    request=_request,
    read=_read,
    config=SearchServiceConfig,
    passes=frozenset({"domains", "dates", "language"}),
    form="html",
    statuses=frozenset({200, 202}),
    max_k=25,
    general=True,
    max_chars=400,
)
