"""Arguments are checked in words, slips are mended, and no schema makes the check run long."""

import time
from typing import Any

import pytest

from fathom.core.errors import ToolError
from fathom.core.message import ToolSpec
from fathom.tools.arguments import checked_arguments

FILTER = {
    "type": "object",
    "properties": {"year": {"type": "integer", "minimum": 1900}, "kind": {"enum": ["a", "b"]}},
    "required": ["year"],
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "properties": {
        "query": {"type": "array", "items": {"type": "string", "minLength": 2}, "minItems": 1, "maxItems": 3},
        "k": {"type": "integer", "minimum": 1, "exclusiveMaximum": 100},
        "share": {"type": ["number", "null"]},
        "deep": {"type": "boolean"},
        "filter": {"$ref": "#/$defs/Filter"},
        "any": {"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 3}]},
    },
    "required": ["query"],
    "$defs": {"Filter": FILTER},
}


def check(arguments: dict[str, Any], schema: dict[str, Any] = SCHEMA) -> dict[str, Any]:
    return checked_arguments(ToolSpec(name="find", description="", parameters=schema), arguments)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"query": "one"}, {"query": ["one"]}),
        (
            {"query": ["one"], "k": "7", "share": "0.5", "deep": "True"},
            {"query": ["one"], "k": 7, "share": 0.5, "deep": True},
        ),
        ({"query": ["one"], "share": None, "k": 3.0}, {"query": ["one"], "share": None, "k": 3.0}),
        (
            {"query": ["one"], "filter": {"year": "1999", "kind": "a"}},
            {"query": ["one"], "filter": {"year": 1999, "kind": "a"}},
        ),
        ({"query": ["one"], "any": "12"}, {"query": ["one"], "any": "12"}),
        ({"query": ["one"], "any": "1234"}, {"query": ["one"], "any": 1234}),
    ],
)
def test_what_fits_is_taken_and_slips_are_mended(given: dict[str, Any], taken: dict[str, Any]) -> None:
    assert check(given) == taken


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "find: it needs the argument 'query'."),
        ({"query": []}, "find: 'query' must be a list of 1 or more."),
        ({"query": ["a"] * 4}, "find: 'query' must be a list of at most 3."),
        ({"query": ["one", 2]}, "find: 'query[1]' must be a string."),
        ({"query": ["a"]}, "find: 'query[0]' must be at least 2 characters."),
        ({"query": ["one"], "k": 0}, "find: 'k' must be at least 1."),
        ({"query": ["one"], "k": 100}, "find: 'k' must be less than 100."),
        ({"query": ["one"], "k": 1.5}, "find: 'k' must be an integer."),
        ({"query": ["one"], "k": True}, "find: 'k' must be an integer."),
        ({"query": ["one"], "share": "half"}, "find: 'share' must be a number or null."),
        ({"query": ["one"], "num": 3}, "find: it takes no argument 'num', only query, k, share, deep, filter, any."),
        ({"query": ["one"], "filter": {}}, "find: it needs the argument 'filter.year'."),
        (
            {"query": ["one"], "filter": {"year": 1999, "x": 1}},
            "find: it takes no argument 'filter.x', only year, kind.",
        ),
        ({"query": ["one"], "filter": {"year": 1999, "kind": "c"}}, "find: 'filter.kind' must be one of 'a', 'b'."),
        ({"query": ["one"], "any": [1]}, "find: 'any' must be an integer."),
    ],
)
def test_what_does_not_fit_is_said(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ToolError) as caught:
        check(given)
    assert (caught.value.kind, str(caught.value)) == ("arguments", said)


def test_keys_that_a_schema_allows_are_taken() -> None:
    assert check({"a": 1}, {"type": "object", "properties": {}, "additionalProperties": {"type": "integer"}}) == {
        "a": 1
    }
    assert check({"x_a": 1}, {"type": "object", "properties": {}, "patternProperties": {"^x_": {}}}) == {"x_a": 1}


LOOP = {"$ref": "#/$defs/A"}
TREE = {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#/$defs/A"}}]}
HOSTILE: list[dict[str, Any]] = [
    {"type": "object", "properties": {"a": LOOP}, "$defs": {"A": LOOP}},
    {"type": "object", "properties": {"a": LOOP}, "$defs": {"A": {"anyOf": [LOOP, LOOP], "allOf": [LOOP, LOOP]}}},
    {"type": "object", "properties": {"a": {"type": "array", "items": {"enum": [f"v{n}" for n in range(8000)]}}}},
    {"type": "object", "properties": {"a": {"pattern": "(x+x+)+y"}}},
    {"type": "object", "properties": {"a": {"$ref": "http://192.0.2.1/schema.json"}}},
    {"type": "object", "properties": {"a": {"$ref": "#/no/such/place"}}},
    {"type": 7, "properties": {"a": {"type": ["no", 3], "minItems": "x", "enum": 5, "anyOf": {}, "required": "abc"}}},
    {"properties": [], "required": {}, "additionalProperties": True},
]


@pytest.mark.parametrize("schema", HOSTILE, ids=range(len(HOSTILE)))
def test_no_schema_makes_the_check_run_long_or_fail(schema: dict[str, Any]) -> None:
    value = ["v0"] * 5000 if "enum" in str(schema)[:100] else "x" * 5000
    began = time.process_time()
    assert check({"a": value}, schema)["a"] == value
    assert time.process_time() - began < 1.0


def test_a_schema_may_refer_to_itself() -> None:
    schema = {"type": "object", "properties": {"a": LOOP}, "$defs": {"A": TREE}}
    assert check({"a": [1, [2, [3]]]}, schema) == {"a": [1, [2, [3]]]}
    with pytest.raises(ToolError):
        check({"a": [1, [{}]]}, schema)
