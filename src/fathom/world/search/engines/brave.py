"""Brave Search. Reference: api-dashboard.search.brave.com, web search. A wrong key comes as 422
SUBSCRIPTION_TOKEN_INVALID, a limit as 429 with the seconds to each reset in `x-ratelimit-reset`. The smallest plan
allows one request a second."""

from typing import Any

from fathom.sandbox.egress.protocol import WebRequest
from fathom.sandbox.gateway.service import paced
from fathom.world.protocol import Hit
from fathom.world.search.locale import locale_of
from fathom.world.search.markup import plain
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.query import with_operators
from fathom.world.search.reply import check_echo
from fathom.world.search.rows import at, found, hit, rows, text
from fathom.world.search.search_service import SearchService, SearchServiceConfig

_COUNTRIES = (
    "AR AU AT BE BR CA CL DK FI FR DE HK IN ID IT JP KR MY MX NL NZ NO CN PL PT PH RU SA ZA ES SE CH TW TR GB US"
).split()
_LANGUAGES = {
    "zh": "zh-hans", "ja": "jp", "pt": "pt-br",
    **{lang: lang for lang in "ar bn cs da nl en fi fr de he hi hu it ko nb pl ro ru es sv ta th tr uk vi".split()},
}  # fmt: skip
_WORDS = 45  # it takes 50, operators included
_FIRST_DAY, _LAST_DAY = "1970-01-01", "2099-12-31"  # a range needs both ends


def _query(query: SearchQuery) -> str:
    return with_operators(query.model_copy(update={"text": " ".join(query.text.split()[:_WORDS])}))


def _request(config: SearchServiceConfig, query: SearchQuery) -> WebRequest:
    locale = locale_of(query)
    params = {
        "q": _query(query),
        "count": str(query.k),
        "country": locale.country if locale.country in _COUNTRIES else "ALL",
        "result_filter": "web",
        "text_decorations": "false",
    }
    if locale.lang in _LANGUAGES:
        params["search_lang"] = _LANGUAGES[locale.lang]
    if query.since or query.until:
        params["freshness"] = f"{query.since or _FIRST_DAY}to{query.until or _LAST_DAY}"
    return config.asked(params, headers={"x-subscription-token": config.key, "accept": "application/json"})


def _read(config: SearchServiceConfig, query: SearchQuery, content: Any) -> tuple[Hit, ...]:
    echoed = at(content, "query", "original")
    check_echo(_query(query), echoed)
    if text(content, "type") == "search" and echoed and at(content, "web") is None:
        return ()  # it leaves out each part that has no results; here it named our query and found none of the web
    given = rows(content, "web", "results")
    hits = [
        hit(
            text(row, "url"),
            plain(text(row, "title")),
            plain(text(row, "description")),
            date=text(row, "page_age"),
            source="brave",
        )
        for row in given
    ]
    return found(given, hits)


BRAVE = SearchService(
    name="brave",
    url="https://api.search.brave.com/res/v1/web/search",
    request=_request,
    read=_read,
    config=SearchServiceConfig,
    passes=frozenset({"domains", "dates", "language"}),
    key="required",
    max_k=20,
    general=True,
    max_chars=320,
    limits=lambda config: paced(1.0),
)
