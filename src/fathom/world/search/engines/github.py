"""GitHub: repositories, or code with `github:code`, which needs a token. Reference: docs.github.com/rest/search. A
limit that is used up comes as 403 or 429 with the time of its reset; a search that took too long has
`incomplete_results`."""

from typing import Any, Literal

from pydantic import Field

from fathom.core.errors import WorldUnavailableFault
from fathom.sandbox.egress.protocol import WebRequest
from fathom.sandbox.gateway.service import LaneConfig, paced
from fathom.world.protocol import Hit
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.rows import at, found, hit, number, rows, text
from fathom.world.search.search_service import SearchService, SearchServiceConfig


class GitHubConfig(SearchServiceConfig):
    """Settings of GitHub."""

    kind: Literal["repositories", "code"] = Field(default="repositories", description="what is searched")


def _request(config: GitHubConfig, query: SearchQuery) -> WebRequest:
    headers = {"accept": "application/vnd.github.text-match+json", "x-github-api-version": "2022-11-28"}
    if config.key:
        headers["authorization"] = f"Bearer {config.key}"
    url = f"{config.url.rstrip('/')}/{config.kind}"
    return config.asked({"q": query.text, "per_page": str(query.k)}, headers=headers, url=url)


def _read(config: GitHubConfig, query: SearchQuery, content: Any) -> tuple[Hit, ...]:
    given = rows(content, "items")
    if not given and at(content, "incomplete_results") is not False:
        raise WorldUnavailableFault("the search was broken off before anything was found", kind="timeout")
    return found(given, [_code(row) if config.kind == "code" else _repository(row) for row in given])


def _repository(row: Any) -> Hit | None:
    facts = [text(row, "language"), f"{number(row, 'stargazers_count'):.0f} stars", _topics(row)]
    return hit(
        text(row, "html_url"),
        text(row, "full_name"),
        " · ".join(part for part in [text(row, "description"), *facts] if part),
        score=number(row, "score"),
        date=text(row, "pushed_at"),
        source="github",
    )


def _topics(row: Any) -> str:
    topics = at(row, "topics")
    return ", ".join(text(topic) for topic in topics[:10]) if isinstance(topics, list) else ""


def _code(row: Any) -> Hit | None:
    matches = at(row, "text_matches")
    fragments = [text(match, "fragment") for match in matches[:5]] if isinstance(matches, list) else []
    return hit(
        text(row, "html_url"),
        f"{text(row, 'repository', 'full_name')}: {text(row, 'path')}",
        " ... ".join(fragment for fragment in fragments if fragment),
        score=number(row, "score"),
        source="github",
    )


def _limits(config: GitHubConfig) -> LaneConfig:
    """Searches have a limit of their own, by the minute."""
    return paced(30 / 60 if config.key and config.kind == "repositories" else 10 / 60)


GITHUB = SearchService(
    name="github",
    url="https://api.github.com/search",
    request=_request,
    read=_read,
    config=GitHubConfig,
    key="optional",
    max_k=100,
    max_chars=250,
    argument="kind",
    limits=_limits,
)
