"""A provider's lane: its rate, its slots, its breaker, and the pause it asked for. All services that use it share."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from fathom.sandbox.gateway.breaker import Breaker, BreakerConfig
from fathom.sandbox.gateway.service import LaneConfig

_WHOLE = 1.0 - 1e-9  # of a token: what flowed in is a sum of floats


class TokenBucket:
    """`rate_per_s` tokens flow in, at most `burst` are kept. Not thread-safe; times are of one monotonic clock."""

    def __init__(self, rate_per_s: float, burst: int, now: float) -> None:
        self._rate, self._burst = rate_per_s, float(burst)
        self._tokens, self._at = float(burst), now

    def wait_s(self, now: float) -> float:
        """Seconds until there is a token."""
        self._flow(now)
        return 0.0 if self._tokens >= _WHOLE else (1.0 - self._tokens) / self._rate

    def take(self, now: float) -> None:
        """Take one. Raises `ValueError` where there is none."""
        self._flow(now)
        if self._tokens < _WHOLE:
            raise ValueError("no token")
        self._tokens -= 1.0

    def _flow(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)


class Lane:
    """What is known of one provider and what it may be asked. Belongs to one event loop."""

    def __init__(self, name: str, limits: LaneConfig, breaker: BreakerConfig, now: float) -> None:
        self.name, self.limits = name, limits
        self.breaker = Breaker(breaker)
        self.slots = asyncio.Semaphore(limits.slots)
        self.requests = self.failures = self._running = 0
        self.refused = False  # it would not have us, which its user has been told
        self._bucket = TokenBucket(limits.rate_per_s, limits.burst, now) if limits.rate_per_s else None
        self._paused_until = 0.0

    def rest_s(self, now: float) -> float:
        """Seconds it is to be left alone for, by its breaker or by its own wish."""
        return max(self.breaker.wait_s(now), self._paused_until - now, 0.0)

    def rate_s(self, now: float) -> float:
        """Seconds until its rate allows a call."""
        return self._bucket.wait_s(now) if self._bucket else 0.0

    def pause(self, now: float, seconds: float) -> None:
        """Leave it alone for so long; all callers do."""
        self._paused_until = max(self._paused_until, now + seconds)

    @contextmanager
    def calling(self, now: float) -> Iterator[bool]:
        """Around one request, whose outcome the caller tells the breaker; whether it is the breaker's trial."""
        if self._bucket:
            self._bucket.take(now)
        self.requests += 1
        self._running += 1
        trial = self.breaker.begin(now)
        try:
            yield trial
        except BaseException:
            self.breaker.abandon(trial=trial)
            raise
        finally:
            self._running -= 1

    def idle(self, now: float) -> bool:
        """Whether it may be forgotten: nothing runs and nothing is waited for. What it failed before is lost."""
        return not self._running and not self.rest_s(now) and not self.rate_s(now)
