"""`fathom synth` from the command line."""

import json
from pathlib import Path

import pytest
from tests.gateways import Watched

from fathom.cli import main as cli
from fathom.core.jsonl import read_records
from fathom.core.task import Task
from fathom.core.trajectory import Trajectory
from fathom.synth.trajectories.samples import SftSample


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert cli.run(["corpus", "add", "closed", "--pages", "120", "--seed", "1"]) == 0
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = cli.run(["synth", *args])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_questions_trajectories_and_samples(
    capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Watched(monkeypatch)
    make = ["questions", "closed", "--out", "q.jsonl", "--count", "12", "--seed", "2", "--shapes", "chain1=2,either2=1"]
    code, out, _ = run(capsys, *make)
    assert code == 0
    assert "several answers" in out or "redundant clue" in out
    assert out.endswith("q.jsonl: 12 questions\n")
    tasks = list(read_records(home / "q.jsonl", Task))
    assert {task.meta["shape"] for task in tasks} == {"chain1", "either2"}
    first = (home / "q.jsonl").read_bytes()
    assert run(capsys, *make)[1] == out
    assert (home / "q.jsonl").read_bytes() == first

    code, out, _ = run(capsys, "trajectories", "closed", "--questions", "q.jsonl", "--out", "t.jsonl", "--tries", "2")
    assert code == 0
    assert out.splitlines()[1].split() == ["attempts", "24", "24"]
    trajectories = list(read_records(home / "t.jsonl", Trajectory))
    assert {each.task_id for each in trajectories} <= {task.id for task in tasks}
    assert len(trajectories) > 12
    assert asked.through.total() > 24 and not asked.past

    for form, least in (("react", len(trajectories)), ("iterresearch", 2 * len(trajectories))):
        args = ["export", "--questions", "q.jsonl", "--trajectories", "t.jsonl", "--out", "s.jsonl", "--form", form]
        code, out, _ = run(capsys, *args)
        samples = list(read_records(home / "s.jsonl", SftSample))
        assert code == 0
        assert out == f"s.jsonl: {len(samples):,} samples\n"
        assert {sample.form for sample in samples} == {form}
        assert len(samples) >= least


@pytest.mark.parametrize("agent", ["brief", "react"])
def test_any_agent_and_model_may_try(capsys: pytest.CaptureFixture[str], home: Path, agent: str) -> None:
    assert run(capsys, "questions", "closed", "--out", "q.jsonl", "--count", "1", "--shapes", "chain1=1")[0] == 0
    (first,) = read_records(home / "q.jsonl", Task)
    url = first.support[0]
    search = {"name": "search", "arguments": {"query": [url.removeprefix("closed:").replace("_", " ")]}}
    visit = {"name": "visit", "arguments": {"url": [url], "goal": first.question}}
    calls = (f"<think>\nI look.\n</think>\n<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in (search, visit))
    said = (
        *calls,
        f"<think>\nI know.\n</think>\n<answer>{first.answers[0]}</answer>",
    )
    (home / "r.jsonl").write_text("".join(json.dumps({"content": reply}) + "\n" for reply in said))
    args = f"trajectories closed --questions q.jsonl --out t.jsonl --model scripted:r.jsonl --agent {agent}"
    code, out, err = run(capsys, *args.split(), "--set", "search.k=1", "--set", "limits.malformed_limit=2")
    assert code == 0, err
    assert next(line for line in out.splitlines() if line.startswith("correct")).split()[1:3] == ["1", "1"]
    (kept,) = read_records(home / "t.jsonl", Trajectory)
    assert (kept.agent, kept.task_id) == (agent, first.id)
    shown, _ = [turn.message.content for turn in kept.segments[0].turns if turn.call is not None]
    assert "1. [" in shown
    assert "2. [" not in shown  # by either agent's own settings there would be a second page


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("questions none --out a.jsonl", "'none' is no closed world"),
        ("questions closed --out a.jsonl --count 0", "setting count"),
        ("questions closed --out a.jsonl --shapes ring4", "there is no shape 'ring4'"),
        ("questions closed --out a.jsonl --shapes chain", "there is no shape 'chain'"),
        ("questions closed --out a.jsonl --shapes either1", "there is no shape 'either1'"),
        ("questions closed --out a.jsonl --shapes chain1=0", "no shape has any weight"),
        ("questions closed --out a.jsonl --shapes chain1=-1", "setting shapes.chain1"),
        ("questions closed --out a.jsonl --shapes chain1=nan", "setting shapes.chain1"),
        ("questions closed --out a.jsonl --shapes chain1=inf", "setting shapes.chain1"),
        ("questions closed --out a.jsonl --shapes chain9", "chain9 takes 9 lookups, max_lookups is 8"),
        ("questions closed --out . --shapes chain1", "no name of a file"),
        ("questions closed --out a.jsonl --shapes chain1=x", "'chain1=x' is not of the form"),
        ("questions closed --out a.jsonl --set obfuscations=-1", "setting obfuscations"),
        ("trajectories closed --questions none.jsonl --out t.jsonl", "none.jsonl: missing"),
        ("trajectories closed --questions empty.jsonl --out t.jsonl", "no question to attempt"),
        ("trajectories closed --questions other.jsonl --out t.jsonl", "of another corpus"),
        ("trajectories closed --questions plain.jsonl --out t.jsonl", "the oracle answers only"),
        ("trajectories closed --questions plain.jsonl --out t.jsonl --tries 0", "--tries"),
        ("trajectories closed --questions plain.jsonl --out t.jsonl --agent nobody", "no agent 'nobody'"),
        ("trajectories closed --questions other.jsonl --out t.jsonl --agent react", "acts as the agent brief"),
        ("trajectories closed --questions plain.jsonl --out t.jsonl --set limits.none=1", "limits.none"),
        ("trajectories closed --questions other.jsonl --out t.jsonl --set world=vital2", "no setting world"),
        ("trajectories closed --questions other.jsonl --out t.jsonl --set model=x@y", "named by --model"),
        ("trajectories none --questions plain.jsonl --out t.jsonl --model x", "no corpus 'none'"),
        ("export --questions plain.jsonl --trajectories none.jsonl --out s.jsonl", "none.jsonl: missing"),
        ("export --questions plain.jsonl --trajectories plain.jsonl --out s.jsonl", "corrupt: row 1"),
        ("export --questions plain.jsonl --trajectories empty.jsonl --out s.jsonl --form haiku", "no form 'haiku'"),
    ],
)
def test_bad_input_is_one_clear_line(args: str, said: str, capsys: pytest.CaptureFixture[str], home: Path) -> None:
    plan = [{"query": "x", "entity": "x", "relation": "r", "noun": "n", "value": "v"}]
    other = Task(id="1", question="Who?", answers=("x",), support=("closed:Nobody",), meta={"plan": plan})
    (home / "other.jsonl").write_text(other.model_dump_json() + "\n")
    (home / "plain.jsonl").write_text(json.dumps({"id": "1", "question": "Who?", "answers": ["x"]}) + "\n")
    (home / "empty.jsonl").write_text("")
    code, out, err = run(capsys, *args.split())
    assert (code, out) == (2, "") or code == 1
    assert said in err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 2
    assert not (home / "a.shards").exists() or "--count" in args
