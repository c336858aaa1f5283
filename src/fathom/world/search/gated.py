"""`GatedEngine`: a search engine behind the gateway, for tools that ask engines by name."""

from typing import TypeVar

from fathom.core.errors import ProviderFault, WorldUnavailableFault
from fathom.core.evidence import Degraded
from fathom.sandbox.gateway.codec import JsonCodec
from fathom.sandbox.gateway.gateway import Gateway
from fathom.sandbox.gateway.service import Answer, LaneConfig, Provider, Service, ServiceConfig
from fathom.world.protocol import Hit
from fathom.world.search.protocol import SearchEngine, SearchQuery

A = TypeVar("A")

_HITS: JsonCodec[tuple[Hit, ...]] = JsonCodec(tuple[Hit, ...])


class GatedEngine:
    """Wraps any engine, which it owns. `name` is what it is asked by in this gateway, where that is not its own, and
    `version` tells apart what engines of one name answer: servers at two addresses."""

    def __init__(
        self,
        gateway: Gateway,
        engine: SearchEngine,
        config: ServiceConfig = ServiceConfig(deadline_s=60.0),
        limits: LaneConfig = LaneConfig(),
        *,
        name: str = "",
        version: str = "",
    ) -> None:
        self.name, self._gateway, self._engine = name or engine.name, gateway, engine
        self._service = Service(
            name=f"search {self.name}",
            providers=(Provider(self.name, engine.search, limits),),
            codec=_HITS,
            key=lambda query: query.model_dump(),
            version=version,
            config=config,
            empty=lambda hits: not hits,
            final=True,  # whoever asks engines by name counts those that agree
            keeps=lambda hits: not any(hit.private for hit in hits),
        )

    async def search(self, query: SearchQuery) -> tuple[Hit, ...]:
        answer = await self._gateway.ask(self._service, query)
        return noted(got(answer), answer.degraded)

    async def close(self) -> None:
        await self._engine.close()


def got(answer: Answer[A]) -> A:
    """What was answered. Raises the fact, or the fault as `WorldUnavailableFault`."""
    try:
        return answer.get()
    except ProviderFault as fault:
        hint, after_s = fault.hint, fault.retry_after_s
        raise WorldUnavailableFault(str(fault), kind=fault.kind, retry_after_s=after_s, hint=hint) from None


def noted(hits: tuple[Hit, ...], degraded: Degraded) -> tuple[Hit, ...]:
    """`hits` with the note of how they came about. Raises `WorldUnavailableFault` where there are none to carry it:
    that one engine finds nothing, or found nothing earlier, is too little to go by."""
    if degraded and not hits:
        why = "no second engine to confirm it" if degraded == "unconfirmed" else "that was earlier"
        raise WorldUnavailableFault(f"search: nothing found, and {why}", kind="saturated")
    return tuple(hit.model_copy(update={"note": degraded}) for hit in hits) if degraded else hits
