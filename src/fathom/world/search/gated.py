"""`GatedEngine`: a search engine behind the gateway, for tools that ask engines by name."""

from fathom.core.errors import ProviderFault, WorldUnavailableFault
from fathom.sandbox.gateway.codec import JsonCodec
from fathom.sandbox.gateway.gateway import Gateway
from fathom.sandbox.gateway.service import LaneConfig, Provider, Service, ServiceConfig
from fathom.world.protocol import Hit
from fathom.world.search.protocol import SearchEngine, SearchQuery

_HITS: JsonCodec[tuple[Hit, ...]] = JsonCodec(tuple[Hit, ...])


class GatedEngine:
    """Wraps any engine, which it owns. `version` tells engines of one name apart, as servers at two addresses."""

    def __init__(
        self,
        gateway: Gateway,
        engine: SearchEngine,
        config: ServiceConfig = ServiceConfig(deadline_s=60.0),
        limits: LaneConfig = LaneConfig(),
        *,
        version: str = "",
    ) -> None:
        self.name, self._gateway, self._engine = engine.name, gateway, engine
        self._service = Service(
            name=f"search {engine.name}",
            providers=(Provider(engine.name, engine.search, limits),),
            codec=_HITS,
            key=lambda query: query.model_dump(),
            version=version,
            config=config,
            empty=lambda hits: not hits,
            final=True,  # whoever asks engines by name counts those that agree
            keeps=lambda hits: not any(hit.private for hit in hits),
        )

    async def search(self, query: SearchQuery) -> tuple[Hit, ...]:
        try:
            return (await self._gateway.ask(self._service, query)).get()
        except ProviderFault as fault:
            raise WorldUnavailableFault(str(fault), kind=fault.kind, retry_after_s=fault.retry_after_s) from None

    async def close(self) -> None:
        await self._engine.close()
