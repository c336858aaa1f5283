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

_REMEMBERED = 4096  # turns
_Key = tuple[tuple[str, str], ...]  # role and content of each message


class LocalChat:
    """Chat over any `TokenModel`, mostly a `LocalSampler`; is one itself. Tools are offered in the text of the system
    prompt, not natively."""

    def __init__(self, sampler: TokenModel, renderer: Renderer, name: str) -> None:
        self.sampler, self.renderer, self.name = sampler, renderer, name
        self._said: OrderedDict[tuple[str, _Key], tuple[int, ...]] = OrderedDict()

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        """As `ChatModel.complete`. Calls of one conversation have a `sticky` of their own: by it and the messages its
        ids are known again. Native tools, a JSON schema and a presence penalty raise `ModelRequestError`."""
        if tools or sampling.json_schema is not None:
            raise ModelRequestError(
                f"{self.name} takes neither native tools nor a schema", hint="use the calling strategy tagged"
            )
        if sampling.presence_penalty:
            raise ModelRequestError(
                f"{self.name} has no presence penalty", hint="--set limits.sampling.presence_penalty=0"
            )
        key = tuple((message.role, self.renderer.content(message)) for message in messages)
        trace = await self.sampler.sample(self._prompt(messages, key, sticky), sampling, sticky=sticky)
        text, ended = self.renderer.parse(trace.ids_T)
        stopped = any(stop in text for stop in sampling.stop)
        if stopped:
            trace, text = self._cut(trace, sampling.stop)
            ended = False
        self._remember(sticky, (*key, ("assistant", text.strip())), trace.prompt_ids + trace.ids_T, ended)
        return Completion(
            message=Message(role="assistant", content=text),
            finish="stop" if ended or stopped else "length",
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

    def _cut(self, trace: TokenTrace, stops: Sequence[str]) -> tuple[TokenTrace, str]:
        """The trace up to the token that completes a stop string, and its text up to that string. What was sampled
        after it is neither context nor trained on."""
        for count in range(1, len(trace.ids_T) + 1):
            text, _ = self.renderer.parse(trace.ids_T[:count])
            if found := [text.index(stop) for stop in stops if stop in text]:
                break
        shorter = {"ids_T": trace.ids_T[:count], "logprobs_T": trace.logprobs_T[:count]}
        return trace.model_copy(update=shorter), text[: min(found)]

    def _prompt(self, messages: Sequence[Message], key: _Key, sticky: str) -> tuple[int, ...]:
        for count in range(len(messages), 0, -1):
            if messages[count - 1].role == "assistant" and (known := self._said.get((sticky, key[:count]))):
                return known + self.renderer.continued(messages[count:])
        return self.renderer.render(messages)

    def _remember(self, sticky: str, key: _Key, ids: tuple[int, ...], ended: bool) -> None:
        if not ended:  # the next prompt has to close the turn, which the sampled ids did not
            ids = (*ids, self.renderer.end_id)
        self._said[sticky, key] = ids
        self._said.move_to_end((sticky, key))
        if len(self._said) > _REMEMBERED:
            self._said.popitem(last=False)


def load_chat(folder: Path, config: SamplerConfig = SamplerConfig()) -> LocalChat:
    """The model of a folder, ready to chat. Raises `InputError` and `ConfigError`."""
    renderer = load_renderer(folder)
    return LocalChat(LocalSampler(load_model(folder), renderer.end_id, config), renderer, folder.name)
