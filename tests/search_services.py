"""Every search service as its documentation describes it: replies of the real shape, and a server that speaks them.

The replies in `tests/fixtures/search` are written by hand in the form that each service documents or was seen to send;
all are about one lighthouse, so that the same things can be expected of every engine.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr
from tests.chat_server import Answer, ChatServer

from fathom.core.errors import ProviderFault
from fathom.sandbox.egress.protocol import Web
from fathom.world.search.engine import HttpEngine
from fathom.world.search.registry import SERVICES
from fathom.world.search.search_service import SearchServiceConfig

FIXTURES = Path(__file__).parent / "fixtures" / "search"
QUERY = "ostra lighthouse"
KEY = "canary/key+42"
NOW = 1_773_685_964.0
_TYPES = {
    ".json": "application/json; charset=utf-8",
    ".xml": "application/atom+xml; charset=utf-8",
    ".html": "text/html; charset=UTF-8",
    ".txt": "text/plain",
}


@dataclass(frozen=True)
class Asked:
    """A request as the server saw it. `fields` are those of the address and of a form or a JSON body."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def fields(self) -> dict[str, Any]:
        given: dict[str, Any] = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if self.headers.get("content-type") == "application/json":
            given.update(json.loads(self.body))
        elif self.body:
            given.update((name, values[0]) for name, values in parse_qs(self.body.decode()).items())
        return given


@dataclass(frozen=True)
class Fault:
    """An answer that is no result, and what it has to be taken for."""

    file: str
    status: int
    kind: ProviderFault.Kind
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after_s: float | None = None


