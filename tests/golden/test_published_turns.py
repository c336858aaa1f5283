"""The wire text against published trajectories in the released format: read whole, and written back byte for byte."""

import json
from pathlib import Path

from fathom.llm.toolcalls import parse_tagged
from fathom.llm.wire import render_observation, render_tagged

FILE = "formats/webdancer_sample_traj.40.jsonl"


def turns(path: Path, role: str) -> list[str]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [message["content"] for row in rows for message in row["messages"] if message["role"] == role]


def test_every_published_turn_is_read_and_written_back(shared_data: Path) -> None:
    texts = turns(shared_data / FILE, "assistant")
    replies = [parse_tagged(text, call_id=str) for text in texts]
    assert len(replies) == 83
    assert all(reply.malformed is None and not reply.repaired and reply.reasoning for reply in replies)
    assert sum(len(reply.calls) for reply in replies) == 43
    assert sum(reply.answer is not None for reply in replies) == 40
    assert {call.name for reply in replies for call in reply.calls} <= {"search", "visit"}
    assert [render_tagged(reply) for reply in replies] == [text.strip() for text in texts]


def test_observations_have_the_published_layout(shared_data: Path) -> None:
    observed = [text for text in turns(shared_data / FILE, "user") if text.startswith("<tool_response>")]
    assert len(observed) == 43
    for text in observed:
        inner = text.strip().removeprefix("<tool_response>\n").removesuffix("\n</tool_response>")
        assert render_observation([inner]) == text.strip()
