"""What a server offers, made fit to stand in a prompt: names, descriptions and schemas are the server's words.

Descriptions are cut to one line of bounded length without invisible characters, and what could pose as a turn is
neutralised, as in any text from outside. What a call must repeat exactly (keys, allowed values) cannot be changed so; a
tool that has such words there is left out, and why is said.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

from fathom.core.message import ToolSpec
from fathom.core.model import content_hash
from fathom.llm.wire import neutralise
from fathom.tools.mcp.protocol import McpOffer

NAME_CHARS = 64  # what interfaces for chat models take as the name of a function
_OFFER_NAME_CHARS = 128  # what the protocol recommends at most
_TOOL_CHARS, _FIELD_CHARS = 800, 300
_SCHEMA_CHARS, _SCHEMA_DEPTH = 32_000, 24
_KEY = re.compile(r"[A-Za-z0-9_$][\w$.-]{0,63}")
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_DROPPED = frozenset(
    {"$schema", "$id", "$comment", "title", "examples", "default", "deprecated", "readOnly", "writeOnly"}
)
_NAMING = frozenset({"properties", "$defs", "definitions", "patternProperties", "dependentSchemas"})


class UnfitOfferError(ValueError):
    """A tool that cannot be offered, and why."""


def spec_of(server: str, name: str, offer: McpOffer) -> ToolSpec:
    """The tool as the model is told about it, called `name`. Raises `UnfitOfferError`."""
    schema = offer.parameters
    if len(_exact(offer.name)) > _OFFER_NAME_CHARS or "\n" in offer.name:
        raise UnfitOfferError("its name is too long, or no name")
    try:
        size = len(json.dumps(schema))
    except (ValueError, RecursionError):
        raise UnfitOfferError("its schema is no JSON") from None
    if size > _SCHEMA_CHARS:
        raise UnfitOfferError(f"its schema has {size:,} characters, over the limit of {_SCHEMA_CHARS:,}")
    if schema.get("type", "object") != "object":
        raise UnfitOfferError("its arguments are no object")
    cleaned = _schema(schema, 0)
    if "properties" not in cleaned:
        # Without a word on what they are, any arguments fit.
        cleaned = {"additionalProperties": True, **cleaned, "properties": {}}
    said = _words(offer.description, _TOOL_CHARS)
    return ToolSpec(
        name=name,
        description=f"(Tool of the server {server}.) {said}".strip(),
        parameters={**cleaned, "type": "object"},
    )


def tool_names(offers: Sequence[tuple[str, str]]) -> list[str]:
    """The names under which the tools (server, name) are offered: `server__name`. Those that would be the same or too
    long end in a hash of what they are, so that a name does not depend on what else there is."""
    plain = [f"{server}__{_UNFIT.sub('_', name)}" for server, name in offers]
    count = Counter(name[:NAME_CHARS] for name in plain)
    return [
        name
        if count[name] == 1 and len(name) <= NAME_CHARS
        else f"{name[: NAME_CHARS - 9]}_{content_hash([*offer])[:8]}"
        for name, offer in zip(plain, offers, strict=True)
    ]


def _schema(schema: dict[str, Any], depth: int) -> dict[str, Any]:
    """The schema with its descriptions cleaned and without what only people read."""
    if depth > _SCHEMA_DEPTH:
        raise UnfitOfferError("its schema is nested too deeply")
    cleaned: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _DROPPED:
            continue
        if key == "description":
            cleaned[key] = _words(str(value), _FIELD_CHARS)
        elif key in _NAMING and isinstance(value, dict):
            cleaned[key] = {_name(name): _inner(inner, depth) for name, inner in value.items()}
        else:
            cleaned[_exact(key)] = _inner(value, depth)
    return cleaned


def _inner(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        return _schema(value, depth + 1)
    if isinstance(value, list):
        if depth > _SCHEMA_DEPTH:
            raise UnfitOfferError("its schema is nested too deeply")
        return [_inner(item, depth + 1) for item in value]
    return _exact(value) if isinstance(value, str) else value


def _name(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise UnfitOfferError(f"the name of an argument is not plain: {key[:40]!r}")
    return key


def _exact(text: str) -> str:
    if _visible(text) != text or neutralise(text) != text:
        raise UnfitOfferError(f"words that could pose as a turn, where they cannot be changed: {text[:40]!r}")
    return text


def _words(text: str, limit: int) -> str:
    """One line of visible characters that nothing can end a turn with."""
    line = neutralise(" ".join(_visible(text).split()))
    return line if len(line) <= limit else f"{line[: limit - 4].rstrip()} ..."


def _visible(text: str) -> str:
    """`text` without what is not seen: control and format characters, private and unassigned ones."""
    return "".join(char for char in text if char in "\n\t" or not unicodedata.category(char).startswith("C"))
