"""The check of arguments against the jsonschema library: it takes all that is valid, and what it takes is valid."""

from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.core.errors import ToolError
from fathom.core.message import ToolSpec
from fathom.tools.arguments import checked_arguments

VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-9, 9), st.sampled_from([0.5, 1.0, -2.25]),
        st.sampled_from(["", "a", "bb", "7", "true"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"])
BOUNDS = st.integers(0, 3)
PLAIN = st.fixed_dictionaries(
    {},
    optional={
        "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
        "enum": st.lists(VALUES, min_size=1, max_size=3),
        "const": VALUES,
        "minimum": BOUNDS, "maximum": BOUNDS, "exclusiveMinimum": BOUNDS, "exclusiveMaximum": BOUNDS,
        "minLength": BOUNDS, "maxLength": BOUNDS, "minItems": BOUNDS, "maxItems": BOUNDS,
        "required": st.lists(st.sampled_from("ab"), max_size=2, unique=True),
    },
)  # fmt: skip


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    parts = st.fixed_dictionaries(
        {},
        optional={
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "additionalProperties": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "$ref": st.sampled_from(["#/$defs/A", "#/$defs/B"]),
        },
    )
    return st.builds(lambda plain, more: {**plain, **more}, PLAIN, parts)


SCHEMAS = st.recursive(PLAIN | st.booleans(), nested, max_leaves=3)
ROOTS = st.fixed_dictionaries(
    {
        "type": st.just("object"),
        "properties": st.fixed_dictionaries({"a": SCHEMAS, "b": SCHEMAS}),
        "additionalProperties": st.just(False),
        "$defs": st.fixed_dictionaries({"A": PLAIN, "B": PLAIN}),
    }
)


@settings(max_examples=120)
@given(ROOTS, st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3))
def test_it_agrees_with_the_library(schema: dict[str, Any], arguments: dict[str, Any]) -> None:
    valid = jsonschema.Draft202012Validator(schema).is_valid
    spec = ToolSpec(name="t", description="", parameters=schema)
    try:
        taken = checked_arguments(spec, arguments)
    except ToolError:
        assert not valid(arguments)
        return
    if taken == arguments:
        assert valid(arguments)
    else:
        assert not valid(arguments), "what is valid is taken as it stands"
