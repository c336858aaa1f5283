"""What a model can be asked for: JSON of a schema, native tool calls, tagged text, and where it puts its thoughts."""

import json
from collections.abc import Sequence
from typing import Any, Literal

from fathom.core.message import Message, ToolSpec
from fathom.llm.calling import NativeCalling, TaggedCalling
from fathom.llm.doctor.subject import Subject
from fathom.llm.profile import Trials
from fathom.llm.protocol import Completion, Sampling
from fathom.llm.wire import ParsedReply

REPLY_TOKENS = 128

SEARCH = ToolSpec(
    name="search",
    description="Search the library. Several queries may be given at once.",
    parameters={
        "type": "object",
        "properties": {"query": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
        "required": ["query"],
    },
)
TASKS = (
    "Use the search tool to find out how high Mount Everest is.",
    "Search the library for the year in which the Eiffel Tower was finished.",
)

# Questions that say nothing of JSON, and schemas of which every value is short: a reply that fits was constrained.
_SCHEMAS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "Tell me about Paris.",
        {"kind": {"type": "string", "enum": ["city", "river", "mountain"]}, "is_capital": {"type": "boolean"}},
    ),
    (
        "How many legs does a spider have?",
        {"animal": {"type": "string", "enum": ["spider", "dog"]}, "legs": {"type": "integer"}},
    ),
)

# What is left in the text when nobody takes the thought out; think tags themselves are taken out by the client.
_LEAKS = ("<think", "</think", "<thought", "<reasoning>", "<|channel|>", "[THINK]", "◁think▷", "<seed:think>")


async def schema_trials(subject: Subject) -> Trials:
    """Whether replies are held to a JSON schema."""
    passed, note = 0, ""
    for question, properties in _SCHEMAS:
        schema = {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
        heard = await subject.ask(question, sampling=Sampling(json_schema=schema), max_tokens=REPLY_TOKENS)
        problem = heard.why_not or _misfit(heard.content, properties)
        passed, note = passed + (not problem), problem or note
    return Trials(passed=passed, tried=len(_SCHEMAS), note=note)


def _misfit(text: str, properties: dict[str, Any]) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return f"not JSON: {_short(text)}"
    if not isinstance(value, dict) or set(value) != set(properties):
        return f"other keys than the schema's: {_short(text)}"
    for key, rule in properties.items():
        given = value[key]
        kinds = {"string": str, "integer": int, "boolean": bool}
        fits = isinstance(given, kinds[rule["type"]]) and isinstance(given, bool) == (rule["type"] == "boolean")
        if not fits or ("enum" in rule and given not in rule["enum"]):
            return f"{key} does not fit the schema: {_short(text)}"
    return ""


async def native_trials(subject: Subject) -> Trials:
    """Whether the endpoint makes tool calls, and takes their results."""
    calling, passed, note = NativeCalling(), 0, ""
    for task in TASKS:
        heard = await subject.ask(task, tools=[SEARCH], max_tokens=REPLY_TOKENS)
        problem = heard.why_not
        if heard.completion is not None:
            reply = calling.read(heard.completion, first_call=0)
            problem = _no_search(reply) or ("calls came as text" if reply.repaired else "")
            if not problem:
                history = [
                    Message(role="user", content=task),
                    calling.assistant(heard.completion, reply),
                    *(calling.observation(call, "8,849 metres; 1889.", error=None) for call in reply.calls),
                ]
                after = await subject.ask(history, tools=[SEARCH], max_tokens=REPLY_TOKENS)
                problem = f"with the tool's result: {after.why_not}" if after.why_not else ""
        passed, note = passed + (not problem), problem or note
    return Trials(passed=passed, tried=len(TASKS), note=note)


async def tagged_trials(subject: Subject) -> Trials:
    """Whether the model follows the tagged text protocol when the prompt explains it."""
    calling, passed, note = TaggedCalling(), 0, ""
    offer = calling.offer([SEARCH])
    for task in TASKS:
        messages = [Message(role="system", content=offer.system_text), Message(role="user", content=task)]
        heard = await subject.ask(messages, sampling=offer.sampling, max_tokens=REPLY_TOKENS)
        problem = heard.why_not
        if heard.completion is not None:
            problem = _no_search(calling.read(heard.completion, first_call=0))
        passed, note = passed + (not problem), problem or note
    return Trials(passed=passed, tried=len(TASKS), note=note)


def _no_search(reply: ParsedReply) -> str:
    if not reply.calls:
        return f"{reply.malformed.kind if reply.malformed else 'no call'}: {_short(reply.text or reply.answer or '')}"
    call = reply.calls[0]
    query = call.arguments.get("query")
    if call.name != SEARCH.name:
        return f"called {_short(call.name)}, which was not offered"
    if not isinstance(query, list) or not query or not all(isinstance(item, str) for item in query):
        return f"arguments that do not fit: {_short(json.dumps(call.arguments))}"
    return ""


def reasoning_seen(replies: Sequence[Completion]) -> Literal["none", "separate", "leaks"]:
    """Where thoughts were seen in these replies. A leak in any of them counts most."""
    if any(mark in reply.message.content for reply in replies for mark in _LEAKS):
        return "leaks"
    return "separate" if any(reply.message.reasoning for reply in replies) else "none"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 60 else f"{line[:57]}...")
