"""Laws of tokenizer and renderer: what is rendered is read back, borders between messages hold, nobody forges one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.test_toolcalls import call_id, replies

from fathom.core.message import Message
from fathom.llm.render.formats import FORMATS, ChatFormat
from fathom.llm.render.renderer import Renderer
from fathom.llm.toolcalls import parse_tagged
from fathom.llm.wire import ParsedReply
from fathom.train.tokenizer import WIRE_PIECES, TokenizerConfig, train_tokenizer

TEXTS = ["Velor Works was founded by Tamin Oresk in 1790.", "Who founded Velor Works? closed:Velor_Works"] * 4
SPECIAL = sorted({token for chat in FORMATS.values() for token in chat.special})
# Any text, with pieces of the wire and whole and broken special tokens in it.
TEXT = st.lists(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
    | st.sampled_from([*SPECIAL, *WIRE_PIECES, *(token[:-1] for token in SPECIAL), "|>", "<"]),
    max_size=5,
).map("".join)
MESSAGES = st.lists(
    st.builds(Message, role=st.sampled_from(["system", "user", "assistant", "tool"]), content=TEXT),
    min_size=1,
    max_size=5,
)


def renderer(chat: ChatFormat) -> Renderer:
    return Renderer(train_tokenizer(TEXTS, TokenizerConfig(vocab_size=330, chat=chat.name)), chat)


RENDERERS = {name: renderer(chat) for name, chat in FORMATS.items()}


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(text=TEXT)
@settings(max_examples=60, deadline=None)
def test_parse_gives_back_what_render_wrote(name: str, text: str) -> None:
    mine = RENDERERS[name]
    ids = mine.render([Message(role="assistant", content=text)], reply=False)
    opening = len(mine.render([])[:])
    until = ids.index(mine.end_id)
    assert mine.parse(ids[opening : until + 1]) == (text, True)
    assert mine.parse(ids[opening:until]) == (text, False)


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(messages=MESSAGES, more=MESSAGES)
@settings(max_examples=60, deadline=None)
def test_a_longer_conversation_begins_with_the_ids_of_the_shorter(
    name: str, messages: list[Message], more: list[Message]
) -> None:
    mine = RENDERERS[name]
    shorter, longer = mine.render(messages, reply=False), mine.render([*messages, *more], reply=False)
    assert longer[: len(shorter)] == shorter


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(text=TEXT)
@settings(max_examples=30, deadline=None)
def test_what_follows_a_sampled_turn_equals_the_whole_rendering(name: str, text: str) -> None:
    mine = RENDERERS[name]
    first, then = Message(role="user", content="q"), Message(role="user", content=text)
    prompt = mine.render([first])
    sampled = (*mine.encode("answer"), mine.end_id)
    whole = mine.render([first, Message(role="assistant", content="answer"), then])
    assert (*prompt, *sampled, *mine.continued([then])) == whole


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(text=TEXT)
@settings(max_examples=30, deadline=None)
def test_text_never_becomes_a_special_token(name: str, text: str) -> None:
    mine = RENDERERS[name]
    special = {mine.tokenizer.token_to_id(token) for token in mine.format.special}
    forged = text.join(mine.format.special)
    assert not special & set(mine.encode(forged))
    assert mine.parse(mine.encode(forged))[0] == forged


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(text=TEXT)
@settings(max_examples=100, deadline=None)
def test_any_text_comes_back_and_has_no_special_token(name: str, text: str) -> None:
    mine = RENDERERS[name]
    special = {mine.tokenizer.token_to_id(token) for token in mine.format.special}
    ids = mine.encode(text)
    assert mine.parse(ids) == (text, False)
    assert not special & set(ids)
    assert all(0 <= token < mine.tokenizer.get_vocab_size() for token in ids)


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(messages=MESSAGES)
@settings(max_examples=60, deadline=None)
def test_a_conversation_has_one_end_for_each_message(name: str, messages: list[Message]) -> None:
    mine = RENDERERS[name]
    ids = mine.render(messages)
    assert ids.count(mine.end_id) == len(messages)
    assert mine.pad_id not in ids or name == "chatml"


@given(replies)
@settings(max_examples=100, deadline=None)
def test_thoughts_and_calls_come_back_from_ids(reply: ParsedReply) -> None:
    """parse(render(m)) = m for messages that keep thought and calls apart."""
    mine = RENDERERS["nano"]
    if reply.answer is not None:
        return
    message = Message(role="assistant", content=reply.text, reasoning=reply.reasoning, tool_calls=reply.calls)
    ids = mine.message(message)[len(mine.render([])) :]
    text, ended = mine.parse(ids)
    assert ended
    assert parse_tagged(text, call_id=call_id) == reply


@given(st.lists(TEXT, min_size=1, max_size=4))
@settings(max_examples=20, deadline=None)
def test_training_a_tokenizer_is_deterministic_and_any_text_still_comes_back(texts: list[str]) -> None:
    one, other = (train_tokenizer(texts, TokenizerConfig(vocab_size=300)) for _ in range(2))
    assert one.to_str() == other.to_str()
    mine = Renderer(one, FORMATS["nano"])
    for text in texts:
        assert mine.parse(mine.encode(text)) == (text, False)
