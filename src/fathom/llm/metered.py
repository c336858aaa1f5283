"""`MeteredModel`: a model whose spending is counted and nothing else recorded, for attempts made by the thousand."""

import time
from collections.abc import Sequence

from fathom.core.budget import Meter
from fathom.core.message import Message, ToolSpec
from fathom.llm.protocol import ChatModel, Completion, Sampling


class MeteredModel:
    """Wraps any `ChatModel`; what it spends is added to `meter`."""

    def __init__(self, model: ChatModel, meter: Meter) -> None:
        self._model, self._meter = model, meter
        self.name = model.name

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        began = time.perf_counter()
        try:
            completion = await self._model.complete(messages, tools, sampling, sticky=sticky)
        finally:
            self._meter.add(seconds=time.perf_counter() - began)
        self._meter.add(
            llm_calls=1, prompt_tokens=completion.prompt_tokens, completion_tokens=completion.completion_tokens
        )
        return completion

    async def close(self) -> None:
        await self._model.close()
