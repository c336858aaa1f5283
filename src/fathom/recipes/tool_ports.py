"""What the tools besides search and visit talk to, all of it behind one gateway."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from fathom.core.config import Environment, child_environment
from fathom.core.errors import ConfigError
from fathom.recipes.tool_config import ToolsConfig
from fathom.recipes.web_config import WebConfig
from fathom.sandbox.code.gated import GatedSandbox
from fathom.sandbox.code.protocol import CodeResult, CodeSandbox
from fathom.sandbox.gateway.gateway import Gateway
from fathom.tools.mcp.protocol import McpPort
from fathom.world.gated import Closing
from fathom.world.search.protocol import SearchEngine

_CODE_KEY = "code"  # FATHOM_CODE_KEY


@dataclass(frozen=True)
class ToolPorts:
    """`owned` is closed last, after what it serves."""

    sandbox: "LazySandbox | None" = None
    catalogues: tuple[SearchEngine, ...] = ()
    servers: tuple[McpPort, ...] = ()
    owned: Sequence[Closing] = ()

    async def ready(self) -> None:
        """Find out now what would else be found out at the first call. Raises `ConfigError`."""
        if self.sandbox is not None:
            await self.sandbox.open()

    async def close(self) -> None:
        """Close what is open, each of them whatever becomes of the others."""
        async with AsyncExitStack() as closing:
            for port in (*reversed(self.owned), *reversed(self.servers), *reversed(self.catalogues), self.sandbox):
                if port is not None:
                    closing.push_async_callback(port.close)


def tool_ports(config: ToolsConfig, web: WebConfig, environment: Environment) -> ToolPorts:
    """Ports of the tools named. Nothing is started before it is needed. Raises `ConfigError` for what is none."""
    if not config.any:
        return ToolPorts()
    gateway, owned = Gateway(), list[Closing]()
    sandbox = LazySandbox(gateway, config, environment) if "python" in config.use else None
    catalogues: tuple[SearchEngine, ...] = ()
    if "scholar" in config.use:
        from fathom.recipes.live import inward, search_engines
        from fathom.world.search.gated import GatedEngine

        way_out = inward(web)
        owned.append(way_out)
        engines = search_engines(config.catalogues, way_out, environment, web)
        catalogues = tuple(GatedEngine(gateway, engine) for engine in engines)
    servers = tuple(_server(gateway, config, number, web) for number in range(len(config.mcp)))
    return ToolPorts(sandbox, catalogues, servers, (gateway, *owned))


def _server(gateway: Gateway, config: ToolsConfig, number: int, web: WebConfig) -> McpPort:
    from fathom.tools.mcp.gated import GatedMcp
    from fathom.tools.mcp.server import McpServer

    server = config.mcp[number]
    variables = child_environment()
    if not server.url:
        return GatedMcp(gateway, McpServer(server, variables=variables))
    from fathom.recipes.live import inward
    from fathom.sandbox.egress.transport import GuardedTransport

    # As with search servers, the address is the user's own word, so it may be in a private network.
    transport = GuardedTransport(inward(web).network)
    return GatedMcp(gateway, McpServer(server, variables=variables, inner=transport))


class LazySandbox:
    """Isolated code, whose sandbox is chosen and tested when code first comes: this machine's own, and a server where
    one is named."""

    name = "code"

    def __init__(self, gateway: Gateway, config: ToolsConfig, environment: Environment) -> None:
        self._gateway, self._config, self._environment = gateway, config, environment
        self._opened: GatedSandbox | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> GatedSandbox:
        """The sandbox, tested. Raises `ConfigError` where code can be run neither here nor elsewhere."""
        async with self._opening:  # so that two who come at once do not make two, of which one is never closed
            if self._opened is None:
                self._opened = GatedSandbox(self._gateway, await self._sandboxes())
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

    async def _sandboxes(self) -> list[CodeSandbox]:
        from fathom.sandbox.code.choose import open_sandbox

        elsewhere = [self._remote()] if self._config.code_url else []
        try:
            return [await open_sandbox(self._config.sandbox), *elsewhere]
        except ConfigError:
            if not elsewhere:
                raise
            return elsewhere

    def _remote(self) -> CodeSandbox:
        from fathom.sandbox.code.remote import RemoteCodeConfig, RemoteSandbox
        from fathom.sandbox.egress.client import EgressClient, EgressConfig

        config = RemoteCodeConfig(kind="sandbox_fusion", url=self._config.code_url, limits=self._config.sandbox.limits)
        if key := self._environment.keys.get(_CODE_KEY):
            config = config.model_copy(update={"api_key": key})
        return RemoteSandbox(config, EgressClient(EgressConfig(scope="private")))
