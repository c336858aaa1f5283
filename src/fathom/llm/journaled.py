"""`JournaledModel`: a model whose replies are a run's record. A reply once recorded is never sampled again."""

from collections.abc import Sequence
from typing import Any

from fathom.core.budget import Meter
from fathom.core.errors import ContextOverflowError
from fathom.core.events import Journal
from fathom.core.message import Message, ToolSpec
from fathom.core.model import content_hash
from fathom.llm.protocol import ChatModel, Completion, Sampling


class JournaledModel:
    """Wraps any `ChatModel`; what it spends is added to `meter`, from the record on a resumed or replayed run. That a
    prompt did not fit is recorded like any reply: the agent acts on it, so a resumed run must be told the same."""

    def __init__(self, model: ChatModel, journal: Journal, meter: Meter) -> None:
        self._model, self._journal, self._meter = model, journal, meter
        self.name = model.name

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        async def effect() -> Any:
            try:
                completion = await self._model.complete(messages, tools, sampling, sticky=sticky)
            except ContextOverflowError as error:
                return {"overflow": str(error), "hint": error.hint}
            return completion.model_dump(mode="json")

        request = {
            "model": self.name,
            "messages": len(messages),
            "prompt": content_hash([message.model_dump(mode="json") for message in messages]),
            "tools": [tool.name for tool in tools],
            "sampling": sampling.model_dump(mode="json", exclude_none=True),
        }
        result = await self._journal.step("model", request, effect)
        if "overflow" in result.value:
            self._meter.add(seconds=result.seconds)
            raise ContextOverflowError(result.value["overflow"], hint=result.value["hint"])
        completion = Completion.model_validate(result.value)
        self._meter.add(
            llm_calls=1,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            seconds=result.seconds,
        )
        return completion

    async def close(self) -> None:
        await self._model.close()
