"""The breaker of one provider: after too many failures it is left alone, then tried by one call at a time.

Reference: Nygard, "Release It!", 2007. Here a caller learns when it may try, so that it can wait within its deadline.
"""

from collections import deque

from pydantic import Field

from fathom.core.config import Config


class BreakerConfig(Config):
    """When a provider is left alone, and for how long."""

    window_s: float = Field(default=30.0, gt=0, description="how long an outcome counts")
    least: int = Field(default=20, ge=1, description="outcomes before their share says anything")
    share: float = Field(default=0.8, gt=0, le=1, description="failures among them that open it")
    in_a_row: int = Field(default=10, ge=1, description="failures in a row that open it, too")
    open_s: float = Field(default=1.0, gt=0, description="rest after it opened; doubles with each failed trial")
    max_open_s: float = Field(default=60.0, gt=0, description="longest rest")


class Breaker:
    """Not thread-safe; times are seconds of one monotonic clock."""

    def __init__(self, config: BreakerConfig = BreakerConfig()) -> None:
        self._config = config
        self._outcomes: deque[tuple[float, bool]] = deque()
        self._failures = self._row = self._refusals = self._rests = 0
        self._opens_at = 0.0
        self._open = self._trying = False

    @property
    def is_open(self) -> bool:
        return self._open

    def wait_s(self, now: float) -> float:
        """Seconds until a call may be made, as far as is known: while a trial is under way its end is not."""
        if not self._open:
            return 0.0
        return max(self._opens_at - now, 0.05 if self._trying else 0.0)

    def begin(self, now: float) -> bool:
        """A call is made. Whether it is the trial, which its outcome has to be told with: calls that began before the
        breaker opened may still end."""
        trial = self._open and not self._trying
        self._trying = self._trying or trial
        return trial

    def succeed(self, now: float, *, trial: bool = False) -> None:
        """A call did its work."""
        if trial:
            self._open, self._trying, self._rests = False, False, 0
            self._outcomes.clear()
            self._failures = 0
        self._row = self._refusals = 0
        self._count(now, failed=False)

    def fail(self, now: float, *, trial: bool = False, rest_s: float | None = None) -> None:
        """A call failed. `rest_s` says that the caller was refused, which will hardly mend by itself: it opens at once
        where no call did its work lately, else with the second refusal between two that do, and rests longer from trial
        to trial up to so long."""
        self._row += 1
        self._refusals += rest_s is not None
        self._count(now, failed=True)
        config = self._config
        refused = rest_s is not None and (self._refusals > 1 or self._failures == len(self._outcomes))
        many = len(self._outcomes) >= config.least and self._failures >= config.share * len(self._outcomes)
        opens = trial or (not self._open and (refused or many or self._row >= config.in_a_row))
        if opens:
            longest = config.max_open_s if rest_s is None else rest_s
            self._rest(now, min(longest, config.open_s * 2.0 ** min(self._rests, 30)))
            self._rests += 1
        self._trying = self._trying and not trial

    def abandon(self, *, trial: bool) -> None:
        """A call ended without saying anything of the provider: cancelled, or out of its own time."""
        self._trying = self._trying and not trial

    def _rest(self, now: float, seconds: float) -> None:
        self._open, self._opens_at = True, max(self._opens_at, now + seconds)

    def _count(self, now: float, *, failed: bool) -> None:
        self._outcomes.append((now, failed))
        self._failures += failed
        while self._outcomes[0][0] < now - self._config.window_s:
            self._failures -= self._outcomes.popleft()[1]
