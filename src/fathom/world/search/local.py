"""`LocalEngine`: any world's own search as one engine among others, such as a corpus of one's own."""

from fathom.core.errors import WorldUnavailableFault
from fathom.world.protocol import Hit, World
from fathom.world.search.narrow import fitting
from fathom.world.search.protocol import EngineTraits, SearchQuery

_MORE = 5  # times as many hits are asked for when some of them will be filtered out


class LocalEngine:
    """Searches `world`, which it owns and closes. Filters by what stands in the hits: their addresses and dates.
    `private` marks them as of the user's own documents."""

    traits = EngineTraits()

    def __init__(self, world: World, *, private: bool = False) -> None:
        self._world, self._private = world, private
        self.name = f"local:{world.name}"

    async def search(self, query: SearchQuery) -> tuple[Hit, ...]:
        if not query.text.strip():
            raise WorldUnavailableFault(f"{self.name}: cannot be asked without words", kind="rejected")
        filtered = bool(query.domains or query.without_domains or query.since or query.until)
        given = await self._world.search(query.text, query.k * _MORE if filtered else query.k)
        kept = fitting(given, query, dated=True)
        if given and not kept:
            raise WorldUnavailableFault(f"{self.name}: none of {len(given)} hits fits the filters", kind="rejected")
        found = kept[: query.k]
        return tuple(hit.model_copy(update={"private": True}) for hit in found) if self._private else found

    async def close(self) -> None:
        await self._world.close()
