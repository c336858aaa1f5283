"""`RecordedChat`: replies kept in a JSONL file and given back without the model.

A request is known by the hash of its messages, tools and sampling. The n-th time the same request is made, the n-th
reply to it is given, so several samples of one prompt stay several.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from fathom.core.errors import InputError, ReplayError
from fathom.core.jsonl import append, read_records
from fathom.core.message import Message, ToolSpec
from fathom.core.model import Frozen, content_hash
from fathom.llm.protocol import ChatModel, Completion, Sampling


class RecordedReply(Frozen):
    """One line of the file. `model` is the name of the model that was asked, `request` the request's hash."""

    model: str
    request: str
    completion: Completion


class RecordedChat:
    """A chat model that records what another one says, or replays such a record. Made by `record` or `replay`."""

    def __init__(self, path: Path, model: ChatModel | None) -> None:
        """With a model its replies are appended to `path`; without, those in `path` are given back. Raises `InputError`
        where a record cannot be read."""
        self._path, self._model = path, model
        self._replies: dict[str, list[Completion]] = defaultdict(list)
        self._given: Counter[str] = Counter()
        self.name = model.name if model else "recorded"
        if model is None:
            if not path.is_file():
                raise InputError(path, "missing", "no such record")
            for row in read_records(path, RecordedReply):
                self._replies[row.request].append(row.completion)
                self.name = row.model

    @classmethod
    def record(cls, model: ChatModel, path: Path) -> "RecordedChat":
        """Ask `model` and append what it says to `path`."""
        return cls(path, model)

    @classmethod
    def replay(cls, path: Path) -> "RecordedChat":
        """Give back what `path` holds."""
        return cls(path, None)

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        """As `ChatModel.complete`. Raises `ReplayError` for a request that is not on record, or not so many times."""
        key = request_key(messages, tools, sampling)
        if self._model is not None:
            completion = await self._model.complete(messages, tools, sampling, sticky=sticky)
            append(self._path, [RecordedReply(model=self.name, request=key, completion=completion)], sync=False)
            return completion
        replies, turn = self._replies.get(key, []), self._given[key]
        if turn >= len(replies):
            times = f"{len(replies)} times, not {turn + 1}" if replies else "never"
            asked = messages[-1].content if messages else ""
            raise ReplayError(f"{self._path}: request {key[:16]} was recorded {times}; it ends {asked[-60:]!r}")
        self._given[key] += 1
        return replies[turn]

    async def close(self) -> None:
        if self._model is not None:
            await self._model.close()


def request_key(messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling) -> str:
    """sha256 in hex of what a request asks."""
    return content_hash(
        [
            [message.model_dump(mode="json") for message in messages],
            [tool.model_dump(mode="json") for tool in tools],
            sampling.model_dump(mode="json"),
        ]
    )
