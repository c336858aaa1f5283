"""One suite over every `ChatModel`: the scripted, faulty (without faults) and recorded ones, a real HTTP endpoint with
and without retries and pool, and llama.cpp with a real model."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.chat_server import Answer, ChatServer, refused, said

from fathom.core.errors import ContextOverflowError, FathomError
from fathom.core.message import Message, ToolCall, ToolSpec
from fathom.llm.embedded import SMOLLM2_CONFIG, EmbeddedChat, smollm2
from fathom.llm.faulty import FaultyChat
from fathom.llm.openai_compat import EndpointConfig, OpenAIChat
from fathom.llm.pool import Endpoint, EndpointPool
from fathom.llm.protocol import ChatModel, Completion, Sampling
from fathom.llm.recorded import RecordedChat
from fathom.llm.retry import RetryingChat
from fathom.llm.scripted import ScriptedChat

WINDOW = 3000  # characters of a prompt that fit; the embedded model gets 512 tokens
SHORT = Sampling(temperature=0, max_tokens=8)
ASK = [Message(role="user", content="What is the capital of France?")]
TOO_LONG = [Message(role="user", content="one two three " * 300)]


def scripted_reply(messages: Sequence[Message]) -> str | FathomError:
    if sum(len(message.content) for message in messages) > WINDOW:
        return ContextOverflowError("the prompt does not fit")
    return f"reply to {messages[-1].content}"


def served_reply(body: dict[str, Any]) -> Answer:
    if sum(len(message["content"]) for message in body["messages"]) > WINDOW:
        return refused(400, "This model's maximum context length is 512 tokens.", code="context_length_exceeded")
    return said(f"reply to {body['messages'][-1]['content']}")


class Rerecorded:
    """Each request is recorded and then asked of the record."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self.name = "scripted"

    async def complete(self, *args: Any, **kwargs: Any) -> Completion:
        self._count += 1
        path = self._folder / f"{self._count}.jsonl"
        await RecordedChat.record(ScriptedChat(scripted_reply), path).complete(*args, **kwargs)
        return await RecordedChat.replay(path).complete(*args, **kwargs)

    async def close(self) -> None:
        return None


@pytest.fixture(scope="session")
def model_file(fathom_home: Path) -> Path:
    return smollm2(fathom_home).path


@pytest.fixture(
    params=["scripted", "faulty", "recorded", "openai", "retrying", "pool", "embedded"],
)
async def model(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ChatModel]:
    async with ChatServer(otherwise=served_reply) as server:
        config = EndpointConfig(base_url=server.url, model="m", timeout_s=20)
        made: ChatModel
        match request.param:
            case "scripted":
                made = ScriptedChat(scripted_reply)
            case "faulty":
                made = FaultyChat(ScriptedChat(scripted_reply))
            case "recorded":
                made = Rerecorded(tmp_path)
            case "openai":
                made = OpenAIChat(config)
            case "retrying":
                made = RetryingChat(OpenAIChat(config))
            case "pool":
                made = EndpointPool([Endpoint(key, OpenAIChat(config)) for key in "ab"])
            case _:
                settings = SMOLLM2_CONFIG.model_copy(update={"context_tokens": 512})
                made = EmbeddedChat(request.getfixturevalue("model_file"), settings)
        try:
            yield made
        finally:
            await made.close()


async def test_it_answers_as_the_assistant(model: ChatModel) -> None:
    assert model.name
    completion = await model.complete(ASK, sampling=SHORT)
    assert completion.message.role == "assistant"
    assert completion.message.content.strip()
    assert completion.message.reasoning is None and not completion.message.tool_calls
    assert completion.finish in ("stop", "length")
    assert Completion.model_validate_json(completion.model_dump_json()) == completion


async def test_it_takes_every_role_tools_and_every_setting(model: ChatModel) -> None:
    search = ToolSpec(name="search", description="Search.", parameters={"type": "object", "properties": {}})
    history = [
        Message(role="system", content="Be brief."),
        Message(role="user", content="Search."),
        Message(role="assistant", reasoning="hm", tool_calls=(ToolCall(id="c", name="search", arguments={"q": "é"}),)),
        Message(role="tool", content="Paris", tool_call_id="c"),
        Message(role="user", content="And?"),
    ]
    sampling = Sampling(temperature=0.3, top_p=0.9, presence_penalty=0.1, max_tokens=4, stop=("###",), seed=7)
    completion = await model.complete(history, (search,), sampling, sticky="question")
    assert completion.message.role == "assistant"


async def test_calls_at_the_same_time_each_get_their_own_reply(model: ChatModel) -> None:
    asks = [[Message(role="user", content=f"Say {word}.")] for word in ("one", "two", "three")]
    together = await asyncio.gather(*(model.complete(ask, sampling=SHORT) for ask in asks))
    apart = [await model.complete(ask, sampling=SHORT) for ask in asks]
    assert [one.message.content for one in together] == [one.message.content for one in apart]


async def test_a_prompt_that_does_not_fit_is_an_error_never_a_text(model: ChatModel) -> None:
    with pytest.raises(ContextOverflowError):
        await model.complete(TOO_LONG, sampling=SHORT)
    assert (await model.complete(ASK, sampling=SHORT)).message.content


async def test_a_cancelled_call_leaves_it_usable(model: ChatModel) -> None:
    task = asyncio.create_task(model.complete(ASK, sampling=Sampling(max_tokens=200)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled() or task.result()  # one that never waits is done before
    assert (await model.complete(ASK, sampling=SHORT)).message.content


async def test_closing_twice_is_fine(model: ChatModel) -> None:
    await model.complete(ASK, sampling=SHORT)
    await model.close()
    await model.close()
