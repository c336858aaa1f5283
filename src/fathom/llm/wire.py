"""The tagged wire text of agents and models: what a reply holds, and how replies and observations are written.

`<think>..</think>`, then any number of `<tool_call>{"name": .., "arguments": {..}}</tool_call>`, or
`<answer>..</answer>`. Code travels as `<code>..</code>` after the JSON of a call that is *named* PythonInterpreter.
Tags inside texts are written `<\\tag>`, which reads back as `<tag>`.
"""

import json
import re
from collections.abc import Iterable
from typing import Literal

from fathom.core.message import ToolCall
from fathom.core.model import Frozen
from fathom.llm.lenient_json import clean_text

CODE_TOOL = "PythonInterpreter"
ANSWER_ACTION = "answer"
STOP_STRINGS = ("\n<tool_response>", "<tool_response>")

MalformedKind = Literal[
    "empty", "cut_off", "no_action", "unclosed_tag", "not_json", "not_object", "no_name", "bad_arguments", "too_deep",
    "empty_answer",
]  # fmt: skip

_ESCAPABLE = re.compile(r"<(\\*)(/?(?:think|thinking|tool_call|tool_response|answer|code)>)", re.IGNORECASE)
# What could end or open a turn, in our tags or in the control tokens of common chat templates.
_FORGEABLE = re.compile(
    r"<(?=[\s\\]{0,4}/?\s{0,4}(?:[a-z0-9_-]{1,20}:)?(?:think|thinking|tool_call|tool_response|tools|answer)\b|[|｜]"
    r"|/?s>|[be]os>|eo[tdmha]>|(?:start|begin|beginning|end)_of_[a-z]{1,20}>|(?:unk|pad|mask|cls|sep|sop|eop)>"
    r"|(?:bos|eos|sop|eop|unk|pad|mask|cls|sep)_token>|/?arg_(?:key|value)>|/?seed:[a-z0-9_/]{1,40}>|mask:\d{1,4}>"
    r"|(?:reserved|extra_id|special|unused|reserved_token|reserved_special_token)_?\d{1,5}>|_(?:user|bot|system|end)>"
    # Of models trained on code, SmolLM2 among them.
    r"|(?:repo_?name|file_?name|file_sep|gh_stars|empty_output)>|(?:issue|jupyter|commit|fim)_[a-z]{1,10}>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|THINK|gMASK|sMASK|IMG)\]|e~\["
    # Small, these are words of any manual.
    r"|(?-i:CALL_ID|MODEL_SETTINGS|PREFIX|MIDDLE|SUFFIX|IMG_BREAK|IMG_END|AUDIO|BEGIN_AUDIO|TRANSCRIBE|BOS|EOS)\]"
    r"|\|[a-z_]{3,24}\|\])"
    r"|\](?=~!?b[\[\]])",
    re.IGNORECASE,
)


class Malformed(Frozen):
    """Why a reply, or the part of it from `text` on, could not be read. `advice` is what to tell the model."""

    kind: MalformedKind
    text: str
    advice: str


class ParsedReply(Frozen):
    """What a model asked for. `text` is what stood outside of tags; `calls` are in order; `answer` is set where one
    was given. A reply may hold both calls and an answer, and calls before a malformed part. `repaired` marks a reply
    that was read although its form was broken."""

    text: str = ""
    reasoning: str | None = None
    calls: tuple[ToolCall, ...] = ()
    answer: str | None = None
    malformed: Malformed | None = None
    repaired: bool = False


def render_tagged(reply: ParsedReply) -> str:
    """The wire text of a reply; what was malformed is left out. Raises `ValueError` for arguments that have no JSON
    form."""
    blocks: list[str] = []
    if reply.reasoning:
        blocks.append(f"<think>\n{escape(reply.reasoning)}\n</think>")
    if reply.text:
        blocks.append(escape(reply.text))
    blocks.extend(_render_call(call) for call in reply.calls)
    if reply.answer:
        blocks.append(f"<answer>\n{escape(reply.answer)}\n</answer>")
    return "\n".join(blocks)


def _render_call(call: ToolCall) -> str:
    code = call.arguments.get("code")
    if call.name == CODE_TOOL and set(call.arguments) == {"code"} and isinstance(code, str) and _plain(code):
        head = json.dumps({"name": call.name, "arguments": {}})
        return f"<tool_call>\n{head}\n<code>\n{code}\n</code>\n</tool_call>"
    body = json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False, allow_nan=False)
    if not _plain(body):
        body = body.replace("<", "\\u003c")
    return f"<tool_call>\n{body}\n</tool_call>"


def render_observation(texts: Iterable[str]) -> str:
    """What tools returned, as the text of one user message."""
    return "\n".join(framed(neutralise(text)) for text in texts)


def framed(text: str) -> str:
    """What came from outside, neutralised already, between the tags that tell a model so."""
    return f"<tool_response>\n{text}\n</tool_response>"


def neutralise(text: str) -> str:
    """`text` from outside, so that nothing in it can end the observation or pose as another turn: a backslash goes
    into each of our tags and into the control tokens of common chat templates."""
    return _FORGEABLE.sub(lambda match: match.group() + "\\", clean_text(text))


def _plain(text: str) -> bool:
    return _ESCAPABLE.search(text) is None


def escape(text: str) -> str:
    """`text` with one backslash more in each tag; `unescape` takes it out again."""
    return _ESCAPABLE.sub(r"<\\\1\2", text)


def unescape(text: str) -> str:
    """The text that `escape` was given."""
    return _ESCAPABLE.sub(lambda match: f"<{match[1][1:]}{match[2]}", text)
