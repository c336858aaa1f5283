"""The renderer's laws, and that transformers renders the same."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from fathom.core.errors import ConfigError
from fathom.core.message import Message, ToolCall
from fathom.llm.render.formats import CHATML, FORMATS, NANO, ChatFormat, chat_format
from fathom.llm.render.renderer import Renderer
from fathom.train.tokenizer import WIRE_PIECES, TokenizerConfig, save_tokenizer, train_tokenizer

TEXTS = ["Velor Works was founded by Tamin Oresk in 1790.", "Who founded Velor Works? closed:Velor_Works"] * 4
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
MESSAGES = st.lists(
    st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=TEXT), min_size=1, max_size=5
)


def renderer(chat: ChatFormat) -> Renderer:
    return Renderer(train_tokenizer(TEXTS, TokenizerConfig(vocab_size=330, chat=chat.name)), chat)


RENDERERS = {name: renderer(chat) for name, chat in FORMATS.items()}


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(text=TEXT)
@settings(max_examples=60)
def test_parse_gives_back_what_render_wrote(name: str, text: str) -> None:
    mine = RENDERERS[name]
    ids = mine.render([Message(role="assistant", content=text)], reply=False)
    opening = len(mine.render([])[:])
    until = ids.index(mine.end_id)
    assert mine.parse(ids[opening : until + 1]) == (text, True)
    assert mine.parse(ids[opening:until]) == (text, False)


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(messages=MESSAGES, more=MESSAGES)
@settings(max_examples=60)
def test_a_longer_conversation_begins_with_the_ids_of_the_shorter(
    name: str, messages: list[Message], more: list[Message]
) -> None:
    mine = RENDERERS[name]
    shorter, longer = mine.render(messages, reply=False), mine.render([*messages, *more], reply=False)
    assert longer[: len(shorter)] == shorter


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(text=TEXT)
@settings(max_examples=30)
def test_what_follows_a_sampled_turn_equals_the_whole_rendering(name: str, text: str) -> None:
    mine = RENDERERS[name]
    first, then = Message(role="user", content="q"), Message(role="user", content=text)
    prompt = mine.render([first])
    sampled = (*mine.encode("answer"), mine.end_id)
    whole = mine.render([first, Message(role="assistant", content="answer"), then])
    assert (*prompt, *sampled, *mine.continued([then])) == whole


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(text=TEXT)
@settings(max_examples=30)
def test_text_never_becomes_a_special_token(name: str, text: str) -> None:
    mine = RENDERERS[name]
    special = {mine.tokenizer.token_to_id(token) for token in mine.format.special}
    forged = text.join(mine.format.special)
    assert not special & set(mine.encode(forged))
    assert mine.parse(mine.encode(forged))[0] == forged


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_transformers_renders_the_same_ids(name: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    mine = RENDERERS[name]
    save_tokenizer(mine.tokenizer, tmp_path, mine.format)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    messages = [
        Message(role="system", content="Be brief."),
        Message(role="user", content="Who founded Velor Works?"),
        Message(role="assistant", content="<think>\nTamin Oresk.\n</think>\n<answer>\nTamin Oresk [E1]\n</answer>"),
        Message(role="user", content="And when?"),
    ]
    plain = [{"role": message.role, "content": message.content} for message in messages]
    ids = theirs.apply_chat_template(plain, add_generation_prompt=True, tokenize=True)
    ids = ids["input_ids"] if not isinstance(ids, list) else ids
    assert tuple(ids) == mine.render(messages)
    assert theirs.eos_token == mine.format.end


def test_the_wire_is_few_tokens_and_names_keep_their_ids() -> None:
    mine = RENDERERS["nano"]
    call = '<tool_call>\n{"name": "search", "arguments": {"query": ["Velor Works"]}}\n</tool_call>'
    name = mine.encode("Velor Works")
    assert mine.encode(call)[1:-1] == name
    for text in ("by Velor Works.", "[Velor Works]", '"Velor Works"'):
        ids = mine.encode(text)
        assert any(ids[at : at + len(name)] == name for at in range(len(ids)))
    digits = {mine.tokenizer.token_to_id(str(digit)) for digit in (1, 7, 9, 0)}
    assert set(mine.encode("1790")) == digits
    assert len(WIRE_PIECES) == len({mine.encode(piece) for piece in WIRE_PIECES})
    assert all(len(mine.encode(piece)) == 1 for piece in WIRE_PIECES)


def test_thoughts_and_calls_that_are_kept_apart_are_written_as_tags() -> None:
    call = ToolCall(id="c", name="search", arguments={"query": ["x"]})
    content = RENDERERS["nano"].content(Message(role="assistant", reasoning="r", tool_calls=(call,)))
    assert content.startswith("<think>\nr\n</think>")
    assert json.dumps({"name": "search", "arguments": {"query": ["x"]}}) in content


def test_a_tokenizer_without_the_formats_tokens_is_refused() -> None:
    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer, bare.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    with pytest.raises(ConfigError, match="lacks"):
        Renderer(bare, NANO)
    with pytest.raises(ConfigError, match="no chat format"):
        chat_format("morse")
    assert CHATML.name == "chatml"
