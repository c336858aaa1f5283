"""`JournaledWorld`: a world whose answers are a run's record. Page texts are kept under their hash, beside the log."""

from collections.abc import Awaitable, Callable
from typing import Any

from fathom.core.budget import Meter
from fathom.core.events import Journal
from fathom.core.evidence import Page
from fathom.core.recorded import recorded
from fathom.world.protocol import RAISED, Hit, World, WorldLink, hits_of, hits_row


class JournaledWorld:
    """Wraps any `World`. That a page does not exist or may not be opened, or that the world could not answer, is
    recorded like any answer: the model has been told, so a resumed run must tell it the same. Pages opened go into
    `pages`, by text hash."""

    def __init__(self, world: World, journal: Journal, meter: Meter, pages: dict[str, Page] | None = None) -> None:
        self._world, self._journal, self._meter = world, journal, meter
        self.name = world.name
        self._pages = {} if pages is None else pages

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        async def effect() -> Any:
            return hits_row(await self._world.search(query, k))

        return hits_of(await self._step({"search": query, "k": k}, effect))

    async def open(self, url: str) -> Page:
        async def effect() -> Any:
            page = await self._world.open(url)
            return {**page.model_dump(mode="json", exclude={"text"}), "text_hash": self._journal.keep(page.text)}

        row = await self._step({"open": url}, effect)
        page = Page.model_validate({**row, "text": self._journal.recall(row["text_hash"])})
        self._pages.setdefault(page.text_hash, page)
        return page

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        async def effect() -> Any:
            return [link.model_dump(mode="json") for link in await self._world.links(url)]

        rows = await self._step({"links": url}, effect)
        return tuple(WorldLink.model_validate(row) for row in rows)

    async def close(self) -> None:
        await self._world.close()

    async def _step(self, request: Any, effect: Callable[[], Awaitable[Any]]) -> Any:
        asked = {"world": self.name, **request}
        return await recorded(self._journal, self._meter, "world", asked, effect, RAISED)
