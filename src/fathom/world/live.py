"""`LiveWorld`: the web, as a search engine and a reader of pages show it."""

from fathom.core.evidence import Page
from fathom.world.protocol import Hit, WorldLink
from fathom.world.reader.protocol import PageReader
from fathom.world.search.protocol import SearchEngine, SearchQuery

_MAX_QUERY_CHARS = 512


class LiveWorld:
    """Search and pages of the live web. Engine and reader are closed with it."""

    name = "live"

    def __init__(self, engine: SearchEngine, reader: PageReader) -> None:
        self._engine, self._reader = engine, reader

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        if not query.strip():
            return ()
        text = query[:_MAX_QUERY_CHARS].encode("utf-8", "replace").decode()
        best: dict[str, Hit] = {}
        for hit in await self._engine.search(SearchQuery(text=text, k=k)):
            best.setdefault(hit.url, hit)
        return tuple(best.values())[:k]

    async def open(self, url: str) -> Page:
        return (await self._reader.read(url)).page

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        return (await self._reader.read(url)).links

    async def close(self) -> None:
        await self._engine.close()
        await self._reader.close()
