"""A reply on record is never asked for again; neither is a prompt that did not fit sent again."""

from collections.abc import Sequence
from typing import Any

import pytest

from fathom.core.budget import Meter
from fathom.core.errors import ContextOverflowError
from fathom.core.events import MemoryJournal, StepResult
from fathom.core.message import Message, ToolSpec
from fathom.llm.journaled import JournaledModel
from fathom.llm.protocol import Completion, Sampling

PROMPT = [Message(role="user", content="?")]


class SmallModel:
    """A model that takes one short message."""

    name = "small"

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        if len(messages) > 1:
            raise ContextOverflowError("2 messages are too many", hint="send one")
        return Completion(message=Message(role="assistant", content="!"), prompt_tokens=3, completion_tokens=1)

    async def close(self) -> None:
        return None


class RecordedJournal(MemoryJournal):
    """Answers every step with one recorded value."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self._value = value

    async def step(self, kind: Any, request: Any, effect: Any) -> StepResult:
        return StepResult(value=self._value, seconds=2.0)


async def test_replies_are_recorded_and_metered_from_the_record() -> None:
    journal, meter = MemoryJournal(), Meter()
    reply = await JournaledModel(SmallModel(), journal, meter).complete(PROMPT)
    assert reply.message.content == "!" and meter.usage.llm_calls == 1 and meter.usage.prompt_tokens == 3
    again = Meter()
    recorded = RecordedJournal(journal.log[1][1])
    assert await JournaledModel(SmallModel(), recorded, again).complete(PROMPT * 2) == reply
    assert again.usage.llm_calls == 1 and again.usage.seconds == 2.0


async def test_a_prompt_that_did_not_fit_is_on_record() -> None:
    journal, meter = MemoryJournal(), Meter()
    with pytest.raises(ContextOverflowError, match="too many"):
        await JournaledModel(SmallModel(), journal, meter).complete(PROMPT * 2)
    assert [kind for kind, _ in journal.log] == ["model_started", "model_finished"]
    with pytest.raises(ContextOverflowError, match="too many") as caught:
        await JournaledModel(SmallModel(), RecordedJournal(journal.log[1][1]), meter).complete(PROMPT)
    assert caught.value.hint == "send one" and meter.usage.llm_calls == 0
