"""Services for tests of the gateway: texts asked of scripted providers in virtual time."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from random import Random
from typing import Any

import pytest

from fathom.core.errors import FathomError, PageNotFoundError, ProviderFault
from fathom.sandbox.gateway.cache import ResultCache
from fathom.sandbox.gateway.calls import CallLog, CallRecord
from fathom.sandbox.gateway.gateway import Gateway, GatewayConfig
from fathom.sandbox.gateway.service import LaneConfig, Provider, Service, ServiceConfig
from fathom.world.simulated import SimulatedWorld

Step = str | FathomError | float
"""What a provider does: answers, raises, or first takes so many seconds."""


class ScriptedProvider:
    """Does one step after another, the last one for ever; `asked` are the requests with their times."""

    def __init__(
        self,
        name: str,
        steps: Iterable[Step | tuple[Step, ...]],
        *,
        limits: LaneConfig = LaneConfig(),
        confirms: bool = True,
    ) -> None:
        self.name, self.steps = name, list(steps)
        self.asked: list[tuple[float, str]] = []
        self.running = self.most = 0
        self.provider = Provider(name, self.ask, limits, cost=0.001, confirms=confirms)

    async def ask(self, request: str) -> str:
        self.asked.append((asyncio.get_running_loop().time(), request))
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            for part in step if isinstance(step, tuple) else (step,):
                if isinstance(part, float):
                    await asyncio.sleep(part)
                elif isinstance(part, FathomError):
                    raise part
                else:
                    return part.format(request)
        finally:
            self.running -= 1
        raise AssertionError("a script ends with a text or an error")


class DownUntil(ScriptedProvider):
    """Down until a time, then up for good; each request takes a tenth of a second."""

    def __init__(self, name: str, until_s: float) -> None:
        super().__init__(name, ["{}"])
        self.until_s = until_s

    async def ask(self, request: str) -> str:
        self.asked.append((asyncio.get_running_loop().time(), request))
        await asyncio.sleep(0.1)
        if asyncio.get_running_loop().time() < self.until_s:
            raise down("refused")
        return request


class Texts:
    """Strings as UTF-8."""

    def dump(self, answer: str) -> bytes:
        return answer.encode()

    def load(self, data: bytes) -> str:
        return data.decode()


class Calls:
    """A call log in memory."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []

    def write(self, record: CallRecord) -> None:
        self.records.append(record)

    def close(self) -> None:
        return None


def service(
    *providers: ScriptedProvider, check: Callable[[str, str], None] | None = None, **config: Any
) -> Service[str, str]:
    """A service of texts; "" is its empty answer, a page that is not there its fact."""
    extra: dict[str, Any] = {} if check is None else {"check": check}
    return Service(
        name="texts",
        providers=tuple(scripted.provider for scripted in providers),
        codec=Texts(),
        key=lambda request: request,
        config=ServiceConfig(**config),
        empty=lambda answer: not answer,
        facts={"not_found": PageNotFoundError},
        **extra,
    )


def gateway(
    config: GatewayConfig = GatewayConfig(), *, cache: ResultCache | None = None, log: CallLog | None = None
) -> Gateway:
    """A gateway on the running loop's clock, for both of its times."""
    clock = asyncio.get_running_loop().time
    return Gateway(config, cache=cache or ResultCache(clock=clock), log=log, clock=clock, wall=clock, rng=Random(0))


def down(kind: ProviderFault.Kind = "server", *, after_s: float | None = None) -> ProviderFault:
    """A fault to raise."""
    return ProviderFault(f"scripted: {kind}", kind=kind, retry_after_s=after_s)


class Watched:
    """What simulated worlds were asked while `patch` lasts: through a gateway, and past all of them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.through, self.past = Counter[str](), Counter[str]()
        inside = ContextVar("inside", default=False)
        fly = Gateway._fly

        async def flying(*arguments: Any) -> Any:
            inside.set(True)  # each flight is a task of its own
            return await fly(*arguments)

        patch.setattr(Gateway, "_fly", flying)
        for name in ("search", "open", "links"):
            patch.setattr(SimulatedWorld, name, self._watching(name, getattr(SimulatedWorld, name), inside))

    def _watching(self, name: str, ask: Callable[..., Any], inside: ContextVar[bool]) -> Callable[..., Any]:
        async def asked(*arguments: Any) -> Any:
            (self.through if inside.get() else self.past)[name] += 1
            return await ask(*arguments)

        return asked
