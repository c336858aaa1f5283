"""What a search engine is asked and what it is."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Protocol

from pydantic import AfterValidator, Field

from fathom.core.model import Frozen
from fathom.world.protocol import Hit


def _day(text: str) -> str:
    if text and date.fromisoformat(text).isoformat() != text:
        raise ValueError(f"{text!r} is not a day as in 2026-01-31")
    return text


def _host(text: str) -> str:
    name = text.strip().strip(".").lower()
    if not name or not name.isprintable() or any(char in name for char in " /:@\\"):
        raise ValueError(f"{text!r} is not a host name")
    return name


Day = Annotated[str, AfterValidator(_day)]
Host = Annotated[str, AfterValidator(_host)]


class SearchQuery(Frozen):
    """A query with what narrows it. Dates are ISO 8601 days, both included, empty for no bound; `domains` and
    `without_domains` are host names that stand for their subdomains too; `lang` is a language tag as in `de` or
    `pt-BR`, empty where the text shall tell. An engine passes on what its interface knows, and the rest is filtered
    from what it gives."""

    text: str
    k: int = Field(default=10, ge=1)
    lang: str = ""
    since: Day = ""
    until: Day = ""
    domains: tuple[Host, ...] = ()
    without_domains: tuple[Host, ...] = ()


class SearchEngine(Protocol):
    """One search service. `search` gives at most `k` hits, best first. Raises `WorldUnavailableFault` with its kind for
    anything that is not a whole, well-formed reply to this query, and for a query of no words that it cannot be asked;
    it is empty only where the service itself says that nothing was found."""

    @property
    def name(self) -> str: ...

    async def search(self, query: SearchQuery) -> tuple[Hit, ...]: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class EngineTraits:
    """What decides which engine is asked for what, and what its word is worth. `general`: it indexes the web at large,
    so that its finding nothing confirms another one's; what indexes one site or one kind of thing confirms nothing of
    the web. `domains_alone`: it can be asked for the pages of a domain without words. `cheap_k`: a search of more hits
    costs more; none: the number makes no difference."""

    general: bool = False
    domains_alone: bool = False
    cheap_k: int | None = None


class DescribedEngine(SearchEngine, Protocol):
    """A search engine that says what it is, so that it can be one of several."""

    @property
    def traits(self) -> EngineTraits: ...
