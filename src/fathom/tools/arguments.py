"""Arguments of a call against the JSON schema of its tool, in words that a model can act on.

What is checked: types, required keys, keys that are unknown, allowed values, bounds of numbers and lengths, lists and
objects within, alternatives (`anyOf`, `oneOf`), `allOf`, and `$ref` inside the schema. What is not (patterns, formats,
conditions) is taken to fit: whoever owns the tool checks it as well. Nothing a schema says can make the check run long,
which is why it is not left to a library: the schemas of other people's servers come through here.

Two slips that models make are mended: one string where a list of them is asked for, and a number or truth value that
is written as a string.
"""

import math
import re
from typing import Any

from fathom.core.errors import ToolError
from fathom.core.message import ToolSpec

_MOST_CHECKS, _MOST_DEPTH = 10_000, 100
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str, "array": list, "object": dict, "boolean": bool, "null": type(None), "number": (int, float),
    "integer": (int, float),
}  # fmt: skip
_CALLED = {"string": "a string", "array": "a list", "object": "an object", "boolean": "true or false", "null": "null",
           "number": "a number", "integer": "an integer"}  # fmt: skip


def checked_arguments(spec: ToolSpec, arguments: dict[str, Any]) -> dict[str, Any]:
    """`arguments` as the tool takes them. Raises `ToolError` of kind `arguments` that says what does not fit. A key
    that the schema does not name is an error unless it says something of other keys."""
    schema = spec.parameters
    if not {"additionalProperties", "patternProperties", "allOf", "anyOf", "oneOf", "$ref"} & set(schema):
        schema = {**schema, "additionalProperties": False}
    try:
        checked: dict[str, Any] = _Check(spec.parameters).value(arguments, schema, "")
    except _MisfitError as error:
        raise ToolError("arguments", f"{spec.name}: {error}.") from None
    return checked


class _MisfitError(ValueError):
    """What does not fit, said of the whole."""


