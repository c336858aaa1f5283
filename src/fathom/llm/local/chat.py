"""`LocalChat`: a token model, of this process or behind HTTP, as a `ChatModel`.

It remembers the ids of its own replies by the conversation they ended, so the prompt of the next turn is what was
sampled plus what is new: the text of a reply is never tokenised again. Nothing else is kept between calls.
"""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from fathom.core.errors import ModelRequestError
from fathom.core.message import Message, ToolSpec
from fathom.llm.local.load import load_model, load_renderer
from fathom.llm.local.sampler import LocalSampler, SamplerConfig
from fathom.llm.protocol import Completion, Sampling, TokenModel, TokenTrace
from fathom.llm.render.renderer import Renderer

_REMEMBERED = 4096  # conversations


class LocalChat:
    """Chat over any `TokenModel`, mostly a `LocalSampler`; is one itself. Tools are offered in the text of the system
    prompt, not natively."""

    def __init__(self, sampler: TokenModel, renderer: Renderer, name: str) -> None:
        self.sampler, self.renderer, self.name = sampler, renderer, name
        self._said: OrderedDict[tuple[tuple[str, str], ...], tuple[int, ...]] = OrderedDict()

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        """As `ChatModel.complete`. A JSON schema or native tools raise `ModelRequestError`."""
        if tools or sampling.json_schema is not None:
            raise ModelRequestError(
                f"{self.name} takes neither native tools nor a schema", hint="use the calling strategy tagged"
            )
        key = tuple((message.role, self.renderer.content(message)) for message in messages)
        trace = await self.sampler.sample(self._prompt(messages, key), sampling, sticky=sticky)
        text, ended = self.renderer.parse(trace.ids_T)
        for stop in sampling.stop:
            text = text.partition(stop)[0]
        self._remember((*key, ("assistant", text.strip())), trace.prompt_ids + trace.ids_T, ended)
        return Completion(
            message=Message(role="assistant", content=text),
            finish="stop" if ended else "length",
            prompt_tokens=len(trace.prompt_ids),
            completion_tokens=len(trace.ids_T),
            model=self.name,
            tokens=trace,
        )

    async def sample(self, prompt_ids: Sequence[int], sampling: Sampling, *, sticky: str = "") -> TokenTrace:
        """As `TokenModel.sample`."""
        return await self.sampler.sample(prompt_ids, sampling, sticky=sticky)

    async def close(self) -> None:
        await self.sampler.close()

    def _prompt(self, messages: Sequence[Message], key: tuple[tuple[str, str], ...]) -> tuple[int, ...]:
        for count in range(len(messages), 0, -1):
            if messages[count - 1].role == "assistant" and (known := self._said.get(key[:count])) is not None:
                return known + self.renderer.continued(messages[count:])
        return self.renderer.render(messages)

    def _remember(self, key: tuple[tuple[str, str], ...], ids: tuple[int, ...], ended: bool) -> None:
        if not ended:  # the next prompt has to close the turn, which the sampled ids did not
            ids = (*ids, self.renderer.end_id)
        self._said[key] = ids
        self._said.move_to_end(key)
        if len(self._said) > _REMEMBERED:
            self._said.popitem(last=False)


def load_chat(folder: Path, config: SamplerConfig = SamplerConfig()) -> LocalChat:
    """The model of a folder, ready to chat. Raises `InputError` and `ConfigError`."""
    renderer = load_renderer(folder)
    return LocalChat(LocalSampler(load_model(folder), renderer.end_id, config), renderer, folder.name)
