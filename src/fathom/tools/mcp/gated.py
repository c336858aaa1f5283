"""`GatedMcp`: a server behind the gateway, with its limits and its breaker."""

from typing import Any, NamedTuple

from fathom.core.errors import AccessDeniedError
from fathom.sandbox.gateway.codec import JsonCodec
from fathom.sandbox.gateway.gateway import Gateway
from fathom.sandbox.gateway.service import Answer, LaneConfig, Provider, Service, ServiceConfig
from fathom.tools.mcp.protocol import McpOffer, McpPort, McpReply

_REPLY: JsonCodec[McpReply] = JsonCodec(McpReply)


def mcp_service(call_s: float, slots: int = 16) -> ServiceConfig:
    """Settings for calls of at most so many seconds, connecting included, which the server's own limits end, and so
    many at once. A tool may do something: its calls are made once, never joined with equal ones, and never answered
    from a cache."""
    return ServiceConfig(timeout_s=call_s + 10, deadline_s=call_s + 60, attempts=1, slots=slots, keep_s=0.0)


class _Call(NamedTuple):
    name: str
    arguments: dict[str, Any]


class GatedMcp:
    """Wraps any `McpPort`, which it owns."""

    def __init__(
        self,
        gateway: Gateway,
        port: McpPort,
        config: ServiceConfig = mcp_service(90.0),
    ) -> None:
        self.name, self.public, self._gateway, self._port = port.name, port.public, gateway, port

        async def call(asked: _Call) -> McpReply:
            return await port.call(asked.name, asked.arguments)

        self._service = Service(
            name=f"mcp {port.name}",
            providers=(Provider(f"mcp {port.name}", call, LaneConfig(slots=config.slots)),),
            codec=_REPLY,
            key=lambda asked: list(asked),
            config=config,
            facts={"denied": AccessDeniedError},
            shared=False,
        )

    async def offers(self) -> tuple[McpOffer, ...]:
        return await self._port.offers()

    async def call(self, name: str, arguments: dict[str, Any]) -> McpReply:
        answer: Answer[McpReply] = await self._gateway.ask(self._service, _Call(name, arguments))
        return answer.get()

    async def close(self) -> None:
        await self._port.close()
