"""The control tokens in a GGUF file's vocabulary, and how they are kept out of the text of messages.

llama.cpp reads a whole rendered prompt with names of control tokens standing for these, so a page that spells one out
would write it into the prompt. Which ones a model has differs; its file says. Nothing in a message is ever meant as
one: what parts turns is put in by the template. fathom's own tags may be tokens too, but are kept out where text comes
from outside (`wire.neutralise`), since a model must be able to write them.

Reference: GGUF specification (ggml, docs/gguf.md).
"""

import json
import mmap
import re
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fathom.core.errors import InputError

_TOKENS, _TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
_UNKNOWN, _CONTROL, _USER_DEFINED = 2, 3, 4
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_FORMS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_OWN = re.compile(r"</?(?:think|thinking|tool_call|tool_response|tools|answer|code)>")
# Vocabularies also name blanks and tags of HTML, which end no turn.
_HTML = (
    "a|b|i|u|s|p|q|em|strong|code|pre|sub|sup|span|div|br|hr|h[1-6]|ul|ol|li|dl|dt|dd|table|caption|thead|tbody|tfoot"
    "|tr|th|td|blockquote|small|del|ins|img|html|head|body|title|script|style|link|meta"
)
_MARKER = re.compile(rf"[<\[\]](?!/?(?:{_HTML})>).*[>\[\]]", re.DOTALL)


def control_tokens(path: Path) -> tuple[str, ...]:
    """The texts that stand for one token each and are no text of a message, in the order of the vocabulary; none where
    the file has no vocabulary. Raises `InputError` for a file that is no whole GGUF file."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = _Reader(data).values((_TOKENS, _TYPES))
    except (struct.error, KeyError, ValueError, IndexError) as error:
        raise InputError(path, "corrupt", f"its vocabulary cannot be read ({error})"[:200]) from None
    except OSError as error:
        raise InputError(path, "missing", error.strerror or "cannot be read") from None
    pairs = zip(found.get(_TOKENS, ()), found.get(_TYPES, ()), strict=False)
    return tuple(token for token, kind in pairs if _is_control(token, kind))


def _is_control(token: str, kind: int) -> bool:
    if kind not in (_UNKNOWN, _CONTROL, _USER_DEFINED) or _OWN.fullmatch(token):
        return False
    if len(token) < 3 or not token.strip() or token.isalnum():
        return False  # signs and words that texts are made of, too
    return kind != _USER_DEFINED or _MARKER.fullmatch(token) is not None


class PlainText:
    """Breaks up `tokens` in the texts of a request, by a backslash after their first character."""

    def __init__(self, tokens: Iterable[str]) -> None:
        rest: dict[str, list[str]] = {}
        for token in sorted(set(filter(None, tokens))):
            rest.setdefault(token[0], []).append(re.escape(token[1:]))
        # The rest is only looked at, so that of two that overlap both are broken up.
        starts = (f"{re.escape(first)}(?={'|'.join(ends)})" for first, ends in rest.items())
        self._pattern = re.compile("|".join(starts)) if rest else None

    def text(self, text: str) -> str:
        """`text` without control tokens."""
        return self._pattern.sub(lambda match: match.group() + "\\", text) if self._pattern else text

    def body(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A chat request whose messages and descriptions of tools hold none."""
        plain = {**body, "messages": [self._message(message) for message in body["messages"]]}
        if "tools" in body:
            plain["tools"] = self._described(body["tools"])
        return plain

    def _message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        plain = dict(message)
        for name in ("content", "reasoning_content"):
            if isinstance(plain.get(name), str):
                plain[name] = self.text(plain[name])
        if "tool_calls" in plain:
            plain["tool_calls"] = [self._call(call) for call in plain["tool_calls"]]
        return plain

    def _call(self, call: Mapping[str, Any]) -> dict[str, Any]:
        function = call["function"]
        arguments = json.dumps(self._inside(json.loads(function["arguments"])), ensure_ascii=False)
        # A model may name a tool that there is not; those that there are have no such names.
        return {**call, "function": {**function, "name": self.text(function["name"]), "arguments": arguments}}

    def _inside(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.text(key): self._inside(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._inside(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def _described(self, value: Any) -> Any:
        """With descriptions, which are the words of servers, made plain; names and values must stay as they are."""
        if isinstance(value, dict):
            return {
                key: self.text(item) if key == "description" and isinstance(item, str) else self._described(item)
                for key, item in value.items()
            }
        return [self._described(item) for item in value] if isinstance(value, list) else value


class _Reader:
    """Reads the key-value pairs at the begin of a file."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data, self._at = data, 4
        version, self._tensors, self._pairs = self._take("IQQ")
        if data[:4] != b"GGUF" or version not in _VERSIONS:
            raise ValueError(f"GGUF version {version}")

    def values(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values of these keys, of those that are there; what stands behind the last of them is not read."""
        wanted, found = set(keys), dict[str, Any]()
        for _ in range(self._pairs):
            key = self._string()
            (kind,) = self._take("I")
            value = self._value(kind)
            if key in wanted:
                found[key] = value
                if len(found) == len(wanted):
                    break
        return found

    def _take(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{form}", self._data, self._at)
        self._at += struct.calcsize(f"<{form}")
        return found

    def _string(self) -> str:
        (size,) = self._take("Q")
        begin, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise ValueError("a text runs over its end")
        return self._data[begin : self._at].decode("utf-8", "replace")

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._take(_FORMS[kind])[0]
        inner, count = self._take("IQ")
        if count > len(self._data):
            raise ValueError("a list runs over its end")
        if inner in (_STRING, _ARRAY):
            return [self._value(inner) for _ in range(count)]
        return self._take(f"{count}{_FORMS[inner]}")
