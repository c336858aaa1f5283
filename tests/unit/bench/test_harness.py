"""The harness finds benches without importing them, judges goals and reports one object."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fathom.bench import harness
from fathom.core.errors import ConfigError
from fathom.core.provenance import code_version


def test_every_bench_has_the_shape_and_says_of_itself_what_the_list_says() -> None:
    for name, (module_name, summary) in harness.summaries().items():
        source = (Path(harness.__file__).parent / f"{module_name}.py").read_text(encoding="utf-8")
        assert "\ndef run(" in source and "\nGOALS" in source, module_name
        assert name and summary


def test_listing_does_not_import_the_benches(tmp_path: Path) -> None:
    (tmp_path / "explosive.py").write_text('raise SystemExit("imported")\nNAME = "explosive"\nSUMMARY = "a" "b"\n')
    (tmp_path / "no_bench.py").write_text("X = 1\n")
    assert harness.summaries(tmp_path) == {"explosive": ("explosive", "ab")}


def test_unknown_bench_is_one_line() -> None:
    with pytest.raises(ConfigError, match="there is no bench 'nosuch'"):
        harness.load("nosuch")


@pytest.mark.parametrize(
    ("goal", "met"),
    [((">=", 3), True), ((">", 3), False), (("==", "other"), True), (("<=", 2.9), False), (("<", "absent"), False)],
)
def test_goals_are_judged(goal: Any, met: bool) -> None:
    figures = {"figure": 3, "other": 3}
    assert harness.judge(figures, "figure", goal)["met"] is met
    assert harness.judge(figures, "not measured", goal)["met"] is False


def test_result_holds_figures_goals_and_commit_and_the_scratch_folder_goes(tmp_path: Path) -> None:
    seen: list[Path] = []

    def run(options: harness.BenchOptions) -> dict[str, Any]:
        seen.append(options.scratch)
        (options.scratch / "file").write_text("x")
        return {"speed": 7}

    bench: Any = SimpleNamespace(NAME="fake", SUMMARY="s", GOALS={"speed": (">=", 8)}, run=run)
    result = harness.measure(bench, quick=True, progress=lambda line: None, shared_data=None, home=tmp_path)
    assert result["figures"] == {"speed": 7}
    assert result["goals"] == {"speed": {"op": ">=", "value": 8, "met": False}}
    assert result["commit"] == code_version()
    assert json.dumps(result) and not seen[0].exists()


def test_listing_stays_light() -> None:
    code = "import sys; from fathom.bench import harness; harness.summaries(); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
