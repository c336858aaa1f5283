"""`ConditionedWorld`: the latency and errors of real services around any world, so that training sees what use brings.

They are learnt from a call log: for each service its waits, by quantiles, and how often a call ended as a fault.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import InputError, WorldUnavailableFault
from fathom.core.evidence import Page
from fathom.core.model import Frozen
from fathom.core.seeds import stream
from fathom.sandbox.gateway.calls import CallRecord
from fathom.world.protocol import Hit, World, WorldLink

A = TypeVar("A")

_POINTS = 101  # quantiles kept
_LEAST = 20  # calls from which a service's conditions can be told


class ServiceConditions(Frozen):
    """One service: seconds a call took at evenly spaced quantiles from the least to the most, and the share of calls
    that ended as a fault."""

    seconds: tuple[float, ...]
    fault_rate: float = Field(ge=0, le=1)

    def wait_s(self, quantile: float) -> float:
        """Seconds at a quantile in [0, 1], interpolated."""
        place = quantile * (len(self.seconds) - 1)
        low = min(int(place), len(self.seconds) - 2) if len(self.seconds) > 1 else 0
        high = min(low + 1, len(self.seconds) - 1)
        return self.seconds[low] + (place - low) * (self.seconds[high] - self.seconds[low])


class Conditions(Config):
    """The conditions of the services `search`, `read` and `links`; one that is missing has none. `scale` multiplies the
    waits: 0 leaves the errors only."""

    services: dict[str, ServiceConditions] = Field(default_factory=dict, description="by the service's name")
    scale: float = Field(default=1.0, ge=0, description="of the waits")


def learn_conditions(calls: Iterable[CallRecord]) -> Conditions:
    """The conditions of the calls that went out; what came from the cache says nothing of them. Raises `InputError` for
    fewer than twenty of every service."""
    waits: dict[str, list[float]] = defaultdict(list)
    faults: dict[str, int] = defaultdict(int)
    for call in calls:
        if call.cache == "miss":
            waits[call.service].append(call.seconds)
            faults[call.service] += call.status == "fault"
    services = {
        name: ServiceConditions(seconds=_quantiles(sorted(seconds)), fault_rate=faults[name] / len(seconds))
        for name, seconds in waits.items()
        if len(seconds) >= _LEAST
    }
    if not services:
        raise InputError("call log", "empty", f"fewer than {_LEAST} calls of any service went out")
    return Conditions(services=services)


def _quantiles(ordered: list[float]) -> tuple[float, ...]:
    last = len(ordered) - 1
    return tuple(ordered[round(point / (_POINTS - 1) * last)] for point in range(_POINTS))


class ConditionedWorld:
    """Wraps any `World`. What a call meets is drawn from `seed`, the call, and how often it was made."""

    def __init__(self, world: World, conditions: Conditions, seed: int = 0) -> None:
        self._world, self._conditions, self._seed = world, conditions, seed
        self._made: dict[str, int] = defaultdict(int)
        self.name = world.name

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        return await self._meet("search", query, lambda: self._world.search(query, k))

    async def open(self, url: str) -> Page:
        return await self._meet("read", url, lambda: self._world.open(url))

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        return await self._meet("links", url, lambda: self._world.links(url))

    async def close(self) -> None:
        await self._world.close()

    async def _meet(self, service: str, asked: str, ask: Callable[[], Awaitable[A]]) -> A:
        conditions = self._conditions.services.get(service)
        if conditions is None:
            return await ask()
        call = f"{service} {asked}"
        self._made[call] += 1
        random = stream(self._seed, "conditions", call, self._made[call])
        broken = random.random() < conditions.fault_rate
        await asyncio.sleep(self._conditions.scale * conditions.wait_s(random.random()))
        if broken:
            raise WorldUnavailableFault(f"{service} did not answer (as the call log has it)", kind="saturated")
        return await ask()
