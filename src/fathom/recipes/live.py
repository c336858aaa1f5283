"""The live world, put together."""

from pydantic import Field

from fathom.core.config import Config
from fathom.sandbox.egress.client import EgressClient, EgressConfig
from fathom.world.live import LiveWorld
from fathom.world.reader.live import LiveReader, LiveReaderConfig
from fathom.world.searxng import SearxngEngine


class LiveConfig(Config):
    """Settings of the live world."""

    searxng_url: str = Field(description="base URL of a SearXNG server with the JSON format switched on")
    egress: EgressConfig = EgressConfig()
    reader: LiveReaderConfig = LiveReaderConfig()


def live_world(config: LiveConfig) -> LiveWorld:
    """Search by the user's own server, which may stand in a private network; pages of where `egress` allows. Offline,
    neither."""
    outward = config.egress
    inward = outward if outward.scope == "offline" else outward.model_copy(update={"scope": "private"})
    engine = SearxngEngine(config.searxng_url, EgressClient(inward), timeout_s=config.reader.timeout_s)
    return LiveWorld(engine, LiveReader(EgressClient(outward), config.reader))
