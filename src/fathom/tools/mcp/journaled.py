"""`JournaledMcp`: a server whose offers and replies are a run's record."""

from collections.abc import Awaitable, Callable
from typing import Any

from fathom.core.budget import Meter
from fathom.core.errors import AccessDeniedError, ProviderFault
from fathom.core.events import Journal
from fathom.core.evidence import Page
from fathom.core.recorded import recorded
from fathom.tools.mcp.protocol import McpOffer, McpPort, McpReply

_RAISED = {"denied": AccessDeniedError, "fault": ProviderFault}


class JournaledMcp:
    """Wraps any `McpPort`. Faults and refusals are recorded like replies. The text of a reply is kept under its hash
    beside the log, and goes into `pages` as what can be cited."""

    def __init__(self, port: McpPort, journal: Journal, meter: Meter, pages: dict[str, Page] | None = None) -> None:
        self._port, self._journal, self._meter = port, journal, meter
        self._pages = {} if pages is None else pages
        self.name, self.public = port.name, port.public

    async def offers(self) -> tuple[McpOffer, ...]:
        async def effect() -> Any:
            return [offer.model_dump(mode="json") for offer in await self._port.offers()]

        return tuple(McpOffer.model_validate(row) for row in await self._step({"offers": True}, effect))

    async def call(self, name: str, arguments: dict[str, Any]) -> McpReply:
        async def effect() -> Any:
            reply = await self._port.call(name, arguments)
            self._journal.keep(reply.text)
            return reply.model_dump(mode="json")

        reply = McpReply.model_validate(await self._step({"call": name, "arguments": arguments}, effect))
        page = reply.page(self.name, name)
        self._pages.setdefault(page.text_hash, page)
        return reply

    async def close(self) -> None:
        await self._port.close()

    async def _step(self, request: Any, effect: Callable[[], Awaitable[Any]]) -> Any:
        asked = {"mcp": self.name, **request}
        return await recorded(self._journal, self._meter, "tool", asked, effect, _RAISED)
