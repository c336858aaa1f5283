"""What makes an agent: a context policy that says what comes next, the way tools are called, limits.

The loop owns the effects (sampling, tools, budgets, the record); a policy only reads the `State` and decides. So
policies have no effects, and the same loop runs ReAct, guided and every other one.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from pydantic import Field

from fathom.core.budget import Budget, Meter
from fathom.core.config import Config
from fathom.core.evidence import Evidence
from fathom.core.message import Message, ToolCall, ToolSpec
from fathom.core.model import Frozen
from fathom.core.task import Task
from fathom.core.trajectory import BudgetKind, Segment, Turn
from fathom.llm.protocol import Completion, Sampling, TokenTrace
from fathom.llm.wire import ParsedReply
from fathom.tools.protocol import ToolResult

ForcedBy = BudgetKind | Literal["malformed"]
"""Why the final answer is asked for: the limit that was reached, or replies that could not be used."""


class Continue(Frozen):
    """Ask the model for the next turn of this segment."""


class Say(Frozen):
    """Append a user message, then ask the model."""

    text: str


class NewSegment(Frozen):
    """Open a new context with these messages, then ask the model. `sampling` is laid over the agent's own."""

    role: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    sampling: Sampling = Sampling()


class Act(Frozen):
    """Run these calls on the policy's own account, then ask the policy again."""

    calls: tuple[ToolCall, ...]


class Force(Frozen):
    """No use going on like this: ask for the final answer now."""

    why: Literal["malformed"]


class Finish(Frozen):
    """The end. No answer means the agent gave up."""

    answer: str | None


Decision = Continue | Say | NewSegment | Act | Force | Finish


class Observation(Frozen):
    """What a call brought; `error` is the `ToolError` kind where it failed."""

    call: ToolCall
    result: ToolResult
    error: str | None = None


@dataclass
class OpenSegment:
    """A segment that still grows."""

    role: str
    start: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    turns: list[Turn] = field(default_factory=list)
    sampled: tuple[int, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        return self.start + tuple(turn.message for turn in self.turns)

    def add_reply(self, message: Message, tokens: TokenTrace | None) -> None:
        """Append the model's own turn, with the tokens it was sampled as where they are known. `sampled` keeps the ids
        of the last prompt and its continuation."""
        if tokens is None:
            self.turns.append(Turn(message=message, trainable=True))
            return
        kept = _shared_prefix(self.sampled, tokens.prompt_ids)
        self.turns.append(
            Turn(
                message=message,
                trainable=True,
                prompt_kept=kept,
                prompt_ids=tokens.prompt_ids[kept:],
                token_ids=tokens.ids_T,
                logprobs=tokens.logprobs_T,
                policy_version=tokens.policy_version,
            )
        )
        self.sampled = tokens.prompt_ids + tokens.ids_T

    def freeze(self) -> Segment:
        return Segment(role=self.role, start=self.start, tools=self.tools, turns=tuple(self.turns))


def _shared_prefix(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    if b[: len(a)] == a:
        return len(a)
    return next(i for i, (x, y) in enumerate(zip(a, (*b, None), strict=False)) if x != y)


@dataclass
class State:
    """An attempt as its policy sees it. `date` is the task's today (ISO 8601). `reply` is the last reply read,
    `observations` what its calls (or the policy's last `Act`) brought, `malformed` how many replies in a row could not
    be used. `forced` is set once the final answer has been asked for, `overflowed` when a prompt no longer fitted."""

    task: Task
    date: str
    meter: Meter
    segments: list[OpenSegment] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    reply: ParsedReply | None = None
    observations: list[Observation] = field(default_factory=list)
    malformed: int = 0
    context_tokens: int = 0
    calls_made: int = 0
    forced: ForcedBy | None = None
    overflowed: bool = False

    @property
    def segment(self) -> OpenSegment:
        return self.segments[-1]


class ContextPolicy(Protocol):
    """Says what the next prompt is. A policy may keep what it worked out so far on itself: one instance serves one
    attempt, and given the same replies and observations it decides the same."""

    def first(self, state: State) -> NewSegment:
        """How the attempt begins."""
        ...

    def read(self, completion: Completion, state: State) -> ParsedReply:
        """What the model's reply says. Total."""
        ...

    def record(self, completion: Completion, reply: ParsedReply) -> Message:
        """The assistant message to keep; prompts of a segment only ever grow."""
        ...

    def observe(self, observation: Observation) -> Message:
        """The message that tells the model what a call brought."""
        ...

    def after(self, state: State) -> Decision:
        """What comes next. When `state.forced` is set anything but `Finish` asks the model once more."""
        ...

    def force(self, state: State) -> Say | NewSegment | Finish:
        """How to ask for the final answer now, with what is known; `Finish` where asking can bring nothing. Never
        drops evidence."""
        ...

    def last_resort(self, state: State) -> str | None:
        """An answer out of what is known when the model would not give one, or None."""
        ...


class AgentConfig(Config):
    """Limits and sampling of an agent; the defaults are the released system's evaluation settings where it has them."""

    budget: Budget = Budget()
    sampling: Sampling = Sampling(temperature=0.85, top_p=0.95, presence_penalty=1.1, max_tokens=10_000)
    observation_chars: int = Field(default=48_000, ge=200, description="longest observation, in characters")
    malformed_limit: int = Field(default=3, ge=1, description="unusable replies in a row before the answer is forced")
