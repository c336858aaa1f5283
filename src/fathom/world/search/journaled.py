"""`JournaledEngine`: a search engine whose answers are a run's record, for tools that ask engines by name."""

from typing import Any

from fathom.core.budget import Meter
from fathom.core.errors import WorldUnavailableFault
from fathom.core.events import Journal
from fathom.world.protocol import Hit
from fathom.world.search.protocol import SearchEngine, SearchQuery


class JournaledEngine:
    """Wraps any engine. That it could not answer is recorded like any answer."""

    def __init__(self, engine: SearchEngine, journal: Journal, meter: Meter) -> None:
        self._engine, self._journal, self._meter = engine, journal, meter
        self.name = engine.name

    async def search(self, query: SearchQuery) -> tuple[Hit, ...]:
        async def outcome() -> Any:
            try:
                return {"ok": [hit.model_dump(mode="json") for hit in await self._engine.search(query)]}
            except WorldUnavailableFault as fault:
                return {"raised": str(fault), "kind": fault.kind}

        request = {"engine": self.name, **query.model_dump(mode="json", exclude_defaults=True)}
        result = await self._journal.step("world", request, outcome)
        self._meter.add(seconds=result.seconds)
        if "raised" in result.value:
            raise WorldUnavailableFault(result.value["raised"], kind=result.value["kind"])
        return tuple(Hit.model_validate(row) for row in result.value["ok"])

    async def close(self) -> None:
        await self._engine.close()
