"""`McpServer`: one server, connected when it is first needed and again after it fell over."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fathom.core.clock import utc_now
from fathom.core.errors import AccessDeniedError, ProviderFault
from fathom.core.model import content_hash
from fathom.tools.mcp.config import McpServerConfig
from fathom.tools.mcp.protocol import McpOffer, McpPart, McpReply
from fathom.tools.mcp.reply import reply_of
from fathom.tools.mcp.session import McpConnection, McpSession, RefusedError

if TYPE_CHECKING:
    import httpx2

_PATIENCE = 2  # calls in a row without a reply before the server is taken for hung and started anew
_INVALID_PARAMS, _METHOD_NOT_FOUND = -32602, -32601


class McpServer:
    """The server of `config`. `variables` is the environment that its program and its token are taken from; `inner`
    makes the requests to a server over HTTP. What is offered is settled at the first look: a tool that a server
    describes otherwise later, or no longer has, may not be called."""

    def __init__(
        self,
        config: McpServerConfig,
        *,
        variables: Mapping[str, str],
        inner: "httpx2.AsyncBaseTransport | None" = None,
        clock: Callable[[], str] = utc_now,
    ) -> None:
        self._config, self._variables, self._inner, self._clock = config, variables, inner, clock
        self.name, self.public = config.name, config.is_public
        self._session: McpSession | None = None
        self._connecting = asyncio.Lock()
        self._offers: tuple[McpOffer, ...] | None = None
        self._changed: frozenset[str] = frozenset()
        self._unanswered = 0
        self._closed = False

    async def offers(self) -> tuple[McpOffer, ...]:
        """See `McpPort.offers`. Of tools that share a name none is offered, since it would not say which is called."""
        await self._ready()
        assert self._offers is not None
        return self._offers

    async def call(self, name: str, arguments: dict[str, Any]) -> McpReply:
        """See `McpPort.call`. A call is made once; whether a fault is worth another try is the caller's to say."""
        if not self._config.allows(name):
            raise AccessDeniedError(f"the tool {name!r} of {self.name} is not on the list of those allowed")
        session = await self._ready()
        if name in self._changed:
            raise AccessDeniedError(f"the tool {name!r} of {self.name} is not what it was at the begin of the run")
        try:
            result = await session.call(name, arguments)
        except RefusedError as error:
            kinds = {_INVALID_PARAMS: "arguments", _METHOD_NOT_FOUND: "unknown_tool"}
            said = (McpPart(kind="text", text=error.message),)
            self._unanswered = 0
            return McpReply.model_validate(
                {"parts": said, "failure": kinds.get(error.code, "tool"), "at": self._clock()}
            )
        except ProviderFault as fault:
            self._unanswered = self._unanswered + 1 if fault.kind == "timeout" else 0
            if self._unanswered >= _PATIENCE:
                await self._give_up(session)
            raise
        self._unanswered = 0
        return reply_of(result, self._clock())

    async def close(self) -> None:
        self._closed = True
        async with self._connecting:
            await self._drop()

    async def _ready(self) -> McpSession:
        """A session that is open, its list of tools compared with the first one. Raises `ProviderFault`."""
        async with self._connecting:
            if self._closed:
                raise ProviderFault(f"mcp {self.name}: it was closed", kind="refused")
            if self._session is not None and self._session.over:
                await self._drop()
            fresh = self._session is None
            if self._session is None:
                self._session = await McpSession.open(self._config, self._connection())
            if fresh or self._session.stale:
                try:
                    self._compare(await self._session.offers())
                except BaseException:
                    # Whoever comes next is to look again.
                    await self._drop()
                    raise
            return self._session

    def _connection(self) -> McpConnection:
        from fathom.tools.mcp.http import HttpConnection
        from fathom.tools.mcp.stdio import StdioConnection

        if self._config.url:
            return HttpConnection(self._config, self._variables, self._inner)
        return StdioConnection(self._config, self._variables)

    def _compare(self, offers: tuple[McpOffer, ...]) -> None:
        names = [offer.name for offer in offers]
        allowed = tuple(offer for offer in offers if self._config.allows(offer.name) and names.count(offer.name) == 1)
        if self._offers is None:
            self._offers = allowed
        now = {offer.name: content_hash(offer) for offer in allowed}
        self._changed = frozenset(offer.name for offer in self._offers if now.get(offer.name) != content_hash(offer))

    async def _give_up(self, session: McpSession) -> None:
        async with self._connecting:
            self._unanswered = 0
            if self._session is session:
                await self._drop()

    async def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()
