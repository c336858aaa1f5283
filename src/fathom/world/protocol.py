"""`World`: search, open, links. All implementations pass one contract suite."""

from typing import Any, Protocol, runtime_checkable

from pydantic import Field

from fathom.core.errors import AccessDeniedError, FathomError, PageNotFoundError, QueryError, WorldUnavailableFault
from fathom.core.evidence import Degraded, Page
from fathom.core.model import Frozen

RAISED: dict[str, type[FathomError]] = {
    "not_found": PageNotFoundError,
    "denied": AccessDeniedError,
    "query": QueryError,
    "unavailable": WorldUnavailableFault,
}
"""What a world raises, by the name it goes by in records."""


class Work(Frozen):
    """What a catalogue says of a scholarly work; empty where it says nothing. `doi` is bare (`10.1000/182`), `arxiv_id`
    without version, `cited_by` the number of works that cite it."""

    authors: tuple[str, ...] = ()
    venue: str = ""
    year: int | None = None
    cited_by: int | None = None
    doi: str = ""
    arxiv_id: str = ""
    pdf_url: str = ""


class Hit(Frozen):
    """A search result. Where the snippet is an exact span of the page's text, `start` and `end` (code points) and the
    page's `text_hash` say so; else they are -1 and empty. Catalogues of scholarly works set `work`; `note` where it did
    not come the usual way, `private` where it is of the user's own documents among hits of the web."""

    url: str
    title: str
    snippet: str
    score: float = 0.0
    start: int = -1
    end: int = -1
    text_hash: str = ""
    date: str = ""
    source: str = ""
    work: Work | None = None
    note: Degraded = ""
    private: bool = False


class NoHits(tuple[Hit, ...]):
    """An empty answer that did not come the usual way, as `note` says."""

    note: Degraded = ""

    @classmethod
    def noted(cls, note: Degraded) -> "NoHits":
        none = cls()
        none.note = note
        return none


def hits_row(hits: tuple[Hit, ...]) -> Any:
    """What a search brought, as plain JSON."""
    return {"no_hits": hits.note} if isinstance(hits, NoHits) else [hit.model_dump(mode="json") for hit in hits]


def hits_of(row: Any) -> tuple[Hit, ...]:
    """What `hits_row` was made of."""
    if isinstance(row, dict):
        return NoHits.noted(row["no_hits"])
    return tuple(Hit.model_validate(hit) for hit in row)


class WorldLink(Frozen):
    """A link out of a page; `note` where the page did not come the usual way. `start` is where the anchor begins in the
    page's text, in code points, or -1 where that is not known."""

    url: str
    title: str
    anchor: str = ""
    note: Degraded = ""
    start: int = Field(default=-1, exclude_if=lambda start: start < 0)


class World(Protocol):
    """A searchable set of pages. Raises `PageNotFoundError` only with positive evidence, `AccessDeniedError` for an
    address that may not be opened in this run, else `WorldUnavailableFault`."""

    @property
    def name(self) -> str: ...

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        """At most `k` hits, best first, at most one per page; empty when nothing matches, `NoHits` where that is to be
        told with a note. Total over `query`, but for `QueryError` where operators narrow a search and it has no words
        besides."""
        ...

    async def open(self, url: str) -> Page:
        """The page at `url`."""
        ...

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        """The links out of the page at `url`, in the order of the page."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class PerAttempt(Protocol):
    """A world that says something else when it is asked again, or that stands around one which may."""

    def for_attempt(self, attempt: str) -> World:
        """The world as the attempt of that name meets it from its beginning."""
        ...


def for_attempt(world: World, attempt: str) -> World:
    """The world as one attempt meets it, whatever other attempts ask beside it or have asked before; `world` itself
    where that makes no difference. It is closed with `world`, and not by itself."""
    return world.for_attempt(attempt) if isinstance(world, PerAttempt) else world
