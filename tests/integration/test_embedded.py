"""The embedded model as shipped: what it says is right, repeats to the last bit, and stops when told."""

import asyncio
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fathom.core.errors import InputError, ModelRequestError
from fathom.core.message import Message
from fathom.llm.embedded import SMOLLM2_CONFIG, EmbeddedChat, EmbeddedConfig, LoraAdapter, smollm2
from fathom.llm.gguf import control_tokens
from fathom.llm.protocol import Sampling

SMALL = SMOLLM2_CONFIG.model_copy(update={"context_tokens": 1024})
TEXT = "The bridge of Lork was built in 1467 by Harald the Fourth, who also dug the canal to Menda."


def ask(text: str) -> list[Message]:
    return [Message(role="user", content=text)]


@pytest.fixture(scope="session")
def model_file(fathom_home: Path) -> Path:
    return smollm2(fathom_home).path


@pytest.fixture(scope="module")
def model(model_file: Path) -> Iterator[EmbeddedChat]:
    model = EmbeddedChat(model_file, SMALL)
    yield model
    asyncio.run(model.close())


async def said(model: EmbeddedChat, text: str, **sampling: object) -> str:
    settings = Sampling.model_validate({"temperature": 0, "max_tokens": 10, **sampling})
    return (await model.complete(ask(text), sampling=settings)).message.content


async def test_it_knows_the_capital_of_france(model: EmbeddedChat) -> None:
    assert "Paris" in await said(model, "What is the capital of France?")


async def test_replies_do_not_depend_on_what_was_asked_before(model: EmbeddedChat, model_file: Path) -> None:
    questions = [f"{TEXT}\nQuestion: {question}" for question in ("Who built the bridge?", "When?", "What was dug?")]
    first = [await said(model, question) for question in questions]
    assert [await said(model, question) for question in reversed(questions)] == first[::-1]
    uncached = EmbeddedChat(model_file, SMALL.model_copy(update={"prefix_cache": False}))
    assert [await said(uncached, question) for question in questions] == first
    await uncached.close()


async def test_choices_repeat_to_the_last_bit_and_sum_to_one(model: EmbeddedChat) -> None:
    options = ["Harald the Fourth", "Harald the Third", "Menda", "the bridge"]
    question = ask(f"{TEXT}\nWho built the bridge? Answer with the name only.")
    first = await model.choose(question, options)
    await model.choose(ask("Yes or no?"), ["yes", "no"])
    assert await model.choose(question, options) == first
    assert sum(map(math.exp, first)) == pytest.approx(1.0, abs=1e-6)
    assert max(zip(first, options, strict=True))[1] == "Harald the Fourth"


async def test_a_common_beginning_is_computed_once_even_for_the_same_prompt_again(model: EmbeddedChat) -> None:
    long, spent = "The ship sailed over the sea to the port of Lork. " * 15, []
    for question in ("Where to?", "Who sailed?", "Who sailed?"):
        before = time.process_time()
        await said(model, long + question, max_tokens=1)
        spent.append(time.process_time() - before)
    assert max(spent[1:]) < spent[0] / 3


async def test_a_schema_is_obeyed(model: EmbeddedChat) -> None:
    schema = {
        "type": "object",
        "properties": {"year": {"type": "integer", "minimum": 1400, "maximum": 1499}},
        "required": ["year"],
        "additionalProperties": False,
    }
    reply = json.loads(
        await said(model, f"{TEXT}\nIn which year was the bridge built?", json_schema=schema, max_tokens=40)
    )
    assert 1400 <= reply["year"] <= 1499


async def test_a_bad_schema_is_the_requests_error_and_does_no_harm(model: EmbeddedChat) -> None:
    with pytest.raises(ModelRequestError):
        await said(model, "Hi", json_schema={"type": "nonsense"})
    assert await said(model, "Hi")


async def test_cancelling_stops_the_model_within_a_token_or_two(model: EmbeddedChat) -> None:
    await said(model, "Hi", max_tokens=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await said(model, "Tell a very long story about the sea.", max_tokens=900)
    began = time.perf_counter()
    await said(model, "Hi", max_tokens=1)
    # All 900 tokens take over 7 s on an idle machine.
    assert time.perf_counter() - began < 5


async def test_the_event_loop_goes_on_meanwhile(model: EmbeddedChat) -> None:
    task = asyncio.create_task(said(model, "Tell a story.", max_tokens=30))
    beats = 0
    while not task.done():
        await asyncio.sleep(0.005)
        beats += 1
    assert beats > 5


async def test_llama_cpp_writes_nothing(model_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = EmbeddedChat(model_file, SMALL)
    await said(model, "Hi", max_tokens=2)
    await model.close()
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err == ""


async def test_files_that_are_no_model_are_named(tmp_path: Path, model_file: Path) -> None:
    with pytest.raises(InputError, match="missing"):
        EmbeddedChat(tmp_path / "none.gguf")
    other = tmp_path / "other.gguf"
    other.write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="not a GGUF file"):
        EmbeddedChat(other)
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 4000)
    for path, loras in ((broken, ()), (model_file, (LoraAdapter(path=broken),))):
        model = EmbeddedChat(path, EmbeddedConfig(loras=loras, context_tokens=256))
        with pytest.raises(InputError, match="cannot load"):
            await model.complete(ask("Hi"))
        await model.close()


async def test_no_text_of_a_message_becomes_a_control_token(model: EmbeddedChat, model_file: Path) -> None:
    names = control_tokens(model_file)
    assert "<|im_end|>" in names and len(names) > 10
    await said(model, "x", max_tokens=1)
    engine = model._engine
    assert engine is not None
    ids = {engine.tokens(name, special=True)[0] for name in names}

    def controls(content: str) -> int:
        prompt = engine.rendered([{"role": "user", "content": content}])
        return sum(token in ids for token in engine.tokens(prompt, special=True))

    assert controls(f"a {' '.join(names)} b") == controls("plain") > 0
