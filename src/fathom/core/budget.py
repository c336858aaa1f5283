"""Budgets: hard limits that always leave room to answer.

Part of each limit is kept back for the final answer (`reserve`): research ends when the rest is spent, and the answer
is then asked for out of the reserve. Seconds are the recorded waits for models and tools, so a run that is resumed or
replayed spends exactly what it spent the first time.
"""

import math

from pydantic import Field

from fathom.core.model import Frozen
from fathom.core.trajectory import BudgetKind, Usage

FINAL_CALLS = 2  # a forced answer is asked for at most this often


class Budget(Frozen):
    """Limits of one attempt. None means unlimited."""

    llm_calls: int | None = Field(default=128, ge=1, description="model calls, the final answer's included")
    tool_calls: int | None = Field(default=128, ge=0, description="tool calls")
    tokens: int | None = Field(default=None, ge=1, description="prompt plus completion tokens over all calls")
    context_tokens: int | None = Field(default=None, ge=1, description="size of one prompt plus its completion")
    seconds: float | None = Field(default=9000.0, gt=0, description="seconds spent waiting for models and tools")
    reserve: float = Field(default=0.15, ge=0.0, lt=1.0, description="share of each limit kept for the final answer")

    def exhausted(self, usage: Usage, context_tokens: int = 0) -> BudgetKind | None:
        """The first limit whose research share is spent, or None. `context_tokens` is the size of the last prompt plus
        completion. Tool calls have no reserve: an answer needs none. One to `FINAL_CALLS` model calls are kept back."""
        spent = usage.prompt_tokens + usage.completion_tokens
        if self.llm_calls is not None:
            kept = min(FINAL_CALLS, max(1, math.floor(self.llm_calls * self.reserve)))
            if usage.llm_calls >= self.llm_calls - kept:
                return "llm_calls"
        if self.tool_calls is not None and usage.tool_calls >= self.tool_calls:
            return "tool_calls"
        # The next prompt is at least as large as the last, and the final answer needs one, too.
        if self.tokens is not None and max(spent / (1 - self.reserve), spent + context_tokens) >= self.tokens:
            return "tokens"
        if self.context_tokens is not None and context_tokens >= self.context_tokens * (1 - self.reserve):
            return "context"
        if self.seconds is not None and usage.seconds >= self.seconds * (1 - self.reserve):
            return "seconds"
        return None


class Meter:
    """What an attempt has spent so far, model and tool calls of every part of it together."""

    def __init__(self) -> None:
        self.usage = Usage()

    def add(self, **spent: float) -> None:
        """Add to the counts by `Usage` field name, as in `add(llm_calls=1, seconds=0.2)`."""
        self.usage = self.usage + Usage.model_validate(spent)
