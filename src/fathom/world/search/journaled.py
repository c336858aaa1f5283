"""`JournaledEngine`: a search engine whose answers are a run's record, for tools that ask engines by name."""

from typing import Any

from fathom.core.budget import Meter
from fathom.core.errors import WorldUnavailableFault
from fathom.core.events import Journal
from fathom.core.recorded import recorded
from fathom.world.protocol import Hit
from fathom.world.search.protocol import SearchEngine, SearchQuery

_RAISED = {"unavailable": WorldUnavailableFault}


class JournaledEngine:
    """Wraps any engine. That it could not answer is recorded like any answer."""

    def __init__(self, engine: SearchEngine, journal: Journal, meter: Meter) -> None:
        self._engine, self._journal, self._meter = engine, journal, meter
        self.name = engine.name

    async def search(self, query: SearchQuery) -> tuple[Hit, ...]:
        async def effect() -> Any:
            return [hit.model_dump(mode="json") for hit in await self._engine.search(query)]

        request = {"engine": self.name, **query.model_dump(mode="json", exclude_defaults=True)}
        rows = await recorded(self._journal, self._meter, "world", request, effect, _RAISED)
        return tuple(Hit.model_validate(row) for row in rows)

    async def close(self) -> None:
        await self._engine.close()
