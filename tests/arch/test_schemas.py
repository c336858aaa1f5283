"""The published schemas are those of the code, and they take what fathom writes and nothing else."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.programs import ROOT, script

from fathom.core.jsonl import append
from fathom.core.message import Message
from fathom.core.trajectory import Segment, StopReason, Trajectory, Turn


def schema(name: str) -> dict[str, Any]:
    return json.loads((ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))


def test_the_published_schemas_are_up_to_date() -> None:
    wanted = script("write_schemas").schemas()
    there = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "schemas").glob("*.json")}
    assert there == wanted, "make schemas"


@pytest.mark.parametrize("name", ["trajectory", "event", "run", "report", "attempt", "eval_report"])
def test_they_are_schemas(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))


def test_a_trajectory_line_validates_and_a_changed_one_does_not(tmp_path: Path) -> None:
    segment = Segment(
        role="react",
        start=(Message(role="user", content="q"),),
        turns=(Turn(message=Message(role="assistant", content="Paris"), trainable=True),),
    )
    made = Trajectory(
        task_id="t", agent="a", model="m", segments=(segment,), answer="Paris", stop=StopReason(kind="answered")
    )
    append(tmp_path / "t.jsonl", [made])
    line = json.loads((tmp_path / "t.jsonl").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema("trajectory"))
    validator.validate(line)
    for change in ({"schema": "other"}, {"answer": 3}, {"extra": 1}, {"segments": [{"role": "x"}]}):
        assert not validator.is_valid({**line, **change})
    del line["stop"]
    assert not validator.is_valid(line)


def test_the_formats_page_names_every_schema_and_every_field() -> None:
    page = (ROOT / "docs" / "data_formats.md").read_text(encoding="utf-8")
    for name in script("write_schemas").PUBLISHED:
        assert f"schemas/{name}.schema.json" in page
    for field in schema("trajectory")["properties"]:
        assert f"`{field}`" in page
