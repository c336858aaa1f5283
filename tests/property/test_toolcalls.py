"""Laws of the parser: it reads back what was rendered, and it takes any text."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.core.message import Message, ToolCall
from fathom.core.model import canonical_json
from fathom.llm.calling import CallingStrategy, calling
from fathom.llm.protocol import Completion, FinishReason
from fathom.llm.toolcalls import parse_action, parse_arguments, parse_tagged
from fathom.llm.wire import CODE_TOOL, ParsedReply, escape, neutralise, render_observation, render_tagged, unescape

CI_INPUTS = 1500


def call_id(index: int) -> str:
    return f"c{index}"


TAGS = [
    f"<{slashes}{close}{name}>"
    for name in ("think", "thinking", "tool_call", "tool_response", "answer", "code", "Think")
    for close in ("", "/")
    for slashes in ("", "\\", "\\\\")
]
unicode_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
tricky = st.lists(st.one_of(st.sampled_from([*TAGS, "<", "\\", "\n", " ", '"', "{", "}"]), unicode_text), max_size=6)
texts = tricky.map("".join)
stripped = texts.map(str.strip)
filled = stripped.filter(bool)
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
names = st.one_of(st.sampled_from(["search", "visit", CODE_TOOL]), filled)
arguments = st.one_of(st.dictionaries(texts, plain, max_size=3), st.fixed_dictionaries({"code": texts}))
call_lists = st.lists(st.tuples(names, arguments), max_size=3).map(
    lambda pairs: tuple(ToolCall(id=call_id(i), name=name, arguments=args) for i, (name, args) in enumerate(pairs))
)
replies = st.builds(
    ParsedReply,
    text=stripped,
    reasoning=st.none() | filled,
    calls=call_lists,
    answer=st.none() | filled,
).filter(lambda reply: bool(reply.calls) or reply.answer is not None)


@settings(max_examples=200, deadline=None)
@given(replies)
def test_what_is_rendered_is_read_back(reply: ParsedReply) -> None:
    assert parse_tagged(render_tagged(reply), call_id=call_id) == reply


@settings(max_examples=100, deadline=None)
@given(texts)
def test_escaping_can_be_undone(text: str) -> None:
    assert unescape(escape(text)) == text


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, max_size=3))
def test_no_observation_closes_itself_or_opens_a_call(observed: list[str]) -> None:
    rendered = render_observation(observed)
    assert rendered.count("<tool_response>") == rendered.count("</tool_response>") == len(observed)
    for text in observed:
        reply = parse_tagged(neutralise(text), call_id=call_id)
        assert reply.calls == () and reply.answer is None


PIECES = [
    *TAGS,
    '{"name": "search", "arguments": {"query": ["a"]}}',
    '{"name": "PythonInterpreter", "arguments": {}}',
    '{"thought": "t", "action": {"name": "answer", "arguments": {"answer": "a"}}}',
    '"arguments": "{\\"a\\": 1}"',
    *'{}[]",:\\\'`\n\t\r \x00\x1f',
    "\ud800", "\udfff", "\\ud800", "NaN", "1e999", "-", "9" * 5000, "null", "true", "```json", "//", "/*", "é", "検索",
    "\u2028", "\ufeff", "\U0001f600", "[" * 300, '{"a":' * 80, "name", "arguments", "PythonInterpreter",
]  # fmt: skip


def fuzzed(source: random.Random) -> str:
    """A text of random pieces, or a valid reply with random damage."""
    if source.random() < 0.5:
        return "".join(source.choices(PIECES, k=source.randrange(30)))
    name = source.choice(["search", CODE_TOOL, "answer", ""])
    call = ToolCall(id="c", name=name, arguments={"code" if name == CODE_TOOL else "q": source.choice(PIECES)})
    reply = ParsedReply(text=source.choice(["", "text"]), reasoning="thought", calls=(call,) * source.randrange(4))
    letters = list(render_tagged(reply.model_copy(update={"answer": source.choice([None, "a"])})))
    for _ in range(source.randrange(1, 8)):
        at = source.randrange(len(letters))
        damage = source.randrange(3)
        if damage == 0:
            letters[at] = source.choice(PIECES)
        elif damage == 1:
            letters[at : at + source.randrange(20)] = ["\n"]
        else:
            letters.insert(at, source.choice(PIECES))
    return "".join(letters)


def check(text: str, source: random.Random) -> None:
    """Every reader takes the text, and what it gives can be stored and sent."""
    finish: FinishReason = source.choice(["stop", "length"])
    tagged = parse_tagged(text, call_id=call_id, ended=source.random() < 0.5)
    action = parse_action(text, call_id=call_id)
    native, problem = parse_arguments("search", text)
    assert (native is None) == (problem is not None)
    for reply in (tagged, action):
        assert reply.calls or reply.answer is not None or reply.malformed is not None
        canonical_json(reply).encode("utf-8")
        assert ParsedReply.model_validate_json(reply.model_dump_json()) == reply
        render_tagged(reply)
    neutralise(text).encode("utf-8")
    content = text.encode("utf-8", "replace").decode("utf-8")
    completion = Completion(message=Message(role="assistant", content=content), finish=finish)
    strategies: tuple[CallingStrategy, ...] = ("schema", "native", "tagged", "repair")
    for strategy in strategies:
        way = calling(strategy)
        reply = way.read(completion, first_call=3)
        way.assistant(completion, reply).model_dump_json()


@pytest.mark.parametrize("seed", range(3))
def test_fuzzed_texts(seed: int) -> None:
    source = random.Random(seed)
    for _ in range(CI_INPUTS // 3):
        check(fuzzed(source), source)
