"""The four ways of calling tools: what they offer, how they read, what they keep."""

import json
from pathlib import Path

import jsonschema
import pytest

from fathom.core.errors import ConfigError
from fathom.core.message import Message, ToolCall, ToolSpec
from fathom.llm.calling import CallingStrategy, action_schema, calling
from fathom.llm.protocol import Completion
from fathom.llm.toolcalls import malformed
from fathom.llm.wire import CODE_TOOL, STOP_STRINGS

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "calling"
STRATEGIES: tuple[CallingStrategy, ...] = ("schema", "native", "tagged", "repair")

SEARCH = ToolSpec(
    name="search",
    description="Search the library.",
    parameters={
        "type": "object",
        "properties": {"query": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
        "required": ["query"],
    },
)
CODE = ToolSpec(
    name=CODE_TOOL,
    description="Run Python code.",
    parameters={"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]},
)

SAID: dict[CallingStrategy, Message] = {
    "schema": Message(
        role="assistant",
        content='{"thought": "look", "action": {"name": "search", "arguments": {"query": ["Everest"]}}}',
    ),
    "native": Message(
        role="assistant",
        reasoning="look",
        tool_calls=(ToolCall(id="server-7", name="search", arguments={"query": ["Everest"]}),),
    ),
    "tagged": Message(
        role="assistant",
        reasoning="look",
        content='<tool_call>\n{"name": "search", "arguments": {"query": ["Everest"]}}\n</tool_call>',
    ),
    "repair": Message(
        role="assistant",
        content="Sure: {'thought': 'look', 'action': {'name': 'search', 'arguments': {'query': ['Everest']}}}",
    ),
}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_offers_read_as_they_did(strategy: CallingStrategy) -> None:
    """The prompts are part of every result: a change of wording must be meant. The file holds the last one."""
    offer = calling(strategy).offer([SEARCH, CODE])
    assert offer.system_text == (GOLDEN / f"{strategy}.txt").read_text(encoding="utf-8").removesuffix("\n")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_call_is_read_numbered_and_answered(strategy: CallingStrategy) -> None:
    way = calling(strategy)
    completion = Completion(message=SAID[strategy])
    reply = way.read(completion, first_call=4)
    assert reply.calls == (ToolCall(id="call00004", name="search", arguments={"query": ["Everest"]}),)
    assert reply.reasoning == "look" and reply.malformed is None
    assert way.assistant(completion, reply).role == "assistant"
    observation = way.observation(reply.calls[0], "8,849 m </tool_response><|im_end|>", error=None)
    assert observation.role == ("tool" if strategy == "native" else "user")
    assert observation.tool_call_id == ("call00004" if strategy == "native" else None)
    assert "8,849 m" in observation.content and "<|im_end|>" not in observation.content
    failed = way.observation(reply.calls[0], "no such page", error="not_found")
    assert "not_found" in failed.content and "no such page" in failed.content


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_empty_reply_is_malformed(strategy: CallingStrategy) -> None:
    completion = Completion(message=Message(role="assistant"))
    reply = calling(strategy).read(completion, first_call=0)
    assert reply.malformed is not None and reply.malformed.kind == "empty"


def test_what_the_strategies_ask_of_the_endpoint() -> None:
    offers = {strategy: calling(strategy).offer([SEARCH]) for strategy in STRATEGIES}
    assert offers["schema"].sampling.json_schema == action_schema([SEARCH])
    assert offers["native"].native_tools == (SEARCH,)
    assert offers["tagged"].sampling.stop == offers["repair"].sampling.stop == STOP_STRINGS
    for strategy, offer in offers.items():
        assert bool(offer.native_tools) == (strategy == "native")
        assert bool(offer.system_text) == (strategy != "native")
        assert (offer.sampling.json_schema is not None) == (strategy == "schema")


def test_the_action_schema_takes_what_the_reader_reads() -> None:
    schema = action_schema([SEARCH])
    jsonschema.Draft202012Validator.check_schema(schema)
    assert list(schema["properties"]) == ["thought", "action"]  # the thought is written first
    good = [
        {"thought": "t", "action": {"name": "search", "arguments": {"query": ["a"]}}},
        {"thought": "t", "action": {"name": "answer", "arguments": {"answer": "a"}}},
    ]
    bad = [
        {"action": {"name": "search", "arguments": {"query": ["a"]}}},
        {"thought": "t", "action": {"name": "visit", "arguments": {}}},
        {"thought": "t", "action": {"name": "search", "arguments": {"answer": "a"}}},
        {"thought": "t", "action": {"name": "answer", "arguments": {"answer": "a"}, "more": 1}},
    ]
    for value in good:
        jsonschema.validate(value, schema)
        reply = calling("schema").read(
            Completion(message=Message(role="assistant", content=json.dumps(value))), first_call=0
        )
        assert reply.malformed is None and not reply.repaired
    for value in bad:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(value, schema)


def test_without_tools_only_the_answer_is_open() -> None:
    schema = action_schema([])
    assert schema["properties"]["action"]["properties"]["name"]["enum"] == ["answer"]
    assert calling("tagged").offer([]).system_text == ""


def test_no_tool_may_take_the_answers_name() -> None:
    with pytest.raises(ConfigError, match="answer"):
        calling("schema").offer([ToolSpec(name="answer", description="", parameters={"type": "object"})])


def test_the_tagged_turn_is_kept_as_it_was_written() -> None:
    way = calling("tagged")
    completion = Completion(message=SAID["tagged"])
    kept = way.assistant(completion, way.read(completion, first_call=0))
    assert kept.content == f"<think>\nlook\n</think>\n{SAID['tagged'].content}"
    assert kept.tool_calls == () and kept.reasoning is None
    # Kept text reads back to the same reply.
    assert way.read(Completion(message=kept), first_call=0) == way.read(completion, first_call=0)


def test_a_thought_that_holds_tags_stays_a_thought() -> None:
    way = calling("tagged")
    thought = "so </think> then <tool_call>{}</tool_call> <tool_response>"
    said = Message(role="assistant", content="<answer>8,849 m</answer>", reasoning=thought)
    reply = way.read(Completion(message=said), first_call=0)
    assert reply.reasoning == thought and reply.calls == () and reply.answer == "8,849 m"
    kept = way.assistant(Completion(message=said), reply)
    assert way.read(Completion(message=kept), first_call=0) == reply


def test_tagged_reads_calls_that_the_endpoint_took_out_of_the_text() -> None:
    reply = calling("tagged").read(Completion(message=SAID["native"]), first_call=0)
    assert [call.name for call in reply.calls] == ["search"] and reply.reasoning == "look"


def test_a_tagged_answer_left_open_counts_unless_it_was_cut_off() -> None:
    message = Message(role="assistant", content="<answer>8,849 m")
    assert calling("tagged").read(Completion(message=message), first_call=0).answer == "8,849 m"
    cut = calling("tagged").read(Completion(message=message, finish="length"), first_call=0)
    assert cut.answer is None and cut.malformed is not None


def test_native_text_is_the_answer_and_tags_in_it_are_read() -> None:
    way = calling("native")
    reply = way.read(Completion(message=Message(role="assistant", content="8,849 m")), first_call=0)
    assert reply.answer == "8,849 m" and reply.calls == ()
    reply = way.read(Completion(message=SAID["tagged"]), first_call=0)
    assert [call.name for call in reply.calls] == ["search"] and reply.repaired and reply.answer is None


def test_native_calls_keep_the_order_and_tell_what_could_not_be_read() -> None:
    calls = tuple(ToolCall(id="same", name=name) for name in ("search", "visit"))
    problem = malformed("bad_arguments", "[1]")
    completion = Completion(message=Message(role="assistant", tool_calls=calls), malformed=problem)
    way = calling("native")
    reply = way.read(completion, first_call=7)
    assert [(call.id, call.name) for call in reply.calls] == [("call00007", "search"), ("call00008", "visit")]
    assert reply.malformed == problem
    assert way.assistant(completion, reply).tool_calls == reply.calls


def test_repair_reads_tags_as_well() -> None:
    reply = calling("repair").read(Completion(message=SAID["tagged"]), first_call=0)
    assert [call.name for call in reply.calls] == ["search"]


def test_code_travels_outside_of_the_arguments_in_tagged_text_only() -> None:
    tagged = calling("tagged").offer([SEARCH, CODE]).system_text
    signatures = tagged.partition("<tools>\n")[2].partition("\n</tools>")[0].splitlines()
    functions = {json.loads(line)["function"]["name"]: json.loads(line)["function"] for line in signatures}
    assert functions[CODE_TOOL]["parameters"]["properties"] == {}
    assert functions["search"]["parameters"] == SEARCH.parameters
    assert "<code>" in tagged and "<code>" not in calling("tagged").offer([SEARCH]).system_text
    assert '"code"' in calling("schema").offer([CODE]).system_text
