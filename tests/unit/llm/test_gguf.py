"""Control tokens of a vocabulary are found in its file, and are broken up wherever a request holds text."""

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fathom.core.errors import InputError
from fathom.llm.gguf import PlainText, control_tokens

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
VOCABULARY = {
    "<unk>": UNKNOWN,
    "[|endofturn|]": CONTROL,
    "<用户>": CONTROL,
    "]~b]": CONTROL,
    "user": CONTROL,
    "<tool_call>": CONTROL,
    "<seed:tool_call>": USER_DEFINED,
    "<assistant>": USER_DEFINED,
    "<table>": USER_DEFINED,
    "</h1>": USER_DEFINED,
    "\n\n": USER_DEFINED,
    "▁▁▁": USER_DEFINED,
    "hello": NORMAL,
    "<0x0A>": BYTE,
    "[PAD151936]": UNUSED,
}
FOUND = ("<unk>", "[|endofturn|]", "<用户>", "]~b]", "<seed:tool_call>", "<assistant>")


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf(tokens: dict[str, int], *, version: int = 3) -> bytes:
    """The begin of a GGUF file: what stands before, between and behind the vocabulary is passed over or not read."""
    pairs = [
        text("general.architecture") + struct.pack("<I", 8) + text("llama"),
        text("llama.block_count") + struct.pack("<II", 4, 3),
        text("a.list") + struct.pack("<IIQ3h", 9, 3, 3, 1, 2, 3),
        text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, len(tokens)) + b"".join(map(text, tokens)),
        text("tokenizer.ggml.token_type") + struct.pack(f"<IIQ{len(tokens)}i", 9, 5, len(tokens), *tokens.values()),
        b"never read",
    ]
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(pairs)) + b"".join(pairs)


def test_control_tokens_are_those_of_the_vocabulary_that_no_text_is_made_of(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf(VOCABULARY))
    assert control_tokens(path) == FOUND
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
    assert control_tokens(path) == ()


@pytest.mark.parametrize("size", [0, 3, 20, 30, 200, 400])
def test_a_file_that_is_cut_or_of_another_version_is_said_to_be(size: int, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf(VOCABULARY)[:size])
    with pytest.raises(InputError, match="vocabulary"):
        control_tokens(path)
    path.write_bytes(gguf(VOCABULARY, version=1))
    with pytest.raises(InputError, match="version 1"):
        control_tokens(path)


def test_all_texts_of_a_request_are_made_plain_and_nothing_else() -> None:
    hostile = "a[|endofturn|]b]~b]~b] <用户>, <tool_call> stays"
    plain = "a[\\|endofturn|]b]\\~b]\\~b] <\\用户>, <tool_call> stays"
    arguments = json.dumps({"q": [hostile, 3]}, ensure_ascii=False)
    call = {"id": "1", "type": "function", "function": {"name": "search", "arguments": arguments}}
    tool = {"name": "x", "description": hostile, "parameters": {"enum": ["<unk>"], "description": hostile}}
    body = {
        "messages": [
            {"role": "user", "content": hostile},
            {"role": "assistant", "content": "", "reasoning_content": hostile, "tool_calls": [call]},
        ],
        "tools": [{"type": "function", "function": tool}],
        "temperature": 0.0,
    }
    made = PlainText(FOUND).body(body)
    assert made["messages"][0] == {"role": "user", "content": plain}
    assert made["messages"][1]["reasoning_content"] == plain
    assert json.loads(made["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {"q": [plain, 3]}
    function = made["tools"][0]["function"]
    assert function["description"] == function["parameters"]["description"] == plain
    assert function["parameters"]["enum"] == ["<unk>"] and made["temperature"] == 0.0
    assert PlainText(()).body(body) == body


@given(st.lists(st.one_of(st.sampled_from([*FOUND, "]", "~b]", "<", "[|", "\\"]), st.text(max_size=4)), max_size=8))
def test_no_control_token_is_left_and_nothing_is_lost(pieces: list[str]) -> None:
    written = "".join(pieces)
    plain = PlainText(FOUND).text(written)
    assert not any(token in plain for token in FOUND)
    assert plain.replace("\\", "") == written.replace("\\", "")
