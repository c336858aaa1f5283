"""The four ways to have a model call tools, behind one small interface.

`schema`: the reply is constrained to one JSON object, a thought and then one of the actions. `native`: the endpoint's
own tool calls. `tagged`: `<tool_call>` text, as the released checkpoint was trained on. `repair`: the JSON object is
only asked for, and whatever comes is read as well as it can be. `fathom doctor` says which one a model is good at.

Whatever the way, messages of a segment only ever grow: what `assistant` and `observation` give is appended as it is.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

from fathom.core.errors import ConfigError
from fathom.core.message import Message, ToolCall, ToolSpec
from fathom.core.model import Frozen
from fathom.llm.protocol import Completion, Sampling
from fathom.llm.reasoning import split_reasoning
from fathom.llm.toolcalls import malformed, parse_action, parse_tagged
from fathom.llm.wire import (
    ANSWER_ACTION,
    CODE_TOOL,
    STOP_STRINGS,
    ParsedReply,
    escape,
    neutralise,
    render_observation,
    render_tagged,
)

CallingStrategy = Literal["schema", "native", "tagged", "repair"]

TAGGED_TEXT = """\
# Tools

These tools can be called; each line is the JSON signature of one:
<tools>
{signatures}
</tools>

To call a tool, write a JSON object with its name and its arguments between tags, like this:
<tool_call>
{{"name": "the tool's name", "arguments": {{"an argument": "its value"}}}}
</tool_call>{code}
The result comes back between <tool_response> and </tool_response>; never write those yourself. Once you know enough,
write the final answer between <answer> and </answer>."""

TAGGED_CODE = """
For {name} leave the arguments empty and put the code after them, inside the same tags:
<tool_call>
{{"name": "{name}", "arguments": {{}}}}
<code>
the code
</code>
</tool_call>"""

ACTION_TEXT = """\
Reply with one JSON object and nothing else. It has two keys: "thought", what you think now, and "action", what to do
next. An action has the keys "name" and "arguments". There are these actions; each line is the JSON signature of one:
{signatures}

Example: {{"thought": "I know enough.", "action": {{"name": "answer", "arguments": {{"answer": "the answer"}}}}}}
The result of an action comes back between <tool_response> and </tool_response>."""

_ANSWER_SPEC = ToolSpec(
    name=ANSWER_ACTION,
    description="Give the final answer; this ends the work.",
    parameters={"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]},
)


class Offer(Frozen):
    """How tools are put before the model. `system_text` belongs into the system prompt, `native_tools` into the
    request, `sampling` is laid over the agent's own (only the fields it sets). `answer_how` ends a sentence that asks
    for the final answer."""

    system_text: str = ""
    native_tools: tuple[ToolSpec, ...] = ()
    sampling: Sampling = Sampling()
    answer_how: str = ""


class Calling(Protocol):
    """One way of calling tools."""

    @property
    def strategy(self) -> CallingStrategy: ...

    def offer(self, tools: Sequence[ToolSpec]) -> Offer:
        """How to offer these tools; with none, only the answer is open to the model. Raises `ConfigError`."""
        ...

    def read(self, completion: Completion, *, first_call: int) -> ParsedReply:
        """What the reply says. `first_call` is the number of calls made before in this trajectory. Total."""
        ...

    def observation(self, call: ToolCall, text: str, *, error: str | None) -> Message:
        """The message that brings a call's result; `error` is the `ToolError` kind of a failed one."""
        ...

    def assistant(self, completion: Completion, reply: ParsedReply) -> Message:
        """The assistant message to keep, which is what the model will see of its own turn."""
        ...


def calling(strategy: CallingStrategy) -> Calling:
    """The calling strategy of that name."""
    strategies: dict[CallingStrategy, Calling] = {
        "schema": SchemaCalling(),
        "native": NativeCalling(),
        "tagged": TaggedCalling(),
        "repair": RepairCalling(),
    }
    return strategies[strategy]


class TaggedCalling:
    """Calls as tagged text, results as user messages: the released checkpoint's protocol."""

    strategy: CallingStrategy = "tagged"

    def offer(self, tools: Sequence[ToolSpec]) -> Offer:
        signatures = "\n".join(_signature(_without_code(tool)) for tool in tools)
        code = TAGGED_CODE.format(name=CODE_TOOL) if any(tool.name == CODE_TOOL for tool in tools) else ""
        return Offer(
            system_text=TAGGED_TEXT.format(signatures=signatures, code=code) if tools else "",
            sampling=Sampling(stop=STOP_STRINGS),
            answer_how="between <answer> and </answer>",
        )

    def read(self, completion: Completion, *, first_call: int) -> ParsedReply:
        ended = completion.finish != "length"
        return parse_tagged(_wire_text(completion), call_id=_ids(first_call), ended=ended)

    def observation(self, call: ToolCall, text: str, *, error: str | None) -> Message:
        return _text_observation(text, error)

    def assistant(self, completion: Completion, reply: ParsedReply) -> Message:
        return Message(role="assistant", content=_wire_text(completion))


