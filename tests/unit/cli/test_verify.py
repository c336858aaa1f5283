import json
from pathlib import Path

import pytest
from tests.reports import run_folder

from fathom.cli.main import run
from fathom.rollout.runner import create


def test_a_report_that_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_folder(tmp_path)
    assert run(["verify", str(tmp_path)]) == 0
    assert "checks hold" in capsys.readouterr().out


def test_the_first_line_that_fails_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run_folder(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("March 1287 [E1]", "March 1288 [E1]"), encoding="utf-8")
    assert run(["verify", str(path), "--json"]) == 1
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert (result["holds"], result["first_failure"]) == (False, "sentence 1")
    assert printed.err.startswith("fathom: sentence 1: ")


def test_no_report_is_an_error_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", str(tmp_path)]) == 2
    assert "there is no such report" in capsys.readouterr().err


def test_a_run_is_named_by_its_id_or_a_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    folder = create(tmp_path / "runs", recipe="r", question="Where?", config={}, clock=lambda: 0.0)
    run_folder(folder)
    for name in (folder.name, folder.name[-5:]):
        assert run(["verify", name, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["report"] == str(folder / "report.json")


def test_an_unknown_run_or_path_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path))
    assert run(["verify", "nosuch"]) == 1
    assert "there is no run 'nosuch'" in capsys.readouterr().err
    for path in ("nosuch.json", "runs/nosuch"):
        assert run(["verify", path]) == 2
        assert "there is no such report" in capsys.readouterr().err
