"""`FaultyChat`: a model behind a bad line. Faults come from a seed, so a run against it can be repeated."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import ModelFault
from fathom.core.message import Message, ToolSpec
from fathom.core.seeds import stream
from fathom.llm.protocol import ChatModel, Completion, Sampling


class FaultRates(Config):
    """Shares of calls that meet each fault; the rest go through."""

    refused: float = Field(default=0.0, ge=0, le=1, description="connection refused")
    timeout: float = Field(default=0.0, ge=0, le=1, description="no reply in time, after `slow_s`")
    rate_limited: float = Field(default=0.0, ge=0, le=1, description="429 that names no time")
    retry_after: float = Field(default=0.0, ge=0, le=1, description="429 with Retry-After of `retry_after_s`")
    server_error: float = Field(default=0.0, ge=0, le=1, description="500")
    garbage: float = Field(default=0.0, ge=0, le=1, description="a reply that is not JSON")
    empty: float = Field(default=0.0, ge=0, le=1, description="a reply that says nothing")
    truncated: float = Field(default=0.0, ge=0, le=1, description="a reply cut off in the middle, told by its finish")
    slow: float = Field(default=0.0, ge=0, le=1, description="a good reply, `slow_s` late")
    slow_s: float = Field(default=30.0, ge=0, description="seconds of waiting for slow replies and timeouts")
    retry_after_s: float = Field(default=1.0, ge=0, description="seconds that a 429 with Retry-After asks for")

    @property
    def share(self) -> float:
        """The share of calls that meet any."""
        return float(sum(getattr(self, kind) for kind in _KINDS))


_RAISED = {
    "refused": "connection refused",
    "timeout": "no whole reply in time",
    "rate_limited": "the endpoint answered 429: too many requests",
    "retry_after": "the endpoint answered 429: too many requests",
    "server_error": "the endpoint answered 500: internal server error",
    "garbage": "the reply is not JSON: '<html>'",
    "empty": "the model's reply is empty",
}
_KINDS = (*_RAISED, "truncated", "slow")


class FaultyChat:
    """Any chat model with faults around it. `counts` tells how many calls met which fault; "none" went through."""

    def __init__(
        self,
        model: ChatModel,
        rates: FaultRates = FaultRates(),
        seed: int = 0,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._model, self._rates, self._sleep = model, rates, sleep
        self._rng = stream(seed, "faulty model")
        self.counts: Counter[str] = Counter()

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
        """As the model's own `complete`, unless the lot falls on a fault. A raised fault never reaches the model."""
        kind = self._draw()
        self.counts[kind] += 1
        if kind in ("timeout", "slow"):
            await self._sleep(self._rates.slow_s)
        if kind in _RAISED:
            wait = self._rates.retry_after_s if kind == "retry_after" else None
            raise ModelFault(_RAISED[kind], retry_after_s=wait)
        completion = await self._model.complete(messages, tools, sampling, sticky=sticky)
        return _cut(completion) if kind == "truncated" else completion

    async def close(self) -> None:
        await self._model.close()

    def _draw(self) -> str:
        lot = self._rng.random()
        for kind in _KINDS:
            lot -= getattr(self._rates, kind)
            if lot < 0:
                return kind
        return "none"


def _cut(completion: Completion) -> Completion:
    """The first half of the text, without the calls that would have come after it."""
    text = completion.message.content
    message = completion.message.model_copy(update={"content": text[: len(text) // 2], "tool_calls": ()})
    return completion.model_copy(update={"message": message, "finish": "length"})
