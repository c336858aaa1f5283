"""Asking again: when, how often, and when to give up.

Only `ModelFault` is worth another try. The wait grows exponentially with full jitter, is never shorter than what the
server asked for (Retry-After, up to a cap), and all tries share one deadline. Clock, sleep and randomness are
parameters, so nothing here needs real time to be tested.

Reference: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import ModelFault
from fathom.core.message import Message, ToolSpec
from fathom.llm.protocol import ChatModel, Completion, Sampling

T = TypeVar("T")


class RetryConfig(Config):
    """How a failed model call is tried again."""

    attempts: int = Field(default=10, ge=1, description="tries in all, the first included (released system: 10)")
    first_wait_s: float = Field(
        default=1.0, gt=0, description="longest wait after the first failure; doubles each time"
    )
    max_wait_s: float = Field(default=30.0, gt=0, description="longest wait of our own (released system: 30)")
    max_retry_after_s: float = Field(default=120.0, ge=0, description="longest wait taken over from Retry-After")
    deadline_s: float = Field(default=1800.0, gt=0, description="seconds for all tries and waits together")


OnWait = Callable[[ModelFault, float], None]
"""Called before each wait with the fault that made it necessary and the seconds it will take."""


def _silent(fault: ModelFault, wait_s: float) -> None:
    return None


class Retry:
    """Runs an attempt until it works, fails for good, or tries or time are used up."""

    def __init__(
        self,
        config: RetryConfig = RetryConfig(),
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
        on_wait: OnWait = _silent,
    ) -> None:
        self._config, self._clock, self._sleep, self._on_wait = config, clock, sleep, on_wait
        self._rng = rng or random.Random()

    async def run(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What `attempt` gives. Raises what it raised last, with the number of tries, or `ModelFault` at the deadline;
        a wait that would end after the deadline is not begun."""
        ends = self._clock() + self._config.deadline_s
        tries = 0
        while True:
            tries += 1
            try:
                async with asyncio.timeout(max(0.0, ends - self._clock())):
                    return await attempt()
            except TimeoutError:
                raise ModelFault(f"no reply within {self._config.deadline_s:g} s ({tries} tries)") from None
            except ModelFault as fault:
                wait = self.wait_s(tries, fault.retry_after_s)
                if tries >= self._config.attempts or self._clock() + wait >= ends:
                    raise _after(fault, tries) from fault
                self._on_wait(fault, wait)
            await self._sleep(wait)

    def wait_s(self, failures: int, asked_s: float | None = None) -> float:
        """Seconds to wait after so many failures in a row; `asked_s` is what the server asked for."""
        wait = backoff_s(self._rng, failures, self._config.first_wait_s, self._config.max_wait_s)
        return wait if asked_s is None else max(wait, min(asked_s, self._config.max_retry_after_s))


def backoff_s(rng: random.Random, failures: int, first_s: float, max_s: float) -> float:
    """Seconds to wait after so many failures in a row: anything up to `first_s`, doubled with each, at most `max_s`."""
    return rng.uniform(0.0, min(max_s, first_s * 2.0 ** min(failures - 1, 60)))


def _after(fault: ModelFault, tries: int) -> ModelFault:
    if tries == 1:
        return fault
    return ModelFault(f"{fault} (tried {tries} times)", retry_after_s=fault.retry_after_s, hint=fault.hint)


def retry_after_s(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Seconds from now that the headers `retry-after-ms` or `retry-after` ask for, or None.

    Retry-After is a number of seconds or an HTTP date; one in the past means 0. What is neither is not there.
    """
    scale, value = 0.001, headers.get("retry-after-ms")
    if value is None:
        scale, value = 1.0, headers.get("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value) * scale
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            return None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        seconds = (date - datetime.fromtimestamp(now(), UTC)).total_seconds()
    return max(0.0, seconds) if seconds < float("inf") else None


class RetryingChat:
    """A chat model that asks again when the one inside fails in a way that may pass."""

    def __init__(self, model: ChatModel, retry: Retry | None = None) -> None:
        self._model = model
        self._retry = retry or Retry()

    @property
    def name(self) -> str:
        return self._model.name

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        return await self._retry.run(lambda: self._model.complete(messages, tools, sampling, sticky=sticky))

    async def close(self) -> None:
        await self._model.close()
