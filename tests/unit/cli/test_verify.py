import json
from pathlib import Path

import pytest
from tests.reports import run_folder

from fathom.cli.main import run


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
