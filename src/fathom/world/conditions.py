"""`ConditionedWorld`: the latency and errors of real services around any world, so that training sees what use brings.

They are learnt from a call log: for each service how often a call ended as a fault, and by quantiles the waits of
answers and those of faults, which are seldom alike: a refusal comes at once, a timeout at the deadline.

A degraded answer is an answer, with the wait it took: that of a backup, and an old one in place of none. Its note is
not drawn, since the world inside answers as it always does. What the cache had says nothing.
"""

import asyncio
import copy
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Self, TypeVar

from pydantic import Field, model_validator

from fathom.core.config import Config
from fathom.core.errors import InputError, WorldUnavailableFault
from fathom.core.evidence import Page
from fathom.core.model import Frozen
from fathom.core.seeds import derive_seed, stream
from fathom.sandbox.gateway.calls import CallRecord
from fathom.world.protocol import Hit, World, WorldLink, for_attempt

A = TypeVar("A")

_POINTS = 101  # quantiles kept
_LEAST = 20  # calls from which a service's conditions can be told


class ServiceConditions(Frozen):
    """One service: the share of calls that ended as a fault, and the seconds that answers and faults took, at evenly
    spaced quantiles from the least to the most. Where only one of both is known it holds for the other too."""

    seconds: tuple[float, ...] = ()
    fault_seconds: tuple[float, ...] = ()
    fault_rate: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.seconds and not self.fault_seconds:
            raise ValueError("seconds of answers or of faults are needed")
        return self

    def wait_s(self, quantile: float, *, fault: bool = False) -> float:
        """Seconds at a quantile in [0, 1], interpolated."""
        seconds = (self.fault_seconds or self.seconds) if fault else (self.seconds or self.fault_seconds)
        place = quantile * (len(seconds) - 1)
        low = min(int(place), len(seconds) - 2) if len(seconds) > 1 else 0
        high = min(low + 1, len(seconds) - 1)
        return seconds[low] + (place - low) * (seconds[high] - seconds[low])


class Conditions(Config):
    """The conditions of the services `search`, `read` and `links`; one that is missing has none. `scale` multiplies the
    waits: 0 leaves the errors only."""

    services: dict[str, ServiceConditions] = Field(default_factory=dict, description="by the service's name")
    scale: float = Field(default=1.0, ge=0, description="of the waits")


def learn_conditions(calls: Iterable[CallRecord]) -> Conditions:
    """The conditions of the calls that went out: what came from the cache says nothing of them, unless it is an old
    answer where nobody gave a new one, and how long a call would have taken that nobody waited for is not known. Raises
    `InputError` for fewer than twenty of every service."""
    answers: dict[str, list[float]] = defaultdict(list)
    faults: dict[str, list[float]] = defaultdict(list)
    for call in calls:
        if call.status == "cancelled":
            continue
        if call.cache == "miss" or call.degraded == "stale":  # which older logs have as hits
            (faults if call.status == "fault" else answers)[call.service].append(call.seconds)
    services = {
        name: ServiceConditions(
            seconds=_quantiles(sorted(answers[name])),
            fault_seconds=_quantiles(sorted(faults[name])),
            fault_rate=len(faults[name]) / count,
        )
        for name in sorted({*answers, *faults})
        if (count := len(answers[name]) + len(faults[name])) >= _LEAST
    }
    if not services:
        raise InputError("call log", "empty", f"fewer than {_LEAST} calls of any service went out")
    return Conditions(services=services)


def _quantiles(ordered: list[float]) -> tuple[float, ...]:
    if not ordered:
        return ()
    last = len(ordered) - 1
    return tuple(ordered[round(point / (_POINTS - 1) * last)] for point in range(_POINTS))


class ConditionedWorld:
    """Wraps any `World`. What a call meets is drawn from `seed`, the attempt, the call, and how often the attempt has
    made it."""

    def __init__(self, world: World, conditions: Conditions, seed: int = 0) -> None:
        self._world, self._conditions, self._seed = world, conditions, seed
        self._made: dict[str, int] = defaultdict(int)
        self.name = world.name

    def for_attempt(self, attempt: str) -> World:
        """With draws of its own."""
        own = copy.copy(self)
        own._world, own._seed = for_attempt(self._world, attempt), derive_seed(self._seed, "attempt", attempt)
        own._made = defaultdict(int)
        return own

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
        await asyncio.sleep(self._conditions.scale * conditions.wait_s(random.random(), fault=broken))
        if broken:
            raise WorldUnavailableFault(f"{service} did not answer (as the call log has it)", kind="saturated")
        return await ask()
