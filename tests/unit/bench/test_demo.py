"""The demo bench counts what a run's answer leads with, and tells a wrong answer from a command that did not run."""

import sys
from pathlib import Path

import pytest

from fathom.bench.demo import _measure
from fathom.bench.harness import BenchOptions
from fathom.core.errors import ConfigError

QUESTIONS = (("Who was born earlier, Ann or Bo?", "Ann"), ("What is the capital of Ostra?", "Salt"))
WRITE = """
import json, pathlib, sys
runs = pathlib.Path(sys.argv[1])
folder = runs / str(len(list(runs.glob("*/"))))
folder.mkdir(parents=True)
report = {"answer": {"answer": sys.argv[2]}, "share_supported": 1.0}
(folder / "report.json").write_text(json.dumps(report))
print(sys.argv[3])
sys.exit(2)
"""


def options(folder: Path) -> BenchOptions:
    return BenchOptions(quick=True, progress=lambda line: None, shared_data=None, scratch=folder, home=folder)


def test_the_question_in_the_output_is_no_answer(tmp_path: Path) -> None:
    said = {QUESTIONS[0][0]: "Bo [E1]\n\nAnn was born in 1901. [E1]", QUESTIONS[1][0]: "Salt [E1]"}

    def command(question: str) -> list[str]:
        return [sys.executable, "-c", WRITE, str(tmp_path / "runs"), said[question], question]

    figures = _measure(options(tmp_path), tmp_path, command, QUESTIONS, tmp_path)
    assert figures["answer_correct"] == 0.5 and figures["questions"] == 2
    assert figures["citations_verified_frac"] == 0.0  # these reports are none


def test_a_command_that_made_no_run_ends_the_bench(tmp_path: Path) -> None:
    def command(question: str) -> list[str]:
        return [sys.executable, "-c", "import sys; sys.exit('no network')"]

    with pytest.raises(ConfigError, match="no network"):
        _measure(options(tmp_path), tmp_path, command, QUESTIONS, tmp_path)