class NativeCalling:
    """The endpoint's own tool calls. A reply without any is the answer. Tags that an endpoint failed to turn into
    calls are read as well."""

    strategy: CallingStrategy = "native"

    def offer(self, tools: Sequence[ToolSpec]) -> Offer:
        return Offer(native_tools=tuple(tools), answer_how="as plain text, without a tool call")

    def read(self, completion: Completion, *, first_call: int) -> ParsedReply:
        message, name_call = completion.message, _ids(first_call)
        content, thought = split_reasoning(message.content)
        reasoning = message.reasoning or thought
        problem = completion.malformed
        if message.tool_calls or problem:
            calls = tuple(call.model_copy(update={"id": name_call(i)}) for i, call in enumerate(message.tool_calls))
            return ParsedReply(text=content.strip(), reasoning=reasoning, calls=calls, malformed=problem)
        if "<tool_call>" in content or "<answer>" in content:
            tagged = parse_tagged(content, call_id=name_call, ended=completion.finish != "length")
            return tagged.model_copy(update={"reasoning": reasoning or tagged.reasoning, "repaired": True})
        answer = content.strip() or None
        problem = None if answer else malformed("empty", "")
        return ParsedReply(text=content.strip(), reasoning=reasoning, answer=answer, malformed=problem)

    def observation(self, call: ToolCall, text: str, *, error: str | None) -> Message:
        return Message(role="tool", content=neutralise(_with_error(text, error)), tool_call_id=call.id)

    def assistant(self, completion: Completion, reply: ParsedReply) -> Message:
        content = reply.text if reply.calls else completion.message.content
        return Message(role="assistant", content=content, reasoning=reply.reasoning, tool_calls=reply.calls)


class SchemaCalling:
    """One JSON object a turn, its shape enforced by the endpoint."""

    strategy: CallingStrategy = "schema"

    def offer(self, tools: Sequence[ToolSpec]) -> Offer:
        schema = action_schema(tools)
        return Offer(
            system_text=_action_text(tools),
            sampling=Sampling(json_schema=schema),
            answer_how=f'with the action "{ANSWER_ACTION}"',
        )

    def read(self, completion: Completion, *, first_call: int) -> ParsedReply:
        message, ended = completion.message, completion.finish != "length"
        return parse_action(message.content, call_id=_ids(first_call), reasoning=message.reasoning, ended=ended)

    def observation(self, call: ToolCall, text: str, *, error: str | None) -> Message:
        return _text_observation(text, error)

    def assistant(self, completion: Completion, reply: ParsedReply) -> Message:
        return Message(
            role="assistant", content=completion.message.content.strip(), reasoning=completion.message.reasoning
        )


class RepairCalling(SchemaCalling):
    """The same object, only asked for; tags are read too, since models fall back to what they were trained on."""

    strategy: CallingStrategy = "repair"

    def offer(self, tools: Sequence[ToolSpec]) -> Offer:
        return super().offer(tools).model_copy(update={"sampling": Sampling(stop=STOP_STRINGS)})

    def read(self, completion: Completion, *, first_call: int) -> ParsedReply:
        content, _ = split_reasoning(completion.message.content)
        if "<tool_call>" in content or "<answer>" in content:
            ended = completion.finish != "length"
            return parse_tagged(_wire_text(completion), call_id=_ids(first_call), ended=ended)
        return super().read(completion, first_call=first_call)


def action_schema(tools: Sequence[ToolSpec]) -> dict[str, Any]:
    """The JSON schema of one turn: a thought, then one of the tools or the answer. Everything is required and nothing
    else allowed, and the union stands below the root, as OpenAI's strict mode wants it. Raises `ConfigError` where a
    tool has the answer's name."""
    if any(tool.name == ANSWER_ACTION for tool in tools):
        raise ConfigError(f"no tool may be named {ANSWER_ACTION!r}: that action gives the final answer")
    actions = [
        _closed({"name": {"type": "string", "enum": [tool.name]}, "arguments": _shut(tool.parameters)})
        for tool in (*tools, _ANSWER_SPEC)
    ]
    action = actions[0] if len(actions) == 1 else {"anyOf": actions}
    return _closed({"thought": {"type": "string"}, "action": action})


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _shut(parameters: dict[str, Any]) -> dict[str, Any]:
    return {"additionalProperties": False, **parameters}


def _action_text(tools: Sequence[ToolSpec]) -> str:
    return ACTION_TEXT.format(signatures="\n".join(_signature(tool) for tool in (*tools, _ANSWER_SPEC)))


def _signature(tool: ToolSpec) -> str:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return json.dumps({"type": "function", "function": function}, ensure_ascii=False)


def _without_code(tool: ToolSpec) -> ToolSpec:
    """In tagged text the code of the code tool travels outside of the arguments, so they do not list it."""
    if tool.name != CODE_TOOL:
        return tool
    properties = {key: value for key, value in tool.parameters.get("properties", {}).items() if key != "code"}
    required = [key for key in tool.parameters.get("required", ()) if key != "code"]
    parameters = {**tool.parameters, "properties": properties, "required": required}
    return tool.model_copy(update={"parameters": parameters})


def _wire_text(completion: Completion) -> str:
    """The turn as tagged text, put together again where the endpoint took thought and calls out of it."""
    message = completion.message
    content = message.content.partition("<tool_response>")[0].strip()
    thought = f"<think>\n{escape(message.reasoning.strip())}\n</think>\n" if message.reasoning else ""
    calls = render_tagged(ParsedReply(calls=message.tool_calls))
    return (thought + content + ("\n" if content and calls else "") + calls).strip()


def _text_observation(text: str, error: str | None) -> Message:
    return Message(role="user", content=render_observation([_with_error(text, error)]))


def _with_error(text: str, error: str | None) -> str:
    return f"Error ({error}): {text}" if error else text


def _ids(first: int) -> Callable[[int], str]:
    """Names calls. Nine letters and digits, the one form that every chat template takes (Mistral's refuses others)."""
    return lambda index: f"call{first + index:05d}"