@dataclass(frozen=True)
class ServiceCase:
    """One service. `found` are the files it answers a search with, one for each request; `first` is address, title and
    date of the best hit. `query_in` is the field that carries the words and `key_in` where the key belongs."""

    name: str
    found: tuple[str, ...]
    first: tuple[str, str, str]
    quota: Fault
    none: str = "none.json"
    query_in: str = "q"
    asked: str = QUERY
    key_in: str = ""
    refused: Fault | None = None
    errors: tuple[Fault, ...] = ()
    query: str = QUERY
    settings: Mapping[str, Any] = field(default_factory=dict)

    def config(self, url: str = "http://127.0.0.1:9", **settings: Any) -> SearchServiceConfig:
        """Its configuration at `url`, with the canary as key."""
        key = {"api_key": SecretStr(KEY)} if self.key_in else {}
        return SERVICES[self.name].config(**{"url": url, "timeout_s": 20.0, **key, **self.settings, **settings})

    def engine(self, web: Web, url: str = "http://127.0.0.1:9", **settings: Any) -> HttpEngine[Any]:
        """The engine of this service at `url`."""
        return HttpEngine(SERVICES[self.name], self.config(url, **settings), web, now=lambda: NOW)

    def content(self, file: str) -> bytes:
        """A reply of the fixtures."""
        return (FIXTURES / self.name / file).read_bytes()

    def answer(self, file: str, status: int = 200, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        """A reply of the fixtures as the server sends it."""
        typed = {"content-type": _TYPES[Path(file).suffix], **(headers or {})}
        return Answer(self.content(file), status, typed, **more)


class SearchServer(ChatServer):
    """Answers with `script`, in order, the last one for ever; where a reply names the query, with the one asked. Where
    the case has a key, who comes without it gets the service's own refusal."""

    def __init__(self, case: ServiceCase, *script: Answer) -> None:
        super().__init__()
        self.case = case
        self.answers = list(script or (case.answer(file) for file in case.found))
        self.requests: list[Asked] = []

    @property
    def base(self) -> str:
        return self.url.removesuffix("/v1")

    def _answer(self, path: str, body: bytes) -> Answer:
        asked = Asked(path, dict(self.headers), body)
        self.requests.append(asked)
        refused = self.case.refused
        if refused is not None and key_of(self.case, asked) != KEY:
            return self.case.answer(refused.file, refused.status)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        query = str(asked.fields.get(self.case.query_in, ""))
        return replace(answer, body=answer.body.replace(QUERY.encode(), query.encode())) if query else answer


def key_of(case: ServiceCase, asked: Asked) -> str:
    """The key in a request, taken from where the service documents it."""
    place, _, name = case.key_in.partition(" ")
    given = asked.headers.get(name, "") if place == "header" else str(asked.fields.get(name, ""))
    return given.removeprefix("Bearer ")


LIGHTHOUSE = "https://harbours.example/ostra/lighthouse"
TITLE = "The lighthouse of Ostra"
DAY = "2024-03-05"
_PAPER = "Optics of the Ostra lighthouse"

CASES = (
    ServiceCase(
        name="searxng",
        found=("found.json",),
        first=(LIGHTHOUSE, TITLE, DAY),
        quota=Fault("silent.json", 429, "rate_limited", {"retry-after": "3600"}, 3600.0),
        errors=(Fault("silent.json", 200, "server"),),
    ),
    ServiceCase(
        name="serper",
        found=("found.json",),
        first=(LIGHTHOUSE, TITLE, DAY),
        quota=Fault("quota.json", 400, "rate_limited"),
        key_in="header x-api-key",
        refused=Fault("refused.json", 403, "unauthorised"),
        errors=(Fault("error.json", 200, "rate_limited"), Fault("refused.json", 200, "unauthorised")),
    ),
    ServiceCase(
        name="tavily",
        found=("found.json",),
        first=(LIGHTHOUSE, TITLE, ""),
        quota=Fault("quota.json", 432, "rate_limited"),
        query_in="query",
        key_in="header authorization",
        refused=Fault("refused.json", 401, "unauthorised"),
        errors=(Fault("error.json", 200, "garbage"), Fault("quota.json", 200, "rate_limited")),
    ),
    ServiceCase(
        name="brave",
        found=("found.json",),
        first=(LIGHTHOUSE, TITLE, DAY),
        quota=Fault(
            "quota.json",
            429,
            "rate_limited",
            {"x-ratelimit-remaining": "0, 1985", "x-ratelimit-reset": "1, 1419704"},
            1.0,
        ),
        key_in="header x-subscription-token",
        refused=Fault("refused.json", 422, "unauthorised"),
        errors=(Fault("error.json", 200, "garbage"), Fault("quota.json", 200, "rate_limited")),
    ),
    ServiceCase(
        name="exa",
        found=("found.json",),
        first=(LIGHTHOUSE, TITLE, DAY),
        quota=Fault("quota.json", 402, "rate_limited"),
        query_in="query",
        key_in="header x-api-key",
        refused=Fault("refused.json", 401, "unauthorised"),
        errors=(Fault("error.json", 200, "garbage"),),
    ),
    ServiceCase(
        name="duckduckgo",
        found=("found.html",),
        none="none.html",
        first=(LIGHTHOUSE, TITLE, DAY),
        quota=Fault("puzzle.html", 202, "unauthorised"),
        errors=(Fault("puzzle.html", 200, "unauthorised"), Fault("changed.html", 200, "garbage")),
    ),
    ServiceCase(
        name="wikipedia",
        found=("found.json",),
        first=("https://en.wikipedia.org/wiki/Ostra_(port)", "Ostra (port)", DAY),
        quota=Fault("quota.json", 200, "rate_limited"),
        query_in="srsearch",
        errors=(Fault("error.json", 200, "garbage"),),
    ),
    ServiceCase(
        name="arxiv",
        found=("found.xml",),
        none="none.xml",
        first=("https://arxiv.org/abs/2403.01884v2", f"{_PAPER}: a Fresnel lens of 1884", DAY),
        quota=Fault("quota.txt", 429, "rate_limited"),
        query_in="search_query",
        asked="all:ostra AND all:lighthouse",
        errors=(
            Fault("error.xml", 200, "rejected"),
            Fault("error.xml", 400, "rejected"),
            Fault("quota.txt", 200, "rate_limited"),
        ),
    ),
    ServiceCase(
        name="openalex",
        found=("found.json",),
        first=("https://doi.org/10.5555/ostra.1884", _PAPER, DAY),
        quota=Fault("quota.json", 403, "rate_limited"),
        query_in="search",
        key_in="header authorization",
        refused=Fault("refused.json", 401, "unauthorised"),
        errors=(Fault("error.json", 400, "rejected"), Fault("error.json", 200, "garbage")),
    ),
    ServiceCase(
        name="semantic_scholar",
        found=("found.json",),
        first=("https://www.semanticscholar.org/paper/d4d0f5e248e9fa86f303919206037f1a8e9a93eb", _PAPER, DAY),
        quota=Fault("quota.json", 429, "rate_limited"),
        query_in="query",
        key_in="header x-api-key",
        refused=Fault("refused.json", 403, "unauthorised"),
        errors=(Fault("error.json", 400, "rejected"), Fault("quota.json", 200, "rate_limited")),
    ),
    ServiceCase(
        name="crossref",
        found=("found.json",),
        first=("https://doi.org/10.5555/ostra.1884", _PAPER, DAY),
        quota=Fault("quota.txt", 429, "rate_limited", {"retry-after": "5"}, 5.0),
        query_in="query",
        errors=(Fault("error.json", 400, "rejected"), Fault("error.json", 200, "garbage")),
    ),
    ServiceCase(
        name="pubmed",
        found=("found.json", "summary.json"),
        first=("https://pubmed.ncbi.nlm.nih.gov/38441884/", "Sleep of keepers at the Ostra lighthouse.", DAY),
        quota=Fault("quota.json", 429, "rate_limited", {"retry-after": "2"}, 2.0),
        query_in="term",
        key_in="form api_key",
        refused=Fault("refused.json", 400, "unauthorised"),
        errors=(Fault("error.json", 200, "server"), Fault("quota.json", 200, "rate_limited")),
    ),
    ServiceCase(
        name="github",
        found=("found.json",),
        first=("https://github.com/harbour/ostra-lighthouse", "harbour/ostra-lighthouse", DAY),
        quota=Fault(
            "quota.json",
            403,
            "rate_limited",
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 41)},
            41.0,
        ),
        key_in="header authorization",
        refused=Fault("refused.json", 401, "unauthorised"),
        errors=(Fault("error.json", 422, "rejected"), Fault("incomplete.json", 200, "timeout")),
    ),
    ServiceCase(
        name="wayback",
        found=("found.json",),
        first=(
            "https://web.archive.org/web/20240305015032/http://www.harbours.example:80/ostra/lighthouse",
            "http://www.harbours.example:80/ostra/lighthouse",
            DAY,
        ),
        quota=Fault("quota.txt", 429, "rate_limited"),
        query_in="url",
        asked="harbours.example/ostra",
        query="harbours.example/ostra lighthouse",
        errors=(
            Fault("excluded.txt", 403, "rejected"),
            Fault("error.txt", 200, "rejected"),
            Fault("quota.txt", 200, "garbage"),
        ),
    ),
)


def hostile(value: Any) -> Callable[[Any], Any]:
    """What puts `value` in the place of every text and number of a reply."""

    def put(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: put(item) for name, item in node.items()}
        if isinstance(node, list):
            return [put(item) for item in node]
        return value

    return put
