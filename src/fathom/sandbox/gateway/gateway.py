"""`Gateway`: asks providers so that nothing that goes wrong outside reaches an agent as if it were an answer.

An answer that is cached is given at once. Equal calls at one time are one call. Else the providers of the service are
asked in their order: each as fast as it may be, again after a wait that grows (full jitter, never shorter than
Retry-After), the next one while one rests; all within the call's deadline. Where none answers, an old answer serves,
and where there is none the call ends as a fault, which says nothing about what was asked for: of kind `saturated` where
only limits stood in its way, else of the kind of what went wrong.

Reference: Tongyi DeepResearch report 2510.24701, unified tool sandbox (limits, caching, timeouts and retries,
degradation, failover); its code was not published.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

from pydantic import Field

from fathom.core.config import Config
from fathom.core.evidence import Degraded
from fathom.core.model import content_hash
from fathom.sandbox.gateway.breaker import BreakerConfig
from fathom.sandbox.gateway.cache import ResultCache, Stored
from fathom.sandbox.gateway.calls import CallLog, CallRecord
from fathom.sandbox.gateway.failover import Failover
from fathom.sandbox.gateway.limits import Lane
from fathom.sandbox.gateway.service import Answer, Provider, Service

Q = TypeVar("Q")
A = TypeVar("A")


class GatewayConfig(Config):
    """Settings of all services."""

    breaker: BreakerConfig = BreakerConfig()
    lanes: int = Field(default=10_000, ge=2, description="hosts and providers remembered at once")


class Gateway:
    """Asks services. Belongs to one event loop; the cache and the log may be shared with other processes.

    `clock` is monotonic and `wall` is seconds since the epoch.
    """

    def __init__(
        self,
        config: GatewayConfig = GatewayConfig(),
        *,
        cache: ResultCache | None = None,
        log: CallLog | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        self._config = config
        self.cache = cache or ResultCache(clock=wall)
        self._log = log
        self._clock, self._wall = clock, wall
        self._rng = rng or random.Random()
        self._lanes: dict[str, Lane] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._flights: dict[str, asyncio.Task[Answer[Any]]] = {}
        self.counts: Counter[str] = Counter()
        self._numbers = 0

    async def ask(self, service: Service[Q, A], request: Q) -> Answer[A]:
        """The answer to `request`. Never raises but for programming errors of a provider and when it is cancelled,
        which ends the waiting only: the call goes on for whoever else waits, and for the cache."""
        began = self._clock()
        key = content_hash([service.name, service.version, service.key(request)])
        try:
            answer = self._cached(service, key) or await self._flown(service, key, request)
        except asyncio.CancelledError:
            self._record(service.name, key, "cancelled", Answer(seconds=self._clock() - began))
            raise
        answer = replace(answer, seconds=self._clock() - began)
        self._record(service.name, key, _status(answer), answer)
        return answer

    def lane(self, name: str) -> Lane | None:
        """What is known of a provider, once it has been asked."""
        return self._lanes.get(name)

    @property
    def under_way(self) -> int:
        return len(self._flights)

    async def close(self) -> None:
        """Give up calls under way and close cache and log. Providers belong to whoever made them."""
        for flight in list(self._flights.values()):
            flight.cancel()
        try:
            await asyncio.gather(*self._flights.values(), return_exceptions=True)
        finally:
            self.cache.close()
            if self._log is not None:
                self._log.close()

    async def _flown(self, service: Service[Q, A], key: str, request: Q) -> Answer[A]:
        if not service.shared:
            self._numbers += 1
            key = f"{key} {self._numbers}"
        flight = self._flights.get(key)
        if flight is not None:
            return replace(await asyncio.shield(flight), cache="joined", attempts=0, faults=(), failed=(), cost=0.0)
        flight = asyncio.get_running_loop().create_task(self._fly(service, key, request))
        self._flights[key] = flight
        flight.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(flight)

    def _landed(self, key: str, flight: asyncio.Task[Answer[Any]]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # asked for here, since nobody may be waiting any more

    def _cached(self, service: Service[Q, A], key: str, *, stale: bool = False) -> Answer[A] | None:
        if not service.config.keep_s:
            return None
        stored = self.cache.get(key)
        if stored is None or (stored.fresh <= self._wall() and not stale):
            return None
        try:
            degraded = cast(Degraded, stored.note)
            if stored.fact:
                return Answer(fact=service.facts[stored.fact](stored.body.decode()), cache="hit", degraded=degraded)
            return Answer(value=service.codec.load(stored.body), cache="hit", degraded=degraded)
        except (ValueError, KeyError):  # of an older version of the service
            return None

    async def _fly(self, service: Service[Q, A], key: str, request: Q) -> Answer[A]:
        slots = self._slots.setdefault(service.name, asyncio.Semaphore(service.config.slots))
        lanes = [(provider, self._lane(provider, request)) for provider in service.providers]
        failover = Failover(service, lanes, self._clock, self._rng)
        try:
            async with asyncio.timeout(service.config.deadline_s), slots:
                answer = await failover.run(request)
        except TimeoutError:
            answer = failover.gave_up()
        if answer.fault is not None or answer.degraded == "unconfirmed":
            return self._old(service, key, answer)
        self._keep(service, key, answer)
        return answer

    def _old(self, service: Service[Q, A], key: str, failed: Answer[A]) -> Answer[A]:
        """A cached answer past its time in place of none; a fact, as that there is no such page, may have changed."""
        found = self._cached(service, key, stale=True)
        if found is None or found.fact is not None:
            return failed
        return replace(failed, value=found.value, fault=None, provider="", degraded="stale")

    def _keep(self, service: Service[Q, A], key: str, answer: Answer[A]) -> None:
        config = service.config
        if not config.keep_s or answer.degraded == "unconfirmed":
            return
        if answer.fact is None and not service.keeps(cast(A, answer.value)):
            return
        now = self._wall()
        if answer.fact is not None:
            name = next(name for name, kind in service.facts.items() if isinstance(answer.fact, kind))
            fact, body, keep_s = name, str(answer.fact).encode("utf-8", "replace"), config.keep_negative_s
        else:
            value: Any = answer.value
            fact, body = "", service.codec.dump(value)
            keep_s = config.keep_s
            if answer.degraded or service.empty(value):
                keep_s = min(keep_s, config.keep_negative_s)
        self.cache.put(key, Stored(fact, body, now + keep_s, now + keep_s + config.keep_stale_s, answer.degraded))

    def _lane(self, provider: Provider[Q, A], request: Q) -> Lane:
        name = provider.lane(request) if provider.lane else provider.name
        lane = self._lanes.pop(name, None)
        if lane is None:
            lane = Lane(name, provider.limits, self._config.breaker, self._clock())
        self._lanes[name] = lane  # the last one used stands last
        if len(self._lanes) > self._config.lanes:
            self._forget_idle()
        return lane

    def _forget_idle(self) -> None:
        """Drop the half of the lanes used longest ago, but for those that are in use or at rest."""
        now = self._clock()
        for name, lane in list(self._lanes.items())[: self._config.lanes // 2]:
            if lane.idle(now):
                del self._lanes[name]

    def _record(self, service: str, key: str, status: str, answer: Answer[Any]) -> None:
        self.counts[f"{service}.{status}"] += 1
        self.counts[f"{service}.{answer.cache}"] += 1
        if self._log is None:
            return
        record = CallRecord(
            at=self._wall(),
            service=service,
            key=key,
            status=status,
            provider=answer.provider,
            cache=answer.cache,
            degraded=answer.degraded,
            attempts=answer.attempts,
            faults=answer.faults,
            failed=answer.failed,
            fact=type(answer.fact).__name__ if answer.fact is not None else "",
            seconds=round(answer.seconds, 6),
            cost=answer.cost,
        )
        self._log.write(record)


def _status(answer: Answer[Any]) -> str:
    if answer.fault is not None or answer.degraded == "unconfirmed":
        return "fault"
    return "fact" if answer.fact is not None else "ok"
