"""`ScriptedChat`: a model that says what it was told to say, for tests of everything around models."""

from collections.abc import Callable, Iterable, Sequence

from fathom.core.errors import ConfigError, FathomError
from fathom.core.message import Message, ToolSpec
from fathom.core.model import Frozen
from fathom.llm.protocol import Completion, Sampling

Reply = str | Message | Completion | FathomError


class Asked(Frozen):
    """One request a model was given."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]
    sampling: Sampling
    sticky: str


class ScriptedChat:
    """Replies from a list, in order, or from a function of the messages.

    A reply is a text, an assistant message, a whole completion, or an error to raise. `asked` holds every request.
    Raises `ConfigError` when the list is used up.
    """

    def __init__(self, script: Iterable[Reply] | Callable[[Sequence[Message]], Reply], name: str = "scripted") -> None:
        self.name = name
        self.asked: list[Asked] = []
        self.closed = False
        self._next = script if callable(script) else self._from(list(script))

    @staticmethod
    def _from(replies: list[Reply]) -> Callable[[Sequence[Message]], Reply]:
        left = iter(replies)

        def take(messages: Sequence[Message]) -> Reply:
            for reply in left:
                return reply
            raise ConfigError(f"the script has {len(replies)} replies and was asked for one more")

        return take

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        self.asked.append(Asked(messages=tuple(messages), tools=tuple(tools), sampling=sampling, sticky=sticky))
        reply = self._next(messages)
        if isinstance(reply, FathomError):
            raise reply
        if isinstance(reply, Completion):
            return reply
        message = Message(role="assistant", content=reply) if isinstance(reply, str) else reply
        return Completion(message=message, finish="tool_calls" if message.tool_calls else "stop", model=self.name)

    async def close(self) -> None:
        self.closed = True
