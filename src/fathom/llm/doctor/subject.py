"""The model under examination: asks it within bounds, and turns what it raises into something a probe can report."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import ContextOverflowError, FathomError
from fathom.core.message import Message, ToolSpec
from fathom.llm.protocol import ChatModel, Completion, Sampling

THINKING_TOKENS = 2048  # room for the thought of a model that thinks before it speaks


class DoctorConfig(Config):
    """Bounds of an examination."""

    max_context_tokens: int = Field(default=131_072, ge=1024, description="longest prompt tried, in tokens")
    budget_tokens: int = Field(default=400_000, ge=1000, description="prompt and completion tokens over all probes")
    budget_s: float = Field(default=240.0, gt=0, description="seconds over all probes")
    seed: int = Field(default=7, description="of the filler text and the planted codes")


@dataclass(frozen=True)
class Heard:
    """One reply, or why there is none. `text` is all that was said, thoughts included."""

    completion: Completion | None = None
    error: FathomError | None = None
    seconds: float = 0.0

    @property
    def text(self) -> str:
        if self.completion is None:
            return ""
        message = self.completion.message
        return f"{message.reasoning or ''}\n{message.content}".strip()

    @property
    def content(self) -> str:
        return self.completion.message.content if self.completion else ""

    @property
    def overflowed(self) -> bool:
        return isinstance(self.error, ContextOverflowError)

    @property
    def why_not(self) -> str:
        """One line on what went wrong, empty where nothing did."""
        return " ".join(str(self.error).split()) if self.error else ""


class TimedOutError(FathomError):
    """The examination's time ran out, or one request took longer than it allows."""


@dataclass
class Subject:
    """Counts what the examination costs and keeps what was heard. `thinks` is set once a thought has been seen."""

    model: ChatModel
    config: DoctorConfig
    clock: Callable[[], float] = time.monotonic
    thinks: bool = False
    replies: list[Completion] = field(default_factory=list)
    calls: int = 0
    tokens: int = 0
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()

    @property
    def seconds_left(self) -> float:
        return self.config.budget_s - (self.clock() - self.began)

    @property
    def tokens_left(self) -> int:
        return self.config.budget_tokens - self.tokens

    async def ask(
        self,
        question: str | Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        max_tokens: int = 64,
    ) -> Heard:
        """Ask once, at temperature 0. Never raises for what the endpoint does; once the time is up asks no more."""
        if self.seconds_left <= 0:
            return Heard(error=TimedOutError(f"not tried: the {self.config.budget_s:g} s were up"))
        messages = [Message(role="user", content=question)] if isinstance(question, str) else list(question)
        room = max_tokens + (THINKING_TOKENS if self.thinks and max_tokens > 1 else 0)
        asked = sampling.model_copy(update={"temperature": 0.0, "max_tokens": room, "seed": self.config.seed})
        began = self.clock()
        self.calls += 1
        # A request that hangs leaves half of the time to the other probes.
        limit = self.seconds_left / 2
        try:
            async with asyncio.timeout(limit):
                completion = await self.model.complete(messages, tools, asked)
        except TimeoutError:
            error = TimedOutError(f"no reply within {limit:.0f} s")
            return Heard(error=error, seconds=self.clock() - began)
        except FathomError as error:
            return Heard(error=error, seconds=self.clock() - began)
        self.tokens += completion.prompt_tokens + completion.completion_tokens
        if not completion.prompt_tokens:
            self.tokens += sum(len(message.content) for message in messages) // 4
        self.replies.append(completion)
        self.thinks = self.thinks or completion.message.reasoning is not None
        return Heard(completion=completion, seconds=self.clock() - began)
