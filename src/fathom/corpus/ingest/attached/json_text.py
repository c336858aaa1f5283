"""From JSON and JSON lines to text: runs in the parser process.

The text is the value, one entry a line, indented; numbers stay as they are written. A long one begins with an overview:
which keys there are at which path, of which type, how often, with an example.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fathom.core.errors import InputError
from fathom.corpus.ingest.encoding import decode

SHORT_CHARS = 4000
_LEAF_CHARS = 100  # a value that fits into a line of this is not broken up
_PATHS, _EXAMPLE_CHARS = 120, 60


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def extract(path: str, name: str, limit: int, file_bytes: int) -> Iterator[dict[str, Any]]:
    """One part, the text of the file, up to `limit` characters. Raises `InputError` without a source: before any part
    where it is no JSON, after it where a part was left out."""
    with Path(path).open("rb") as file:
        data = file.read(file_bytes + 1)
    if len(data) > file_bytes:
        raise InputError("", "oversized", f"longer than {file_bytes} bytes, and JSON can only be read whole")
    source = decode(data)
    try:
        values, lines = _values(source)
        text = "\n".join(map(_line, values)) if lines else "\n".join(_tree(values[0], ""))
        overview = _overview(name, values, lines=lines)
    except RecursionError:
        raise InputError("", "corrupt", "nested too deeply") from None
    if len(text) <= SHORT_CHARS:
        yield {"text": text, "overview": 0, "left_out": ""}
        return
    kept = text[:limit]
    left_out = f"the last {len(text) - limit:,} of {len(text):,} characters are left out" if len(text) > limit else ""
    yield {"text": f"{overview}\n\n{kept}", "overview": len(overview), "left_out": left_out}


def _values(source: str) -> tuple[list[Any], bool]:
    """The value that the file is, or the values of its lines. Raises `InputError` where it is neither."""
    try:
        return [_decoded(source)], False
    except ValueError as error:
        lines = [line for line in source.split("\n") if line.strip()]
        try:
            return [_decoded(line) for line in lines] if len(lines) > 1 else [_decoded(source)], True
        except ValueError:
            raise InputError("", "corrupt", f"not JSON ({error})"[:200]) from None


def _decoded(text: str) -> Any:
    return json.loads(text, parse_int=_Number, parse_float=_Number)


def _line(value: Any) -> str:
    """The value in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)}: {_line(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_line, value)) + "]"
    return value if isinstance(value, _Number) else _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _tree(value: Any, indent: str, *, before: str = "") -> Iterator[str]:
    """Lines of the value; `before` is what stands before it on its first line."""
    if not isinstance(value, dict | list) or (flat := _flat(value)) is not None:
        yield f"{indent}{before}{flat if isinstance(value, dict | list) else _line(value)}"
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    yield f"{indent}{before}{opening}"
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _tree(item, indent + " ", before=f"{_text(key)}: ")
    else:
        for item in value:
            yield from _tree(item, indent + " ")
    yield f"{indent}{closing}"


def _flat(value: Any) -> str | None:
    """The value in one line where it is short enough and holds no other object or list."""
    items = list(value.values() if isinstance(value, dict) else value)
    if len(items) > _LEAF_CHARS or any(isinstance(item, dict | list) for item in items):
        return None
    line = _line(value)
    return line if len(line) <= _LEAF_CHARS else None


def _overview(name: str, values: list[Any], *, lines: bool) -> str:
    """What is where: a line per path, in the order met."""
    found: dict[str, dict[str, Any]] = {}
    for value in values:
        _survey(value, "", found)
    head = f"JSON {name}: {len(values):,} lines" if lines else f"JSON {name}: {_type(values[0])}"
    rows = [f"{head}. Keys by path, with type, count and an example:"]
    for path, facts in list(found.items())[:_PATHS]:
        example = f", e.g. {facts['example']}" if facts["example"] else ""
        rows.append(f"{path or '(top)'}: {' or '.join(facts['types'])}, {facts['count']:,}{example}")
    if len(found) > _PATHS:
        rows.append(f"({len(found) - _PATHS:,} more paths)")
    return "\n".join(rows)


def _survey(value: Any, path: str, found: dict[str, dict[str, Any]]) -> None:
    facts = found.get(path)
    if facts is None:
        if len(found) > 20 * _PATHS:  # keys that are data, such as names, would make as many paths
            return
        facts = found[path] = {"types": {}, "count": 0, "example": ""}
    facts["types"].setdefault(_type(value))
    facts["count"] += 1
    if isinstance(value, dict):
        for key, item in value.items():
            _survey(item, f"{path}.{key}" if path else str(key), found)
    elif isinstance(value, list):
        for item in value:
            _survey(item, f"{path}[]", found)
    elif not facts["example"]:
        example = _line(value)
        facts["example"] = example if len(example) <= _EXAMPLE_CHARS else f"{example[:_EXAMPLE_CHARS]}..."


def _type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, _Number):
        return "integer" if value.lstrip("-").isdigit() else "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, dict):
        return "object"
    return "list" if isinstance(value, list) else "number"  # NaN and the like are floats
