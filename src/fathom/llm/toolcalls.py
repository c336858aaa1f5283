"""The one parser from what a model wrote to what it asked for. Total: any text gives a `ParsedReply`, none raises.

A call is known by the *name* in its JSON; no tool is ever guessed from words in the text. What follows a
`<tool_response>` the model made up is cut off. The first malformed block ends the reading: calls before it stand,
nothing after it runs. Law: `parse_tagged(render_tagged(r)) == r`.
"""

import re
from collections.abc import Callable
from typing import Any

from fathom.core.message import ToolCall
from fathom.llm.lenient_json import TooDeepError, clean_text, decode, decode_prefix, repair
from fathom.llm.reasoning import split_reasoning
from fathom.llm.wire import ANSWER_ACTION, CODE_TOOL, Malformed, MalformedKind, ParsedReply, unescape

MAX_REPAIRS = 8  # of one reply; it also bounds the time spent on hostile text
QUOTED_CHARS = 500  # of the offending text kept in a `Malformed`

_ADVICE: dict[MalformedKind, str] = {
    "empty": "The reply was empty. Call a tool or give the answer.",
    "cut_off": "The reply ran into its length limit and was cut off. Write it again, shorter.",
    "no_action": "The reply neither called a tool nor gave an answer in the agreed form. Do one of the two.",
    "unclosed_tag": "The reply opened <{tag}> and never closed it. Write the whole block again, shorter if need be.",
    "not_json": "The text of the call is not valid JSON. Write one JSON object with double-quoted keys and strings.",
    "not_object": "The text of the call must be one JSON object, not a list or a plain value.",
    "no_name": 'The call has no tool name. Write it as a text under the key "name".',
    "bad_arguments": 'The value of "arguments" must be a JSON object that maps argument names to values.',
    "too_deep": "The arguments of the call are nested too deeply. Write them flat.",
    "empty_answer": "The answer was empty. Write the answer, or go on with a tool call.",
}

_TAG = re.compile(r"<(tool_call|answer)>")
_CODE_END = re.compile(r"</code>\s*</tool_call>")


def malformed(kind: MalformedKind, text: str, *, tag: str = "") -> Malformed:
    """The record of one reading problem, with the advice that goes to the model."""
    return Malformed(kind=kind, text=text[:QUOTED_CHARS], advice=_ADVICE[kind].format(tag=tag))


class _BlockError(Exception):
    def __init__(self, kind: MalformedKind, text: str, tag: str = "") -> None:
        self.malformed = malformed(kind, text, tag=tag)


def parse_tagged(text: str, *, call_id: Callable[[int], str], ended: bool = False) -> ParsedReply:
    """Read tagged wire text. `call_id` names the i-th call (from 0). `ended` says that the model stopped by itself, so
    that an answer left open at the end is whole. Never raises; linear in the length of `text`."""
    return _Reader(clean_text(text), call_id, ended).read()


