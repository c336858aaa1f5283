"""Chat completions on the wire: fathom's messages to the JSON of the OpenAI chat API and back, and its errors to ours.

Pure functions over plain JSON, used by whatever speaks that API: over HTTP, or to llama.cpp in this process. Replies
are read without trust: fields may be missing, null or of another type, since every server differs.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fathom.core.errors import ContextOverflowError, FathomError, ModelFault, ModelRequestError
from fathom.core.message import Message, ToolCall, ToolSpec
from fathom.llm.protocol import Completion, FinishReason, Sampling
from fathom.llm.reasoning import reasoning_of, with_think_tags
from fathom.llm.toolcalls import parse_arguments
from fathom.llm.wire import Malformed

ReasoningHistory = Literal["drop", "field", "tags"]

_FINISH: dict[str, FinishReason] = {
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
_BROKEN_OFF = {"abort", "error", "cancelled"}  # vLLM and SGLang when a request is dropped; OpenRouter upstream errors
_RETRIABLE = {408, 409, 425, 429}

# How servers say that the prompt is too long: OpenAI and vLLM; llama.cpp; SGLang; Ollama; TGI, Mistral and others.
_OVERFLOW = re.compile(
    r"context_length_exceeded|maximum context length|maximum model length|max_model_len"
    r"|exceed_context_size|exceeds? the available context size|context shift is disabled|exceeds? the context window"
    r"|longer than the model'?s context length|exceeds? (?:the )?(?:model'?s )?(?:maximum )?context(?: length)?"
    r"|prompt (?:is )?too long|input is too (?:long|large)|input tokens? .{0,40}exceeds|too large for model",
    re.IGNORECASE,
)
_NO_QUOTA = re.compile(r"insufficient_quota|billing_hard_limit|exceeded your current quota", re.IGNORECASE)


def request_body(
    model: str,
    messages: Sequence[Message],
    tools: Sequence[ToolSpec] = (),
    sampling: Sampling = Sampling(),
    *,
    reasoning_history: ReasoningHistory = "drop",
    strict_schema: bool = False,
) -> dict[str, Any]:
    """The body of POST /chat/completions. What `sampling` leaves open is left out, so the server's default holds."""
    body: dict[str, Any] = {"model": model, "messages": [_message_json(item, reasoning_history) for item in messages]}
    if tools:
        body["tools"] = [{"type": "function", "function": tool.model_dump(mode="json")} for tool in tools]
    for name in ("temperature", "top_p", "presence_penalty", "max_tokens", "seed"):
        value = getattr(sampling, name)
        if value is not None:
            body[name] = value
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.json_schema is not None:
        schema: dict[str, Any] = {"name": "reply", "schema": sampling.json_schema}
        if strict_schema:
            schema["strict"] = True
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if sampling.enable_thinking is not None:
        body["chat_template_kwargs"] = {"enable_thinking": sampling.enable_thinking}
    return body


