"""What the tools besides search and visit talk to, all of it behind one gateway."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from fathom.core.config import Environment, child_environment
from fathom.core.errors import ConfigError, ProviderFault
from fathom.recipes.tool_config import ToolsConfig
from fathom.recipes.web_config import WebConfig
from fathom.sandbox.code.gated import GatedSandbox, code_service
from fathom.sandbox.code.protocol import CodeResult, CodeSandbox
from fathom.sandbox.gateway.gateway import Gateway
from fathom.sandbox.gateway.service import told_apart
from fathom.tools.mcp.protocol import McpPort
from fathom.world.gated import Closing
from fathom.world.protocol import Hit
from fathom.world.search.protocol import SearchEngine, SearchQuery

_CODE_KEY = "code"  # FATHOM_CODE_KEY


@dataclass(frozen=True)
class ToolPorts:
    """The gateway is closed first, so that nothing under way tries again on closed ports, and the way out last."""

    sandbox: "LazySandbox | None" = None
    catalogues: "tuple[LazyEngine, ...]" = ()
    servers: tuple[McpPort, ...] = ()
    gateway: Closing | None = None
    way_out: Closing | None = None

    async def ready(self) -> None:
        """Find out now what would else be found out at the first call. Raises `ConfigError`."""
        for catalogue in self.catalogues:
            catalogue.open()
        if self.sandbox is not None:
            await self.sandbox.open()
        for server in self.servers:
            try:
                await server.offers()
            except ProviderFault as fault:
                raise ConfigError(f"the MCP server {server.name!r} cannot be used: {fault}", hint=fault.hint) from None

    async def close(self) -> None:
        """Close what is open, each of them whatever becomes of the others."""
        async with AsyncExitStack() as closing:
            for port in (self.way_out, *self.servers, *self.catalogues, self.sandbox, self.gateway):
                if port is not None:
                    closing.push_async_callback(port.close)


def tool_ports(config: ToolsConfig, web: WebConfig, environment: Environment) -> ToolPorts:
    """Ports of the tools named. Nothing is started or looked up before it is needed, or `ready` is called."""
    if not config.any:
        return ToolPorts()
    from fathom.recipes.live import open_gateway

    gateway = open_gateway(environment.home, web.breaker)
    makers = _Makers(config, web, environment, gateway)
    return ToolPorts(
        sandbox=LazySandbox(makers.sandbox) if "python" in config.use else None,
        catalogues=makers.catalogues() if "scholar" in config.use else (),
        servers=makers.servers(),
        gateway=gateway,
        way_out=makers.way_out,
    )


class _Makers:
    """Makes ports out of the settings. All of them use one `way_out`, which belongs to none."""

    def __init__(self, config: ToolsConfig, web: WebConfig, environment: Environment, gateway: Gateway) -> None:
        from fathom.recipes.live import inward

        self._config, self._web, self._environment, self._gateway = config, web, environment, gateway
        self.way_out = inward(environment, web)

    def catalogues(self) -> "tuple[LazyEngine, ...]":
        from fathom.recipes.live import engine_limits, engine_service, engine_specs, search_engine
        from fathom.world.search.gated import GatedEngine
        from fathom.world.search.registry import label

        def opener(spec: str, name: str) -> Callable[[], SearchEngine]:
            def make() -> SearchEngine:
                engine = search_engine(spec, self.way_out, self._environment, self._web)
                limits = engine_limits(engine, self._web.engines, self._config.engines)
                version = f"{self._web.scope} {spec}"
                return GatedEngine(self._gateway, engine, engine_service(self._web), limits, name=name, version=version)

            return make

        specs = engine_specs(self._config.catalogues)
        names = told_apart([label(spec) for spec in specs])
        return tuple(LazyEngine(spec, opener(spec, name)) for spec, name in zip(specs, names, strict=True))

    def servers(self) -> tuple[McpPort, ...]:
        if not self._config.mcp:
            return ()
        from fathom.sandbox.egress.transport import GuardedTransport
        from fathom.tools.mcp.gated import GatedMcp, mcp_service
        from fathom.tools.mcp.server import McpServer

        variables = child_environment()
        # As with search servers, an address is the user's own word, so it may be in a private network.
        made = (
            McpServer(
                server,
                variables=variables,
                # One connection more, for what a server sends of itself.
                inner=GuardedTransport(self.way_out.network, connections=server.slots + 1) if server.url else None,
            )
            for server in self._config.mcp
        )
        return tuple(
            GatedMcp(self._gateway, port, mcp_service(server.timeout_s + server.connect_timeout_s, server.slots))
            for port, server in zip(made, self._config.mcp, strict=True)
        )

    async def sandbox(self) -> GatedSandbox:
        """This machine's sandbox, tested, and the server where one is named."""
        from fathom.sandbox.code.choose import open_sandbox

        config = self._config.sandbox
        sandboxes: list[CodeSandbox] = [self._remote()] if self._config.code_url else []
        try:
            sandboxes.insert(0, await open_sandbox(config))
        except ConfigError:
            if not sandboxes:
                raise
        longest = config.queue_s + config.start_s + config.limits.timeout_s
        return GatedSandbox(self._gateway, sandboxes, code_service(longest))

    def _remote(self) -> CodeSandbox:
        from fathom.recipes.live import inward
        from fathom.sandbox.code.remote import RemoteCodeConfig, RemoteSandbox

        limits = self._config.sandbox.limits
        config = RemoteCodeConfig(kind=self._config.code_api, url=self._config.code_url, limits=limits)
        if key := self._environment.keys.get(_CODE_KEY):
            config = config.model_copy(update={"api_key": key})
        return RemoteSandbox(config, inward(self._environment, self._web))  # which it closes


class LazyEngine:
    """An engine that is opened when it is first asked; `name` is its spec."""

    def __init__(self, name: str, opener: Callable[[], SearchEngine]) -> None:
        self.name, self._opener = name, opener
        self._opened: SearchEngine | None = None

    def open(self) -> SearchEngine:
        """The engine. Raises `ConfigError` where there is none of that name, or its key is missing."""
        if self._opened is None:
            self._opened = self._opener()
        return self._opened

    async def search(self, query: SearchQuery) -> tuple[Hit, ...]:
        return await self.open().search(query)

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()


class LazySandbox:
    """Isolated code, whose sandbox is chosen and tested when code first comes."""

    name = "code"

    def __init__(self, opener: Callable[[], Awaitable[GatedSandbox]]) -> None:
        self._opener = opener
        self._opened: GatedSandbox | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> GatedSandbox:
        """The sandbox, tested. Raises `ConfigError` where code can be run neither here nor elsewhere."""
        async with self._opening:  # so that two who come at once do not make two, of which one is never closed
            if self._opened is None:
                self._opened = await self._opener()
            return self._opened

    async def run(self, code: str, session: str = "") -> CodeResult:
        return await (await self.open()).run(code, session)

    async def end(self, session: str) -> None:
        if self._opened is not None:
            await self._opened.end(session)

    async def close(self) -> None:
        async with self._opening:
            if self._opened is not None:
                await self._opened.close()