class _Reader:
    """One pass over the text. A closing tag that is not there ends it, so none is looked for twice."""

    def __init__(self, text: str, call_id: Callable[[int], str], ended: bool) -> None:
        self._text, self._thought = split_reasoning(text.partition("<tool_response>")[0])
        self._call_id, self._ended = call_id, ended
        self._pos = 0
        self._outside: list[str] = []
        self._calls: list[ToolCall] = []
        self._answer: str | None = None
        self._repairs = 0

    def read(self) -> ParsedReply:
        problem: Malformed | None = None
        try:
            self._read_blocks()
            self._require_action()
        except _BlockError as error:
            problem = error.malformed
        return ParsedReply(
            text=_joined(self._outside),
            reasoning=unescape(self._thought) if self._thought else None,
            calls=tuple(self._calls),
            answer=self._answer,
            malformed=problem,
            repaired=self._repairs > 0,
        )

    def _read_blocks(self) -> None:
        while match := _TAG.search(self._text, self._pos):
            self._outside.append(self._text[self._pos : match.start()])
            self._pos = match.end()
            if match[1] == "answer":
                self._read_answer()
            else:
                self._calls.append(self._read_call())
        self._outside.append(self._text[self._pos :])

    def _require_action(self) -> None:
        if self._calls or self._answer is not None:
            return
        outside = _joined(self._outside)
        raise _BlockError("no_action" if outside or self._thought else "empty", outside)

    def _take(self, tag: str) -> str | None:
        """The text up to `</tag>`, which is passed over, or None where there is none."""
        start = self._pos
        end = self._text.find(f"</{tag}>", start)
        if end < 0:
            return None
        self._pos = end + len(tag) + 3
        return self._text[start:end]

    def _read_answer(self) -> None:
        answer = self._take("answer")
        if answer is None:
            answer = self._text[self._pos :]
            if not self._ended:
                raise _BlockError("unclosed_tag", answer, "answer")
            self._pos, self._repairs = len(self._text), self._repairs + 1
        answer = unescape(answer.strip())
        if not answer:
            raise _BlockError("empty_answer", "")
        self._answer = answer

    def _read_call(self) -> ToolCall:
        start = self._pos
        body = self._take("tool_call")
        if body is None:
            body = self._text[start:]
            if "<code>" in body:
                raise _BlockError("unclosed_tag", body, "tool_call")
            try:
                value = decode(body)
            except TooDeepError:
                raise _BlockError("too_deep", body) from None
            except ValueError:
                raise _BlockError("unclosed_tag", body, "tool_call") from None
            self._pos, self._repairs = len(self._text), self._repairs + 1
            return self._call(value, body)
        return self._call(*self._decode_body(body, start))

    def _decode_body(self, body: str, start: int) -> tuple[Any, str]:
        """The JSON value of a call's body, and the body, which may reach beyond the first closing tag where that one
        stood inside a JSON string or inside code."""
        try:
            value, end = decode_prefix(body)
        except TooDeepError:
            raise _BlockError("too_deep", body) from None
        except ValueError:
            return self._rescue(body, start), body
        rest = body[end:].strip()
        if not rest:
            return value, body
        if rest.startswith("<code>") and isinstance(value, dict) and value.get("name") == CODE_TOOL:
            return self._with_code(value, self._text.index("<code>", start + end) + len("<code>")), body
        return self._rescue(body, start), body

    def _with_code(self, value: dict[str, Any], start: int) -> dict[str, Any]:
        end = _CODE_END.search(self._text, start)
        if not end:
            raise _BlockError("unclosed_tag", self._text[start:], "code")
        self._pos = end.end()
        code = self._text[start : end.start()].removeprefix("\n").removesuffix("\n")
        given = value.get("arguments")
        return {"name": CODE_TOOL, "arguments": {**(given if isinstance(given, dict) else {}), "code": code}}

    def _rescue(self, body: str, start: int) -> Any:
        if self._repairs >= MAX_REPAIRS:
            raise _BlockError("not_json", body)
        self._repairs += 1
        try:  # was the closing tag part of a string?
            value, end = decode_prefix(self._text, start)
            closing = self._text.find("</tool_call>", end, end + 100)
            if closing >= 0 and not self._text[end:closing].strip():
                self._pos = closing + len("</tool_call>")
                return value
        except ValueError:
            pass
        try:
            return repair(body)
        except ValueError:
            self._repairs -= 1
            raise _BlockError("not_json", body) from None

    def _call(self, value: Any, body: str) -> ToolCall:
        name, arguments, repaired = _call_parts(value, body)
        self._repairs += repaired
        return ToolCall(id=self._call_id(len(self._calls)), name=name, arguments=arguments)


def _call_parts(value: Any, body: str) -> tuple[str, dict[str, Any], bool]:
    if not isinstance(value, dict):
        raise _BlockError("not_object", body)
    name = value.get("name")
    if not isinstance(name, str) or not name.strip():
        raise _BlockError("no_name", body)
    renamed = "arguments" not in value and "parameters" in value
    arguments, repaired = _arguments(value.get("parameters" if renamed else "arguments"), body)
    return name.strip(), arguments, renamed or repaired


