"""The live world over a server on localhost."""

from typing import Any

from tests.web_server import WebServer
from tests.worlds import NOON

from fathom.sandbox.egress.client import EgressClient, EgressConfig
from fathom.sandbox.egress.protocol import Scope
from fathom.world.live import LiveWorld
from fathom.world.reader.live import LiveReader, LiveReaderConfig
from fathom.world.searxng import SearxngEngine


def live(web: WebServer, *, scope: Scope = "private", searxng_url: str = "", **reader: Any) -> LiveWorld:
    """The world that searches by `web` and opens its pages; `reader` are settings of `LiveReaderConfig`."""
    config = LiveReaderConfig.model_validate({"timeout_s": 20.0, **reader})
    inside, pages = EgressClient(EgressConfig(scope="private")), EgressClient(EgressConfig(scope=scope))
    engine = SearxngEngine(searxng_url or web.base, inside, timeout_s=config.timeout_s, max_bytes=config.max_bytes)
    return LiveWorld(engine, LiveReader(pages, config, clock=lambda: NOON))
