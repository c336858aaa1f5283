"""Trajectories: what an agent did, as segments of turns.

A `Segment` is one contiguous context: the messages it started from and the turns that followed. ReAct has one segment,
a policy that rewrites its context has one per rewrite. A segment is also exactly one training sample. The published
form is JSONL, one trajectory a line, described in docs/data_formats.md.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from fathom.core.evidence import Evidence
from fathom.core.message import Message, ToolCall, ToolSpec
from fathom.core.model import Frozen

SCHEMA: Literal["fathom.trajectory/1"] = "fathom.trajectory/1"
BudgetKind = Literal["llm_calls", "tool_calls", "tokens", "context", "seconds"]


class Usage(Frozen):
    """Counts; tokens as the endpoint reported them, seconds of waiting for models and tools."""

    llm_calls: int = 0
    tool_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in Usage.model_fields})


class Turn(Frozen):
    """One message in a segment. `token_ids` and `logprobs` are as sampled, never re-tokenised text; `trainable` marks
    the policy's own messages. An observation names the `call` it answers and the kind of error where it failed;
    `infra` marks those that asked for something, if only in part, that could not be reached.

    The prompt a turn was sampled from is the first `prompt_kept` ids of (prompt and sampled ids of the sampled turn
    before it in the segment), then `prompt_ids`: so a long segment is stored once, and not once per turn.
    `policy_version` is that of the weights that sampled it.
    """

    message: Message
    trainable: bool = False
    prompt_kept: int = 0
    prompt_ids: tuple[int, ...] | None = None
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    policy_version: int = 0
    call: ToolCall | None = None
    tool_error: str | None = None
    infra: bool = False


class Segment(Frozen):
    """`start` holds the messages the segment opened with, `tools` those offered natively (not in the
    text), `role` what it was for ("react", "plan", "answer")."""

    role: str
    start: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    turns: tuple[Turn, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        return self.start + tuple(turn.message for turn in self.turns)


class StopReason(Frozen):
    """Why the agent stopped. `budget` is set exactly when a limit ended the search; an answer may still have been
    given by then (`forced`)."""

    kind: Literal["answered", "gave_up", "budget", "malformed", "failed"]
    budget: BudgetKind | None = None
    forced: bool = False

    @model_validator(mode="after")
    def _budget_named(self) -> Self:
        if (self.kind == "budget") != (self.budget is not None):
            raise ValueError("budget is set exactly when kind is 'budget'")
        return self


class Failure(Frozen):
    """The fault a trajectory died of: its class name and its one line."""

    error: str
    message: str


class Trajectory(Frozen):
    """A whole attempt at one task. `failure` is set exactly when `stop.kind` is "failed"; such a trajectory gets no
    reward and no gradient and is counted in every report."""

    schema_: Literal["fathom.trajectory/1"] = Field(default=SCHEMA, alias="schema")
    task_id: str
    agent: str
    model: str
    segments: tuple[Segment, ...]
    answer: str | None
    stop: StopReason
    failure: Failure | None = None
    evidence: tuple[Evidence, ...] = ()
    usage: Usage = Usage()
    seed: int = 0
    config_hash: str = ""

    model_config = {"populate_by_name": True}

    @model_validator(mode="after")
    def _failure_named(self) -> Self:
        if (self.stop.kind == "failed") != (self.failure is not None):
            raise ValueError("failure is set exactly when stop.kind is 'failed'")
        return self
