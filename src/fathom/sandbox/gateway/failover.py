"""One call through the providers of a service: which is asked next, when, and when to stop."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from fathom.core.errors import FathomError, ProviderFault
from fathom.core.evidence import Degraded
from fathom.llm.retry import backoff_s
from fathom.sandbox.gateway.limits import Lane
from fathom.sandbox.gateway.service import Answer, Provider, Service

Q = TypeVar("Q")
A = TypeVar("A")

_LOG = logging.getLogger("fathom.gateway")
# Of these, asking again hardly helps: after so many it is not. But for `unauthorised`, the provider works all the same.
_TRIES = {"unauthorised": 2, "oversized": 2, "unreadable": 2, "rejected": 1}
_LIMITS = ("rate_limited", "saturated")
_FAIR = 0.5  # share of the timeout that must have been granted for a provider to be blamed for not answering


@dataclass
class _Candidate(Generic[Q, A]):
    """A provider as this call sees it."""

    provider: Provider[Q, A]
    lane: Lane
    tries: int = 0
    met: Counter[str] = field(default_factory=Counter)
    not_before: float = 0.0
    spent: bool = False
    empty: bool = False


class Failover(Generic[Q, A]):
    """One call. `run` is awaited within the call's deadline by whoever made it."""

    def __init__(
        self,
        service: Service[Q, A],
        lanes: Sequence[tuple[Provider[Q, A], Lane]],
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._service, self._clock, self._rng = service, clock, rng
        self._candidates = [_Candidate(provider, lane) for provider, lane in lanes]
        self._ends = clock() + service.config.deadline_s
        self._faults: list[tuple[str, ProviderFault]] = []
        self._cost = 0.0
        self._attempts = 0
        self._unconfirmed: Answer[A] | None = None

    async def run(self, request: Q) -> Answer[A]:
        """An answer, or where no provider is left one whose fault says so."""
        while True:
            candidate = self._next()
            if candidate is None:
                return self.gave_up()
            wait = self._wait_s(candidate)
            if wait > 0:
                if self._clock() + wait >= self._ends:
                    return self.gave_up()
                await asyncio.sleep(wait)
                continue
            async with candidate.lane.slots:
                if self._wait_s(candidate) > 0:  # while this call waited for a slot
                    continue
                answer = await self._attempt(candidate, request)
            if answer is not None:
                return answer

    def gave_up(self) -> Answer[A]:
        """What there is to say when providers or time are used up."""
        if self._unconfirmed is not None:
            return self._answer(self._unconfirmed.provider, value=self._unconfirmed.value, degraded="unconfirmed")
        met = ", ".join(dict.fromkeys(f"{name} {fault.kind}" for name, fault in self._faults)) or "no room"
        # Of a limit that was reached, and of nothing else, it is told that there is one; else what went wrong last.
        wrong = [fault for _, fault in self._faults if fault.kind not in _LIMITS]
        fault = ProviderFault(
            f"{self._service.name}: no answer in {self._attempts} attempts ({met})",
            kind=wrong[-1].kind if wrong else "saturated",
            hint=next((fault.hint for fault in wrong if fault.hint), ""),
        )
        return self._answer("", fault=fault)

    def _next(self) -> _Candidate[Q, A] | None:
        """The first provider that may be asked now or whose rate is worth a wait; else the one that is free first."""
        left = [candidate for candidate in self._candidates if not candidate.spent]
        patience = self._service.config.patience_s
        for candidate in left:
            if (
                self._rest_s(candidate) <= 0
                and candidate.lane.rate_s(self._clock()) <= patience
                and not candidate.lane.slots.locked()
            ):
                return candidate
        return min(left, key=self._wait_s, default=None)

    def _rest_s(self, candidate: _Candidate[Q, A]) -> float:
        now = self._clock()
        return max(candidate.lane.rest_s(now), candidate.not_before - now, 0.0)

    def _wait_s(self, candidate: _Candidate[Q, A]) -> float:
        return max(self._rest_s(candidate), candidate.lane.rate_s(self._clock()))

    async def _attempt(self, candidate: _Candidate[Q, A], request: Q) -> Answer[A] | None:
        """One request to one provider; None where another one is to be made."""
        service, provider, lane = self._service, candidate.provider, candidate.lane
        candidate.tries += 1
        self._attempts += 1
        self._cost += provider.cost
        # A little less than what is left of the call, so that a provider that hangs is known for it.
        granted = min(service.config.timeout_s, 0.999 * (self._ends - self._clock()))
        with lane.calling(self._clock()) as trial:
            try:
                async with asyncio.timeout(granted):
                    value = await provider.ask(request)
                service.check(request, value)
            except tuple(service.facts.values()) as fact:
                lane.breaker.succeed(self._clock(), trial=trial)
                return self._answer(provider.name, fact=fact, degraded=self._degraded(candidate))
            except TimeoutError:
                # Little time was left because of our own crowd, which is no fault of the provider.
                fair = granted >= _FAIR * min(service.config.timeout_s, service.config.deadline_s)
                fault = ProviderFault("no reply in time", kind="timeout" if fair else "saturated")
                self._failed(candidate, fault, trial=trial, crowded=not fair)
                return None
            except ProviderFault as fault:
                self._failed(candidate, fault, trial=trial)
                return None
            lane.breaker.succeed(self._clock(), trial=trial)
        if not service.empty(value):
            return self._answer(provider.name, value=value, degraded=self._degraded(candidate))
        return self._empty(candidate, value)

    def _degraded(self, candidate: _Candidate[Q, A]) -> Degraded:
        first = self._candidates[0]
        if candidate is first:
            return ""
        return "elsewhere" if first.empty else "backup"

    def _empty(self, candidate: _Candidate[Q, A], value: A) -> Answer[A] | None:
        """An empty answer where it is to be believed: a second provider whose word counts said so too, or all did that
        there are. Where nobody's word counts for the others' (`Provider.confirms`), each one's does."""
        candidate.spent = candidate.empty = True
        counted = [other for other in self._candidates if other.provider.confirms] or self._candidates
        if sum(other.empty for other in counted) > 1:
            return self._answer(candidate.provider.name, value=value)
        if all(other.empty for other in self._candidates):
            degraded: Degraded = "" if self._service.final else "alone"
            return self._answer(candidate.provider.name, value=value, degraded=degraded)
        self._unconfirmed = self._answer(candidate.provider.name, value=value)
        return None

    def _failed(self, candidate: _Candidate[Q, A], fault: ProviderFault, *, trial: bool, crowded: bool = False) -> None:
        config, lane, now = self._service.config, candidate.lane, self._clock()
        blamed = candidate.provider.blamed(fault)
        self._faults.append((candidate.provider.name, fault))
        lane.failures += 1
        if crowded:
            lane.breaker.abandon(trial=trial)
        elif fault.kind == "unauthorised" and blamed:
            lane.breaker.fail(now, trial=trial, rest_s=config.unauthorised_rest_s)
            _warn(candidate, fault)
        elif fault.kind in _TRIES or not blamed:
            lane.breaker.succeed(now, trial=trial)
        else:
            lane.breaker.fail(now, trial=trial)
        candidate.met[fault.kind] += 1
        hopeless = candidate.met[fault.kind] >= _TRIES.get(fault.kind, config.attempts)
        candidate.spent = hopeless or candidate.tries >= config.attempts
        wait = backoff_s(self._rng, candidate.tries, config.first_wait_s, config.max_wait_s)
        if fault.retry_after_s is not None:
            asked = min(fault.retry_after_s, config.max_retry_after_s)
            if blamed:
                lane.pause(now, asked)
            else:
                wait = max(wait, asked)
        candidate.not_before = now + wait

    def _answer(
        self,
        provider: str,
        *,
        value: A | None = None,
        fact: FathomError | None = None,
        fault: ProviderFault | None = None,
        degraded: Degraded = "",
    ) -> Answer[A]:
        return Answer(
            value=value,
            fact=fact,
            fault=fault,
            provider=provider,
            degraded=degraded,
            attempts=self._attempts,
            faults=tuple(fault.kind for _, fault in self._faults),
            failed=tuple(name for name, _ in self._faults),
            cost=self._cost,
        )


def _warn(candidate: _Candidate[Any, Any], fault: ProviderFault) -> None:
    """Say once that a provider will not have us, and what to do about it."""
    if not candidate.lane.refused:
        candidate.lane.refused = True
        hint = f"; {fault.hint}" if fault.hint else ""
        _LOG.warning("%s refuses us: %s%s", candidate.provider.name, fault, hint)
