"""The web as one engine and one reader show it, without a gateway, over a server on localhost."""

from typing import Any

from tests.web_server import WebServer
from tests.worlds import NOON

from fathom.core.evidence import Page
from fathom.sandbox.egress.client import EgressClient, EgressConfig
from fathom.sandbox.egress.protocol import Scope
from fathom.world.protocol import Hit, WorldLink
from fathom.world.reader.live import LiveReader, LiveReaderConfig
from fathom.world.search.engine import HttpEngine
from fathom.world.search.engines.searxng import SEARXNG, SearxngConfig
from fathom.world.search.query import parse_query


class PlainWeb:
    """A `World`. What goes wrong is not tried again, so that each failure is seen as it is."""

    name = "web"

    def __init__(self, engine: HttpEngine[SearxngConfig], web: EgressClient, reader: LiveReader) -> None:
        self._engine, self._web, self._reader = engine, web, reader

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        return await self._engine.search(parse_query(query, k=k)) if query.strip() else ()

    async def open(self, url: str) -> Page:
        return (await self._reader.read(url)).page

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        return (await self._reader.read(url)).links

    async def close(self) -> None:
        await self._web.close()
        await self._reader.close()


def live(web: WebServer, *, scope: Scope = "private", searxng_url: str = "", **reader: Any) -> PlainWeb:
    """The world that searches by `web` and opens its pages; `reader` are settings of `LiveReaderConfig`."""
    config = LiveReaderConfig.model_validate({"timeout_s": 20.0, **reader})
    inside, pages = EgressClient(EgressConfig(scope="private")), EgressClient(EgressConfig(scope=scope))
    asked = SearxngConfig(url=searxng_url or web.base, timeout_s=config.timeout_s, max_bytes=config.max_bytes)
    return PlainWeb(HttpEngine(SEARXNG, asked, inside), inside, LiveReader(pages, config, clock=lambda: NOON))
