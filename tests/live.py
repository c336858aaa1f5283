"""The live world over a server on localhost."""

from typing import Any

from tests.web_server import WebServer
from tests.worlds import NOON

from fathom.recipes.live import LiveConfig
from fathom.sandbox.egress.client import EgressClient, EgressConfig
from fathom.sandbox.egress.protocol import Scope
from fathom.world.live import LiveWorld
from fathom.world.reader.live import LiveReader, LiveReaderConfig
from fathom.world.searxng import SearxngEngine


def live(web: WebServer, *, scope: Scope = "private", searxng_url: str = "", **reader: Any) -> LiveWorld:
    """The world that searches by `web` and opens its pages; `reader` are settings of `LiveReaderConfig`."""
    config = LiveConfig(searxng_url=searxng_url or web.base, reader=LiveReaderConfig(**{"timeout_s": 20.0, **reader}))
    inside = EgressConfig(scope="private")
    engine = SearxngEngine(
        config.searxng_url, EgressClient(inside), timeout_s=config.reader.timeout_s, max_bytes=config.reader.max_bytes
    )
    pages = EgressClient(EgressConfig(scope=scope))
    return LiveWorld(engine, LiveReader(pages, config.reader, clock=lambda: NOON))
