"""What a search engine is asked and what it is."""

from typing import Protocol

from fathom.core.model import Frozen
from fathom.world.protocol import Hit


class SearchQuery(Frozen):
    """A query with what narrows it. Dates are ISO 8601 days, both included, empty for no bound; `domains` and
    `without_domains` are host names that stand for their subdomains too. An engine passes on what its interface
    knows, and the rest is filtered from what it gives."""

    text: str
    k: int = 10
    lang: str = ""
    since: str = ""
    until: str = ""
    domains: tuple[str, ...] = ()
    without_domains: tuple[str, ...] = ()


class SearchEngine(Protocol):
    """One search service. `search` gives at most `k` hits, best first. Raises `WorldUnavailableFault` with its kind for
    anything that is not a whole, well-formed reply to this query; it is empty only where the service itself says that
    nothing was found."""

    @property
    def name(self) -> str: ...

    async def search(self, query: SearchQuery) -> tuple[Hit, ...]: ...

    async def close(self) -> None: ...