class _Check:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root, self._left, self._depth = root, _MOST_CHECKS, 0

    def value(self, value: Any, schema: Any, where: str) -> Any:
        """`value` as it fits, mended where it was nearly so."""
        if schema is False:
            raise _MisfitError(f"there must be no {_quoted(where)}")
        if not isinstance(schema, dict):
            return value
        self._left -= 1 + len(_list(schema.get("enum")))
        # A schema may refer to itself without end.
        if self._left < 0 or self._depth >= _MOST_DEPTH:
            return value
        self._depth += 1
        try:
            return self._fitted(value, schema, where)
        finally:
            self._depth -= 1

    def _fitted(self, value: Any, schema: dict[str, Any], where: str) -> Any:
        value = self._typed(value, schema, where)
        _check_values(value, schema, where)
        if isinstance(value, list):
            value = self._list(value, schema, where)
        elif isinstance(value, dict):
            value = self._object(value, schema, where)
        for part in (*self._referred(schema), *_list(schema.get("allOf"))):
            value = self.value(value, part, where)
        for key in ("anyOf", "oneOf"):
            if forms := _list(schema.get(key)):
                value = self._any(value, forms, where)
        return value

    def _typed(self, value: Any, schema: dict[str, Any], where: str) -> Any:
        stated = schema.get("type")
        names = [name for name in (stated if isinstance(stated, list) else [stated]) if name in _TYPES]
        if not names or any(_is(value, name) for name in names):
            return value
        if isinstance(value, str):
            mended = _mended(value, names)
            if mended is not None:
                return mended
        wanted = " or ".join(_CALLED[name] for name in names)
        raise _MisfitError(f"{_quoted(where)} must be {wanted}")

    def _list(self, value: list[Any], schema: dict[str, Any], where: str) -> list[Any]:
        least, most = _bound(schema, "minItems"), _bound(schema, "maxItems")
        if least is not None and len(value) < least:
            raise _MisfitError(f"{_quoted(where)} must be a list of {least} or more")
        if most is not None and len(value) > most:
            raise _MisfitError(f"{_quoted(where)} must be a list of at most {most}")
        first = _list(schema.get("prefixItems"))
        rest = schema.get("items", True)
        return [
            self.value(item, first[at] if at < len(first) else rest, f"{where}[{at}]") for at, item in enumerate(value)
        ]

    def _object(self, value: dict[str, Any], schema: dict[str, Any], where: str) -> dict[str, Any]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        for key in _list(schema.get("required")):
            if key not in value:
                raise _MisfitError(f"it needs the argument {_quoted(_inside(where, key))}")
        others = True if "patternProperties" in schema else schema.get("additionalProperties", True)
        checked = {}
        for key, inner in value.items():
            if key not in properties and others is False:
                known = f"only {', '.join(map(str, properties))}" if properties else "none at all"
                raise _MisfitError(f"it takes no argument {_quoted(_inside(where, key))}, {known}")
            checked[key] = self.value(inner, properties.get(key, others), _inside(where, key))
        return checked

    def _any(self, value: Any, forms: list[Any], where: str) -> Any:
        # As it stands in one form goes before mended in an earlier one.
        first: _MisfitError | None = None
        mended: list[Any] = []
        for form in forms:
            try:
                found = self.value(value, form, where)
            except _MisfitError as error:
                first = first or error
                continue
            if found is value or _same(found, value):
                return value
            mended.append(found)
        if mended:
            return mended[0]
        raise first or _MisfitError(f"{_quoted(where)} has none of the forms it may have")

    def _referred(self, schema: dict[str, Any]) -> list[Any]:
        """The part of the schema that `$ref` names, where it lies inside."""
        pointer = schema.get("$ref")
        if not isinstance(pointer, str) or not pointer.startswith("#"):
            return []
        found: Any = self._root
        for step in pointer[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or name not in found:
                return []
            found = found[name]
        return [found]


def _check_values(value: Any, schema: dict[str, Any], where: str) -> None:
    """Allowed values, and bounds of numbers and strings."""
    if "const" in schema and not _same(value, schema["const"]):
        raise _MisfitError(f"{_quoted(where)} must be {schema['const']!r}")
    allowed = schema.get("enum")
    if isinstance(allowed, list) and not any(_same(value, one) for one in allowed):
        raise _MisfitError(f"{_quoted(where)} must be one of {', '.join(map(repr, allowed[:30]))}")
    if isinstance(value, str):
        _check_bounds(len(value), schema, where, ("minLength", "maxLength", " characters"))
    elif _is(value, "number"):
        _check_bounds(value, schema, where, ("minimum", "maximum", ""))
        above, below = _bound(schema, "exclusiveMinimum"), _bound(schema, "exclusiveMaximum")
        if above is not None and value <= above:
            raise _MisfitError(f"{_quoted(where)} must be more than {above}")
        if below is not None and value >= below:
            raise _MisfitError(f"{_quoted(where)} must be less than {below}")


def _check_bounds(size: float, schema: dict[str, Any], where: str, names: tuple[str, str, str]) -> None:
    least_key, most_key, unit = names
    least, most = _bound(schema, least_key), _bound(schema, most_key)
    if least is not None and size < least:
        raise _MisfitError(f"{_quoted(where)} must be at least {least}{unit}")
    if most is not None and size > most:
        raise _MisfitError(f"{_quoted(where)} must be at most {most}{unit}")


def _bound(schema: dict[str, Any], key: str) -> float | None:
    value = schema.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _mended(value: str, names: list[str]) -> Any:
    """What a model meant by a string where none may stand, or None."""
    text = value.strip()
    if "array" in names:
        return [value]
    if ("integer" in names or "number" in names) and _INTEGER.fullmatch(text):
        return int(text)
    if "number" in names and _NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return {"true": True, "false": False}.get(text.lower()) if "boolean" in names else None


def _is(value: Any, name: str) -> bool:
    if name != "boolean" and isinstance(value, bool):
        return False
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[name])


def _same(one: Any, other: Any) -> bool:
    """Equality of JSON values: true is not 1, but 1.0 is 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _inside(where: str, key: str) -> str:
    return f"{where}.{key}" if where else str(key)


def _quoted(where: str) -> str:
    return repr(where[:100]) if where else "the arguments"
