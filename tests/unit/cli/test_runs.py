"""`fathom runs` lists what there is, as a table and as JSON."""

import json
from pathlib import Path

import pytest

from fathom.cli.main import run
from fathom.cli.runs import _age
from fathom.rollout.runner import create


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path))
    return tmp_path / "runs"


def test_no_runs_is_no_error(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs"]) == 0
    assert "there are no runs" in capsys.readouterr().err
    assert run(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"folder": str(root), "runs": []}


def test_runs_are_listed_newest_first(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for second in range(3):
        create(root, recipe="r", question=f"Question {second}?", config={}, clock=lambda at=second: float(at))  # type: ignore[misc]
    assert run(["runs", "--limit", "2"]) == 0
    captured = capsys.readouterr()
    assert [line.split()[-1] for line in captured.out.splitlines()] == ["2?", "1?"]
    assert "interrupted" in captured.out and "1 older runs are not shown" in captured.err
    assert run(["runs", "--json", "--limit", "0"]) == 0
    listed = json.loads(capsys.readouterr().out)["runs"]
    assert [info["question"][-2] for info in listed] == ["2", "1", "0"]


def test_a_limit_below_zero_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "--limit", "-3"]) == 2
    assert "--limit" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["resume", "replay"])
def test_an_unknown_run_is_one_line(root: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert run([command, "nosuch"]) == 1
    assert "there is no run 'nosuch'" in capsys.readouterr().err


def test_ages_are_short() -> None:
    assert [_age(s) for s in (3, 90, 7200, 200_000)] == ["3 s", "2 min", "2 h", "2 d"]
