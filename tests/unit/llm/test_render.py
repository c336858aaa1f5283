"""The renderer: `transformers` renders the same, and the wire is few tokens. Its laws are in tests/property."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from fathom.core.errors import ConfigError
from fathom.core.message import Message, ToolCall
from fathom.llm.render.formats import CHATML, FORMATS, NANO, ChatFormat, chat_format
from fathom.llm.render.renderer import Renderer
from fathom.train.tokenizer import WIRE_PIECES, TokenizerConfig, save_tokenizer, train_tokenizer

TEXTS = ["Velor Works was founded by Tamin Oresk in 1790.", "Who founded Velor Works? closed:Velor_Works"] * 4


def renderer(chat: ChatFormat) -> Renderer:
    return Renderer(train_tokenizer(TEXTS, TokenizerConfig(vocab_size=330, chat=chat.name)), chat)


RENDERERS = {name: renderer(chat) for name, chat in FORMATS.items()}


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
