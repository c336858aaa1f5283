"""Trajectories: what they may say, and that they come back from JSON as they went."""

from typing import Any

import pytest
from pydantic import ValidationError

from fathom.core.evidence import Evidence
from fathom.core.message import Message, ToolCall, ToolSpec
from fathom.core.model import canonical_json, content_hash
from fathom.core.trajectory import Failure, Segment, StopReason, Trajectory, Turn, Usage

CALL = ToolCall(id="c1", name="search", arguments={"query": ["a", "é"], "n": 1})
SEGMENT = Segment(
    role="react",
    start=(Message(role="system", content="s"), Message(role="user", content="u")),
    tools=(ToolSpec(name="search", description="d", parameters={"type": "object"}),),
    turns=(
        Turn(message=Message(role="assistant", reasoning="r", tool_calls=(CALL,)), trainable=True, token_ids=(1, 2)),
        Turn(message=Message(role="tool", content="none", tool_call_id="c1"), call=CALL, tool_error="empty"),
    ),
)


def trajectory(**changes: Any) -> Trajectory:
    whole = {
        "task_id": "t",
        "agent": "a",
        "model": "m",
        "segments": (SEGMENT,),
        "answer": "Paris [E1]",
        "stop": StopReason(kind="answered"),
        "evidence": (
            Evidence(id="E1", url="u", title="t", page_hash="h", start=0, end=1, text="P", fetched_at="2026-01-01"),
        ),
        "usage": Usage(llm_calls=1, seconds=0.1),
    }
    return Trajectory.model_validate({**whole, **changes})


def test_messages_are_start_and_turns_in_order() -> None:
    assert [message.role for message in SEGMENT.messages] == ["system", "user", "assistant", "tool"]


def test_json_and_back() -> None:
    there = canonical_json(trajectory())
    back = Trajectory.model_validate_json(there)
    assert back == trajectory()
    assert canonical_json(back) == there
    assert '"schema":"fathom.trajectory/1"' in there
    assert "é" in there


def test_records_are_frozen_and_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValidationError):
        trajectory().answer = "Rome"
    with pytest.raises(ValidationError):
        trajectory(reward=1.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"stop": {"kind": "failed"}},
        {"failure": {"error": "ModelFault", "message": "x"}},
        {"stop": {"kind": "budget"}},
        {"stop": {"kind": "answered", "budget": "tokens"}},
        {"stop": {"kind": "tired"}},
        {"schema": "fathom.trajectory/2"},
    ],
)
def test_contradictions_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        trajectory(**changes)


def test_failed_and_budget_ends_say_why() -> None:
    died = trajectory(stop=StopReason(kind="failed"), failure=Failure(error="ModelFault", message="x"), answer=None)
    assert died.failure is not None
    ended = trajectory(stop=StopReason(kind="budget", budget="tokens", forced=True))
    assert ended.answer == "Paris [E1]"


def test_usage_adds_every_count() -> None:
    one = Usage(llm_calls=1, tool_calls=2, prompt_tokens=3, completion_tokens=4, seconds=0.5)
    assert one + one == Usage(llm_calls=2, tool_calls=4, prompt_tokens=6, completion_tokens=8, seconds=1.0)


def test_content_hash_does_not_depend_on_the_order_of_keys() -> None:
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    assert content_hash("é") == content_hash("é".encode())
    assert content_hash({"a": 1}) != content_hash({"a": 1.5})
    with pytest.raises(ValueError, match="JSON"):
        content_hash(float("nan"))
