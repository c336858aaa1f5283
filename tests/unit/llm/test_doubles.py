"""The scripted, the faulty and the recorded model."""

from pathlib import Path

import pytest

from fathom.core.errors import ConfigError, InputError, ModelFault, ReplayError
from fathom.core.message import Message, ToolCall
from fathom.llm.faulty import FaultRates, FaultyChat
from fathom.llm.protocol import Completion, Sampling
from fathom.llm.recorded import RecordedChat
from fathom.llm.scripted import ScriptedChat

ASK = [Message(role="user", content="Where?")]


async def test_a_script_gives_texts_messages_completions_and_errors_in_order() -> None:
    calling = Message(role="assistant", tool_calls=(ToolCall(id="c", name="search"),))
    whole = Completion(message=Message(role="assistant", content="cut"), finish="length")
    model = ScriptedChat(["text", calling, whole, ModelFault("down")])
    assert (await model.complete(ASK)).message.content == "text"
    assert (await model.complete(ASK)).finish == "tool_calls"
    assert await model.complete(ASK) is whole
    with pytest.raises(ModelFault, match="down"):
        await model.complete(ASK, sampling=Sampling(seed=1), sticky="q")
    assert model.asked[-1].sampling.seed == 1 and model.asked[-1].sticky == "q"
    with pytest.raises(ConfigError, match="has 4 replies"):
        await model.complete(ASK)


async def test_a_script_may_be_a_function() -> None:
    model = ScriptedChat(lambda messages: messages[-1].content.upper())
    assert (await model.complete(ASK)).message.content == "WHERE?"


async def outcomes(rates: FaultRates, seed: int, calls: int = 200) -> tuple[list[str], FaultyChat]:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    model = FaultyChat(ScriptedChat(lambda messages: "the whole reply"), rates, seed, sleep=sleep)
    seen: list[str] = []
    for _ in range(calls):
        try:
            completion = await model.complete(ASK)
            seen.append(f"{completion.finish}:{completion.message.content}")
        except ModelFault as fault:
            seen.append(f"{fault} after {fault.retry_after_s}")
    assert len(waits) == model.counts["timeout"] + model.counts["slow"]
    return seen, model


async def test_faults_come_from_the_seed_at_their_rates() -> None:
    kinds = (
        "refused",
        "timeout",
        "rate_limited",
        "retry_after",
        "server_error",
        "garbage",
        "empty",
        "truncated",
        "slow",
    )
    rates = FaultRates(**dict.fromkeys(kinds, 0.08))
    seen, model = await outcomes(rates, seed=3)
    assert seen == (await outcomes(rates, seed=3))[0] != (await outcomes(rates, seed=4))[0]
    assert set(model.counts) == {*kinds, "none"} and sum(model.counts.values()) == 200
    assert all(4 <= model.counts[kind] <= 32 for kind in kinds)
    assert "length:the who" in seen
    assert any(text.endswith("after 1.0") for text in seen) and any("429" in text and "None" in text for text in seen)


async def test_rates_of_one_and_of_none() -> None:
    assert (await outcomes(FaultRates(), 0, 20))[1].counts == {"none": 20}
    assert (await outcomes(FaultRates(server_error=1.0), 0, 20))[1].counts == {"server_error": 20}


async def test_a_record_gives_every_sample_back_once(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    recording = RecordedChat.record(ScriptedChat(["one", "two", "other"], name="m"), path)
    for messages in (ASK, ASK, [*ASK, *ASK]):
        await recording.complete(messages)
    replayed = RecordedChat.replay(path)
    assert replayed.name == "m"
    assert (await replayed.complete([*ASK, *ASK])).message.content == "other"
    assert [(await replayed.complete(ASK)).message.content for _ in range(2)] == ["one", "two"]
    with pytest.raises(ReplayError, match="2 times, not 3"):
        await replayed.complete(ASK)
    with pytest.raises(ReplayError, match=r"never.*Where\?"):
        await replayed.complete(ASK, sampling=Sampling(temperature=1.0))


async def test_recording_goes_on_where_a_file_ends_even_in_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    await RecordedChat.record(ScriptedChat(["one"]), path).complete(ASK)
    with path.open("ab") as handle:
        handle.write(b'{"torn')
    await RecordedChat.record(ScriptedChat(["two"]), path).complete(ASK)
    replayed = RecordedChat.replay(path)
    assert [(await replayed.complete(ASK)).message.content for _ in range(2)] == ["one", "two"]


def test_a_record_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing"):
        RecordedChat.replay(tmp_path / "none.jsonl")