def _arguments(value: Any, body: str) -> tuple[dict[str, Any], bool]:
    """Arguments as an object, as JSON text of one, or left out; and whether they had to be repaired."""
    repaired = False
    if isinstance(value, str) and value.strip():
        try:
            value = decode(value)
        except TooDeepError:
            raise _BlockError("too_deep", body) from None
        except ValueError:
            try:
                value, repaired = repair(value), True
            except ValueError:
                raise _BlockError("bad_arguments", body) from None
    elif isinstance(value, str):
        value = None
    if value is None:
        return {}, repaired
    if not isinstance(value, dict):
        raise _BlockError("bad_arguments", body)
    return value, repaired


def parse_arguments(name: str, arguments: str) -> tuple[dict[str, Any] | None, Malformed | None]:
    """The arguments of a native tool call, which endpoints give as JSON text: the object, or why there is none.

    A call that carries no name is malformed as well. Never raises.
    """
    body = clean_text(arguments)
    try:
        return _call_parts({"name": clean_text(name), "arguments": body}, body)[1], None
    except _BlockError as error:
        return None, error.malformed


def parse_action(
    text: str, *, call_id: Callable[[int], str], reasoning: str | None = None, ended: bool = True
) -> ParsedReply:
    """Read the one JSON object of schema-constrained output: `{"thought": .., "action": {"name": ..,
    "arguments": {..}}}`, where the action named `answer` gives the answer. JSON with text around it or in need of
    repair is read and marked `repaired`, but not where the reply did not end by itself. Never raises."""
    rest, thought = split_reasoning(clean_text(text))
    thoughts = [clean_text(part) for part in (reasoning, thought) if part]
    calls: tuple[ToolCall, ...] = ()
    answer, problem, repaired = None, None, False
    try:
        value, repaired = _action_object(rest, ended)
        if isinstance(value.get("thought"), str):
            thoughts.append(value["thought"])
        if "action" not in value and "name" not in value:
            raise _BlockError("no_action", rest)
        name, arguments, loose = _call_parts(value.get("action", value), rest)
        repaired = repaired or loose or "action" not in value
        if name == ANSWER_ACTION:
            answer = arguments.get("answer")
            if not isinstance(answer, str) or not answer.strip():
                answer = None
                raise _BlockError("empty_answer", rest)
            answer = answer.strip()
        else:
            calls = (ToolCall(id=call_id(0), name=name, arguments=arguments),)
    except _BlockError as error:
        problem = error.malformed
    return ParsedReply(
        reasoning=_joined(thoughts, raw=True) or None,
        calls=calls,
        answer=answer,
        malformed=problem,
        repaired=repaired and problem is None,
    )


def _action_object(text: str, ended: bool) -> tuple[dict[str, Any], bool]:
    if not text.strip():
        raise _BlockError("empty", "")
    try:
        value, repaired = decode(text), False
    except TooDeepError:
        raise _BlockError("too_deep", text) from None
    except ValueError:
        if not ended:
            raise _BlockError("cut_off", text) from None
        brace = text.find("{")
        if brace < 0:
            raise _BlockError("no_action", text) from None
        value, repaired = _embedded_object(text, brace), True
    if not isinstance(value, dict):
        raise _BlockError("not_object", text)
    return value, repaired


def _embedded_object(text: str, brace: int) -> Any:
    try:
        return decode_prefix(text, brace)[0]
    except TooDeepError:
        raise _BlockError("too_deep", text) from None
    except ValueError:
        try:
            return repair(text[brace:])
        except ValueError:
            raise _BlockError("not_json", text) from None


def _joined(parts: list[str], *, raw: bool = False) -> str:
    stripped = [part.strip() for part in parts]
    text = "\n".join(part for part in stripped if part)
    return text if raw else unescape(text)