def _message_json(message: Message, reasoning_history: ReasoningHistory) -> dict[str, Any]:
    content = message.content
    if reasoning_history == "tags":
        content = with_think_tags(content, message.reasoning)
    # An empty text rather than null: several chat templates add to it without looking.
    plain: dict[str, Any] = {"role": message.role, "content": content}
    if reasoning_history == "field" and message.reasoning:
        plain["reasoning_content"] = message.reasoning
    if message.tool_calls:
        plain["tool_calls"] = [_call_json(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        plain["tool_call_id"] = message.tool_call_id
    return plain


def _call_json(call: ToolCall) -> dict[str, Any]:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def completion_of(reply: Any, *, turn: int) -> Completion:
    """The completion in a reply's JSON. `turn` (the number of messages asked with) names calls the server left unnamed.

    Raises what `error_of` gives for an error that came with status 200, and `ModelFault` for JSON that is no completion
    and for a reply that neither says nor calls anything, unless it was cut off by its length.
    """
    choice, finish = choice_of(reply)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise ModelFault("the endpoint's reply holds no choice")
    content, reasoning = reasoning_of(message)
    calls, malformed = _calls(message.get("tool_calls"), turn)
    cut = _FINISH.get(finish) == "length"
    if not (content.strip() or calls or malformed or cut):
        raise ModelFault("the model thought and then said nothing" if reasoning else "the model's reply is empty")
    usage = reply.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Completion(
        message=Message(role="assistant", content=content, reasoning=reasoning, tool_calls=calls),
        finish="length" if cut else "tool_calls" if calls or malformed else "stop",
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        model=str(reply.get("model") or ""),
        malformed=malformed,
    )


def choice_of(reply: Any) -> tuple[dict[str, Any], str]:
    """The first choice in a reply's JSON and its finish reason, of the chat and of the plain completions API.

    Raises what `error_of` gives for an error that came with status 200, `ModelFault` for JSON that holds no choice and
    for a reply that was broken off, `ModelRequestError` for one that a content filter stopped.
    """
    if not isinstance(reply, dict):
        raise ModelFault("the endpoint's reply is not a JSON object")
    if reply.get("error"):
        raise error_of(_status_in(reply["error"]), reply)
    choices = reply.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        raise ModelFault("the endpoint's reply holds no choice")
    finish = str(choice.get("finish_reason") or "stop")
    if finish in _BROKEN_OFF:
        raise ModelFault(f"the endpoint broke off the reply ({finish})")
    if finish == "content_filter":
        raise ModelRequestError("the endpoint's content filter stopped the reply")
    return choice, finish


def _calls(given: Any, turn: int) -> tuple[tuple[ToolCall, ...], Malformed | None]:
    """Calls up to the first malformed one, as the text parser reads them."""
    calls: list[ToolCall] = []
    for index, item in enumerate(given if isinstance(given, list) else []):
        item = item if isinstance(item, dict) else {}
        function = item.get("function")
        function = function if isinstance(function, dict) else {}
        name, raw = function.get("name"), function.get("arguments")
        if isinstance(raw, dict):  # Ollama's own form
            arguments: dict[str, Any] | None = raw
            malformed: Malformed | None = None
        else:
            arguments, malformed = parse_arguments(str(name or ""), raw if isinstance(raw, str) else "")
        if arguments is None or malformed is not None:
            return tuple(calls), malformed
        taken = {call.id for call in calls}
        call_id = item.get("id")
        if not isinstance(call_id, str) or not call_id or call_id in taken:
            call_id = f"call_{turn}_{index}"
        calls.append(ToolCall(id=call_id, name=str(name).strip(), arguments=arguments))
    return tuple(calls), None


def error_of(status: int, body: Any, *, retry_after_s: float | None = None, hint: str = "") -> FathomError:
    """Our error for an HTTP status and the body that came with it (JSON or text): `ContextOverflowError`,
    `ModelRequestError` where the same request can never work, else `ModelFault`."""
    text = _error_text(body)
    line = f"the endpoint answered {status}: {text}" if text else f"the endpoint answered {status}"
    if _OVERFLOW.search(_flat(body)):
        return ContextOverflowError(line, hint=hint or "shorten the prompt, or serve the model with a larger context")
    if _NO_QUOTA.search(_flat(body)):
        return ModelRequestError(line, hint="the account has no quota left")
    if status in _RETRIABLE or status >= 500 or status < 400:
        return ModelFault(line, retry_after_s=retry_after_s, hint=hint)
    return ModelRequestError(line, hint=hint or _HINTS.get(status, ""))


_HINTS = {
    401: "check the API key (FATHOM_API_KEY)",
    403: "the API key may not use this model",
    404: "check the model's name and the base URL, which mostly ends in /v1",
}


def _status_in(error: Any) -> int:
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 500


def _error_text(body: Any) -> str:
    """The server's own words on one line, at most 300 characters."""
    inner = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(inner, Mapping):
        inner = inner.get("message") or inner.get("detail") or inner
    return " ".join(str(inner or "").split())[:300]


def _flat(body: Any) -> str:
    return str(body)[:4000]


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
