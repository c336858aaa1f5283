"""`McpSession`: one connection to a server, from its handshake to its end.

The client's scopes must be left by the task that entered them, so a session has a task of its own, and callers come and
go, cancelled or not. We declare no abilities: samples, input and folders that a server asks for are refused by the
client; its instructions are not read. The result of a call is not checked against the schema the server gave for
it, since patterns in that would be the server's program in our loop.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pydantic import ValidationError

from fathom import __version__
from fathom.core.errors import ConfigError, ProviderFault
from fathom.tools.mcp.config import McpServerConfig
from fathom.tools.mcp.http import WATCH, CallWatch
from fathom.tools.mcp.protocol import McpOffer

if TYPE_CHECKING:
    import mcp_types
    from mcp.client import Client, ClientSession, Transport

T = TypeVar("T")

_MAX_PAGES = 20  # of the list of tools
_CLOSE_S = 15.0


class McpConnection(Protocol):
    """A way to a server. `ended` is set when it is over, and `fault` says why."""

    ended: asyncio.Event
    fault: ProviderFault | None

    def transport(self) -> "Transport": ...


class RefusedError(Exception):
    """The server answered a request with an error of JSON-RPC: its own word on the request."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class McpSession:
    """A session over `connection`; `open` gives one that is ready. `stale` is set when the server says that its tools
    have changed."""

    def __init__(self, config: McpServerConfig, connection: McpConnection) -> None:
        self._config, self._connection = config, connection
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._client: Client | None = None
        self.stale = False

    @classmethod
    async def open(cls, config: McpServerConfig, connection: McpConnection) -> "McpSession":
        """Connect and shake hands. Raises `ProviderFault`, and `ConfigError` where the extra is not installed."""
        if find_spec("mcp") is None:
            raise ConfigError("MCP servers need the extra `mcp`", hint='pip install "fathom-research[mcp]"')
        for logger in map(logging.getLogger, ("mcp", "client")):
            # What the client logs of a server's faults comes back as ours; without a handler Python would print it.
            if not logger.handlers:
                logger.addHandler(logging.NullHandler())
        session = cls(config, connection)
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        watch = CallWatch()
        with _watched(watch):
            session._task = asyncio.create_task(session._serve(ready), name=f"mcp-{config.name}")
        both: set[asyncio.Future[None]] = {ready, session._task}
        try:
            await asyncio.wait(both, timeout=config.connect_timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                return session
            error = session._task.exception() if session._task.done() else None
        except BaseException:
            await session.close()
            raise
        await session.close()
        if isinstance(error, ProviderFault):
            raise error
        late = session._fault("timeout", f"no handshake within {config.connect_timeout_s:g} s")
        failed = session._fault("garbage", f"the handshake failed: {type(error).__name__}: {error}")
        raise watch.fault or (connection.fault if error else None) or (failed if error else late)

    @property
    def over(self) -> bool:
        """Whether calls can no longer be made."""
        return self._task is None or self._task.done() or self._connection.ended.is_set() or self._closing.is_set()

    async def offers(self) -> tuple[McpOffer, ...]:
        """The tools of the server, as it describes them. Raises `ProviderFault`."""
        import mcp_types

        self.stale = False
        offers: list[McpOffer] = []
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            ask = partial(_list_tools, params=mcp_types.PaginatedRequestParams(cursor=cursor))
            try:
                page = await self._exchange(ask)
            except RefusedError as error:
                raise self._fault("garbage", f"it does not list its tools: {error.message}") from None
            for tool in page.tools:
                described = McpOffer(name=tool.name, description=tool.description or "", parameters=tool.input_schema)
                offers.append(described)
            if len(offers) > self._config.max_tools:
                raise self._fault("oversized", f"over {self._config.max_tools} tools")
            if page.next_cursor is None:
                return tuple(offers)
            cursor = page.next_cursor
        raise self._fault("oversized", f"its list of tools has over {_MAX_PAGES} pages")

    async def call(
        self, name: str, arguments: dict[str, Any]
    ) -> "mcp_types.CallToolResult | mcp_types.InputRequiredResult":
        """The raw result of a call. Raises `ProviderFault` or `RefusedError`."""
        import mcp_types
        from pydantic import TypeAdapter

        params = mcp_types.CallToolRequestParams(name=name, arguments=arguments)
        result: TypeAdapter[Any] = TypeAdapter(mcp_types.CallToolResult | mcp_types.InputRequiredResult)
        return await self._exchange(
            lambda session: session.send_request(mcp_types.CallToolRequest(params=params), result)
        )

    async def close(self) -> None:
        """End the session and what it runs on; never longer than some seconds."""
        self._closing.set()
        if self._task is None:
            return
        if self._client is None:
            self._task.cancel()  # still shaking hands, and not listening for anything else
        _, late = await asyncio.wait([self._task], timeout=_CLOSE_S)
        if late:
            self._task.cancel()
            await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.exception()  # what it was is known to whoever called

    async def _serve(self, ready: "asyncio.Future[None]") -> None:
        import mcp_types
        from mcp.client import Client

        identity = mcp_types.Implementation(name="fathom", version=__version__)
        transport = self._connection.transport()
        async with Client(transport, cache=None, client_info=identity, message_handler=self._notice) as client:
            self._client = client
            if not ready.done():
                ready.set_result(None)
            ends = [asyncio.create_task(event.wait()) for event in (self._closing, self._connection.ended)]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for end in ends:
                    end.cancel()

    async def _notice(self, message: object) -> None:
        import mcp_types

        if isinstance(message, mcp_types.ToolListChangedNotification):
            self.stale = True

    async def _exchange(self, ask: "Callable[[ClientSession], Awaitable[T]]") -> T:
        """What `ask` gives, within the time of a call."""
        import anyio
        from mcp import MCPError

        if self.over or self._client is None:
            raise self._connection.fault or self._fault("reset", "the session is over")
        watch = CallWatch()
        with _watched(watch):
            try:
                async with asyncio.timeout(self._config.timeout_s):
                    return await ask(self._client.session)
            except TimeoutError:
                raise watch.fault or self._fault("timeout", f"no reply within {self._config.timeout_s:g} s") from None
            except MCPError as error:
                raise self._meaning(error.code, error.message, watch) from None
            except ValidationError as error:
                raise self._fault("garbage", f"a reply that is none: {error.errors()[0]['msg']}") from None
            except (anyio.ClosedResourceError, anyio.BrokenResourceError, RuntimeError):
                raise watch.fault or self._connection.fault or self._fault("reset", "the session broke off") from None

    def _meaning(self, code: int, message: str, watch: CallWatch) -> ProviderFault | RefusedError:
        """What an error of the client is: our transport's fault, the client's own, or the server's word."""
        import mcp_types

        known = watch.fault or self._connection.fault
        if known is not None:
            return known
        kinds: dict[int, ProviderFault.Kind] = {
            mcp_types.CONNECTION_CLOSED: "reset",
            mcp_types.REQUEST_TIMEOUT: "timeout",
            mcp_types.PARSE_ERROR: "garbage",
        }
        return self._fault(kinds[code], message) if code in kinds else RefusedError(code, message)

    def _fault(self, kind: ProviderFault.Kind, reason: str) -> ProviderFault:
        return ProviderFault(f"mcp {self._config.name}: {reason}"[:500], kind=kind)


async def _list_tools(
    session: "ClientSession", params: "mcp_types.PaginatedRequestParams"
) -> "mcp_types.ListToolsResult":
    return await session.list_tools(params=params)


@contextmanager
def _watched(watch: CallWatch) -> Iterator[None]:
    """Requests made inside are noted in `watch`."""
    token = WATCH.set(watch)
    try:
        yield
    finally:
        WATCH.reset(token)
