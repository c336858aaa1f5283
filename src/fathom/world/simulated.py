"""`SimulatedWorld`: a frozen corpus as the world. The same query gives the same hits on every machine."""

import asyncio
from collections.abc import Callable

from fathom.core.clock import utc_now
from fathom.core.errors import PageNotFoundError
from fathom.core.evidence import Page
from fathom.corpus.document import Document
from fathom.corpus.snapshot import Snapshot
from fathom.world.protocol import Hit, WorldLink

PASSAGES_PER_PAGE = 3  # passages fetched per hit asked for, so that `k` different pages remain after grouping


class SimulatedWorld:
    """Search and pages of one snapshot. A page may be asked for by its address or by its exact title.

    `clock` gives the time a page is read at.
    """

    def __init__(self, snapshot: Snapshot, *, clock: Callable[[], str] = utc_now) -> None:
        self._snapshot, self._clock = snapshot, clock
        self.name = f"{snapshot.name}@{snapshot.hash[:12]}"

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        return await asyncio.to_thread(self._search, query, k)

    def _search(self, query: str, k: int) -> tuple[Hit, ...]:
        best: dict[str, Hit] = {}
        for match in self._snapshot.search(query, k * PASSAGES_PER_PAGE):
            passage = match.passage
            if passage.url in best:
                continue
            document = self._snapshot.get(passage.url)
            best[passage.url] = Hit(
                url=passage.url,
                title=passage.title,
                snippet=passage.text,
                score=match.score,
                start=passage.start,
                end=passage.end,
                text_hash=document.text_hash if document else "",
                date=document.date if document else "",
                source=self._snapshot.name,
            )
            if len(best) == k:
                break
        return tuple(best.values())

    async def open(self, url: str) -> Page:
        document = self._document(url)
        return Page(
            url=document.url,
            title=document.title,
            text=document.text,
            text_hash=document.text_hash,
            fetched_at=self._clock(),
            licence=document.licence,
            lang=document.lang,
        )

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        document = self._document(url)
        return tuple(
            WorldLink(url=link.target, title=self._title(link.target), anchor=link.anchor) for link in document.links
        )

    async def close(self) -> None:
        self._snapshot.close()

    def _document(self, url: str) -> Document:
        document = self._snapshot.get(url) or self._snapshot.find(url)
        if document is None:
            raise PageNotFoundError(f"there is no page {url!r} in {self._snapshot.name}")
        return document

    def _title(self, url: str) -> str:
        document = self._snapshot.get(url)
        return document.title if document else url
