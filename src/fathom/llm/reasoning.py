"""Where a model's thought is told from what it says; nothing else in fathom looks for it.

Endpoints give the thought in a field of its own (`reasoning_content`, `reasoning`) or leave it in the text between
think tags. The opening tag may stand in the prompt, and the closing one may never come; a thought that never closes
ends where an action begins, since many models go over to the action without closing it.
"""

import re
from collections.abc import Mapping
from typing import Any

_TAG = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
_ACTION = re.compile(r"^[ \t]*<(?:tool_call|answer)>", re.MULTILINE)
_FIELDS = (
    "reasoning_content",
    "reasoning",
)  # vLLM up to 0.11, SGLang, llama.cpp, DeepSeek; then vLLM, OpenRouter, Ollama


def split_reasoning(text: str) -> tuple[str, str | None]:
    """(what is said, the thought or None) of a model's text.

    Text without think tags comes back as it is. The first part never holds a think tag: each closed block is thought,
    and so is all that stands before a closing tag which nothing opened, and all that follows an opening tag which
    nothing closes, up to the first line that opens with an action.
    """
    said: list[str] = []
    thoughts: list[str] = []
    start, opened = 0, False
    for tag in _TAG.finditer(text):
        piece, start = text[start : tag.start()], tag.end()
        if opened:
            thoughts.append(piece)
        elif tag[1]:  # closes what the prompt opened, or closes twice: all so far was thought
            thoughts.append(_joined([*said, piece]))
            said = []
        else:
            said.append(piece)
        opened = not tag[1]
    rest = text[start:]
    if start == 0:
        return text, None
    if opened:
        action = _ACTION.search(rest)
        end = action.start() if action else len(rest)
        thoughts.append(rest[:end])
        rest = rest[end:]
    return _joined([*said, rest]), _joined(thoughts) or None


def reasoning_of(message: Mapping[str, Any]) -> tuple[str, str | None]:
    """(content, reasoning) of an endpoint's assistant message, wherever it put the thought."""
    given = message.get("content")
    said, thought = split_reasoning(given if isinstance(given, str) else "")
    fields = [message[name] for name in _FIELDS if isinstance(message.get(name), str)]
    # Some endpoints fill both fields with the same text.
    return said, _joined(list(dict.fromkeys([*fields, thought or ""]))) or None


def with_think_tags(content: str, reasoning: str | None) -> str:
    """The text as a model that thinks in tags wrote it; `split_reasoning` takes it apart again."""
    return f"<think>\n{reasoning}\n</think>\n\n{content}" if reasoning else content


def _joined(parts: list[str]) -> str:
    return "\n".join(stripped for part in parts if (stripped := part.strip()))
