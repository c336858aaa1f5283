"""What a language model is to the rest of fathom.

`ChatModel` takes messages and gives a completion; `TokenModel` takes and gives token ids with log-probabilities, for
training. Implementations raise `ModelFault` (may work later), `ModelRequestError` (never will) or
`ContextOverflowError`; a failure is never text in a completion.
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from pydantic import Field

from fathom.core.message import Message, ToolSpec
from fathom.core.model import Frozen
from fathom.llm.wire import Malformed

FinishReason = Literal["stop", "length", "tool_calls"]


class Sampling(Frozen):
    """How to sample. None leaves the endpoint's default. `json_schema` constrains the reply to JSON of that schema;
    `enable_thinking` is passed to chat templates that know the switch."""

    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    presence_penalty: float | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    stop: tuple[str, ...] = ()
    seed: int | None = Field(default=None, ge=0)
    json_schema: dict[str, Any] | None = None
    enable_thinking: bool | None = None


class TokenTrace(Frozen):
    """One call of a token model: the prompt it was given, the ids it sampled (with the end-of-turn id where it sampled
    one), their log-probabilities (nats) under the sampling distribution, the number of weight updates before the
    first of them was sampled."""

    prompt_ids: tuple[int, ...]
    ids_T: tuple[int, ...]
    logprobs_T: tuple[float, ...]
    policy_version: int = 0


class Completion(Frozen):
    """One reply. `message` has reasoning already taken out of `content`; `model` is the name the endpoint gave itself;
    token counts as the endpoint reported them (0 where it did not). `malformed` tells of the first native tool call
    that could not be read; calls before it are in `message`. `tokens` is there where a token model was behind it."""

    message: Message
    finish: FinishReason = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    model: str = ""
    malformed: Malformed | None = None
    tokens: TokenTrace | None = None


class ChatModel(Protocol):
    """A chat model. `name` is what reports show."""

    @property
    def name(self) -> str: ...

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        """The next assistant message. Calls with equal `sticky` go to the same server of a pool while it is healthy."""
        ...

    async def close(self) -> None: ...


class ChoiceModel(Protocol):
    """What a chat model may offer besides: a choice among given texts, surer than asking for one in words."""

    async def choose(self, messages: Sequence[Message], options: Sequence[str]) -> tuple[float, ...]:
        """The log-probability (nats) of each option as the next assistant message, where it must be one of them; their
        exponentials sum to one. Raises as `ChatModel.complete`."""
        ...


class TokenModel(Protocol):
    """A model sampled by token ids."""

    async def sample(self, prompt_ids: Sequence[int], sampling: Sampling, *, sticky: str = "") -> TokenTrace:
        """The continuation of `prompt_ids`, up to `sampling.max_tokens` or an end-of-turn id. Calls with equal `sticky`
        that extend one another reuse what was computed. Raises `ContextOverflowError`, and `ModelClosedError` once it
        is closed."""
        ...

    async def close(self) -> None:
        """End it. Calls under way raise `ModelClosedError`."""
        ...
