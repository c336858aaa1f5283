"""A service: what is asked, who can answer, how long an answer holds, and which errors are answers."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import FathomError, ProviderFault
from fathom.core.evidence import Degraded

Q = TypeVar("Q")
A = TypeVar("A")

CacheState = Literal["miss", "hit", "joined"]
"""`joined`: an equal call was under way, and its answer was taken."""


class LaneConfig(Config):
    """How hard one provider, or one host, may be asked, by all services together."""

    rate_per_s: float | None = Field(default=None, gt=0, description="calls begun per second; none: unlimited")
    burst: int = Field(default=5, ge=1, description="calls that may begin at once after a pause")
    slots: int = Field(default=64, ge=1, description="calls at once")


class LaneChanges(Config):
    """Limits in place of others; what is left open stays as it was."""

    rate_per_s: float | None = Field(default=None, ge=0, description="calls begun per second; 0: unlimited")
    burst: int | None = Field(default=None, ge=1, description="calls that may begin at once after a pause")
    slots: int | None = Field(default=None, ge=1, description="calls at once")

    def over(self, limits: LaneConfig) -> LaneConfig:
        """`limits` with these changes."""
        changes: dict[str, Any] = {name: value for name, value in self if value is not None}
        if self.rate_per_s == 0:
            changes["rate_per_s"] = None
        return limits.model_copy(update=changes)


def paced(rate_per_s: float, slots: int = 64) -> LaneConfig:
    """The limits of who is asked no faster than this, not even after a pause."""
    return LaneConfig(rate_per_s=rate_per_s, burst=1, slots=slots)


class ServiceConfig(Config):
    """How a service is asked."""

    timeout_s: float = Field(default=30.0, gt=0, description="seconds for one attempt at one provider")
    deadline_s: float = Field(default=90.0, gt=0, description="seconds for a call: all attempts and waits together")
    attempts: int = Field(default=4, ge=1, description="attempts at each provider")
    slots: int = Field(default=256, ge=1, description="calls of this service at once; others wait their turn")
    first_wait_s: float = Field(default=0.25, gt=0, description="longest wait after a first failure; doubles each time")
    max_wait_s: float = Field(default=8.0, gt=0, description="longest wait of our own")
    max_retry_after_s: float = Field(default=3600.0, ge=0, description="longest rest taken over from Retry-After")
    patience_s: float = Field(
        default=2.0, ge=0, description="how long a provider's rate limit is waited for before a backup is asked"
    )
    unauthorised_rest_s: float = Field(default=600.0, gt=0, description="longest rest of a provider that refuses us")
    keep_s: float = Field(default=86_400.0, ge=0, description="how long an answer is cached; 0: not at all")
    keep_negative_s: float = Field(
        default=600.0, ge=0, description="the same for errors that are answers, empty ones, and those of a backup"
    )
    keep_stale_s: float = Field(
        default=604_800.0, ge=0, description="how long after that it still serves where every provider fails"
    )


class Codec(Protocol[A]):
    """To and from the bytes of the cache. `load` raises `ValueError` for what `dump` did not write."""

    def dump(self, answer: A) -> bytes: ...

    def load(self, data: bytes) -> A: ...


def _always(asked: Any) -> bool:
    return True


@dataclass(frozen=True)
class Provider(Generic[Q, A]):
    """One way to have a request answered. `ask` raises `ProviderFault` where it could not, and one of the service's
    `facts` where the answer is an error. `cost` is in US dollars per call. `lane` names what limits, breaker and pauses
    are kept for where that is not the provider but, say, the host that a request goes to. `confirms` is False for one
    that sees another part than the rest: that it finds nothing confirms nothing that they say. `blamed` tells faults
    that are its own from those of what it was asked for, which open no breaker and pause nobody else."""

    name: str
    ask: Callable[[Q], Awaitable[A]]
    limits: LaneConfig = field(default_factory=LaneConfig)
    cost: float = 0.0
    lane: Callable[[Q], str] | None = None
    confirms: bool = True
    blamed: Callable[[ProviderFault], bool] = _always


def told_apart(names: Sequence[str]) -> tuple[str, ...]:
    """Names for the providers of one service: of equal ones the second has a 2 behind it. A lane is kept under a name,
    so that two servers of one kind would share breaker and pauses, and neither could stand in for the other."""
    seen: Counter[str] = Counter()
    apart = []
    for name in names:
        seen[name] += 1
        apart.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return tuple(apart)


def _anything(request: Any, answer: Any) -> None:
    return None


def _never(answer: Any) -> bool:
    return False


@dataclass(frozen=True)
class Service(Generic[Q, A]):
    """`key` gives what makes two requests equal, as plain JSON; `version` changes where equal requests may get other
    answers (the hash of a corpus). `check` raises `ProviderFault` for an answer that is none, before it is cached.
    Where calls have effects of their own `shared` is False, so that equal ones at one time stay several.
    `keeps` tells answers that may go into the cache, which others share.
    `empty` tells answers that say nothing is there: these need the word of a second provider that `confirms` where
    there is one, and are noted as `alone` where there is none, unless a sole provider's word is `final`, as of a corpus
    about itself.
    `facts` are the errors that are answers, by their names in the cache."""

    name: str
    providers: tuple[Provider[Q, A], ...]
    codec: Codec[A]
    key: Callable[[Q], Any]
    version: str = ""
    config: ServiceConfig = field(default_factory=ServiceConfig)
    check: Callable[[Q, A], None] = _anything
    empty: Callable[[A], bool] = _never
    keeps: Callable[[A], bool] = _always
    shared: bool = True
    final: bool = False
    facts: Mapping[str, type[FathomError]] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer(Generic[A]):
    """What became of a call. Exactly one of `value`, `fact` and `fault` is set. `provider` is empty where it came from
    none; `attempts` counts requests made for it, `faults` and `failed` are the kinds of those that failed and their
    providers; `seconds` is what the caller waited."""

    value: A | None = None
    fact: FathomError | None = None
    fault: ProviderFault | None = None
    provider: str = ""
    cache: CacheState = "miss"
    degraded: Degraded = ""
    attempts: int = 0
    seconds: float = 0.0
    faults: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    cost: float = 0.0

    def get(self) -> A:
        """The value. Raises the fact or the fault."""
        if self.fault is not None or self.fact is not None:
            # A new object each time: one exception raised in many tasks would collect all their tracebacks.
            raise _copied(self.fault or self.fact)
        return self.value  # type: ignore[return-value]


def _copied(error: FathomError | None) -> FathomError:
    if isinstance(error, ProviderFault):
        return type(error)(str(error), kind=error.kind, retry_after_s=error.retry_after_s, hint=error.hint)
    assert error is not None
    return type(error)(str(error), hint=error.hint)
