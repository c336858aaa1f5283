"""Figures of loops, and `fathom compare` over them."""

import json
import math
from pathlib import Path

import pytest

from fathom.cli import main as cli
from fathom.core.errors import ConfigError
from fathom.core.jsonl import append
from fathom.evals.loop_figures import (
    loop_figures,
    loop_names,
    repeat_each_other,
    smoothed,
    student_interval,
    wilson_interval,
)
from fathom.evals.loop_report import write_loop_report


def loop(folder: Path, right: int, **config: object) -> Path:
    """What a loop leaves: of ten held-out questions so many right after SFT, all after RL."""
    (folder / "held_out").mkdir(parents=True)
    (folder / "loop.json").write_text(
        json.dumps({"hash": "x", "commit": "abc", "config": {"pages": 100, "held_out_pages": 100, "seed": 0, **config}})
    )
    for stage, count in (("sft", right), ("rl", 10)):
        correct = {str(n): int(n < count) for n in range(10)}
        (folder / "held_out" / f"{stage}.json").write_text(json.dumps({"stage": stage, "correct": correct}))
    rows = [
        {"step": n, "reward": n / 24, "policy_entropy": 0.2, "seconds": 2.0, "pass_histogram": [1, 0, 0, 0, 0, 1]}
        for n in range(25)
    ]
    append(folder / "rl" / "metrics.jsonl", rows)
    return folder


def test_seeds_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [loop(tmp_path / "a", 2, seed=0, threads=1), loop(tmp_path / "b", 4, seed=1, threads=2)]
    assert cli.run(["compare", *map(str, folders), "--out", str(tmp_path / "all.html")]) == 0
    first, second, both = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["loop"], second["loop"]) == ("seed 0", "seed 1")
    assert first["held_out"] == {"sft": 0.2, "rl": 1.0}
    assert first["reward_first"] == pytest.approx(4.5 / 24, abs=1e-4)
    assert first["reward_last"] == pytest.approx(19.5 / 24, abs=1e-4)
    assert first["seconds"] == {"rl": 50}
    mean, half, count = both["mean_half_width_loops"]["sft"]
    assert (mean, count) == (pytest.approx(0.3), 2)
    assert half == pytest.approx(12.7062 * 0.1, rel=1e-4)  # t at one degree of freedom, times the standard error
    page = (tmp_path / "all.html").read_text()
    assert "seed 0, seed 1" in page
    assert "running mean of 5 steps" in page


def test_ablations_have_names_and_no_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [loop(tmp_path / "plain", 2), loop(tmp_path / "unmasked", 3, rl={"select": {"mask_negatives": False}})]
    assert not repeat_each_other(folders)
    assert loop_names(folders) == ["plain", "unmasked"]
    assert cli.run(["compare", *map(str, folders), "--out", str(tmp_path / "all.html")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    page = (tmp_path / "all.html").read_text()
    assert "&plusmn;" not in page
    assert "interval" not in page


def test_loops_of_other_settings_in_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    folders = [loop(tmp_path / "old" / "nano-0", 2), loop(tmp_path / "new" / "nano-0", 3, pages=200)]
    assert loop_names(folders) == [str(folder) for folder in folders]
    with pytest.raises(ConfigError, match="named twice"):
        loop_names([folders[0], tmp_path / "new" / ".." / "old" / "nano-0"])


def test_a_loop_under_way_has_figures(tmp_path: Path) -> None:
    folder = loop(tmp_path / "a", 2)
    (folder / "held_out" / "rl.json").unlink()
    (folder / "rl" / "metrics.jsonl").unlink()
    assert loop_figures(folder) == {"held_out": {"sft": 0.2}, "rl_steps": 0, "seconds": {}}
    write_loop_report([folder], tmp_path / "one.html")


def test_the_ends_of_a_short_rl_do_not_overlap(tmp_path: Path) -> None:
    folder = loop(tmp_path / "a", 2)
    lines = (folder / "rl" / "metrics.jsonl").read_text().splitlines(keepends=True)
    (folder / "rl" / "metrics.jsonl").write_text("".join(lines[:4]))
    figures = loop_figures(folder)
    assert (figures["reward_first"], figures["reward_last"]) == (0.0208, 0.1042)


@pytest.mark.parametrize("name", ["loop.json", "held_out/rl.json"])
def test_damaged_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    folder = loop(tmp_path / "a", 2)
    (folder / name).write_text("{}")
    assert cli.run(["compare", str(folder)]) != 0
    assert f"{name}: corrupt" in capsys.readouterr().err


def test_a_folder_that_is_no_loop_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["compare", str(tmp_path)]) != 0
    assert "loop.json: missing" in capsys.readouterr().err


def test_running_mean() -> None:
    assert smoothed([(0, 1.0), (1, 3.0), (2, 8.0)], 2) == [(0, 1.0), (1, 2.0), (2, 5.5)]
    assert smoothed([(0, 1.0), (1, 3.0)], 1) == [(0, 1.0), (1, 3.0)]


@pytest.mark.parametrize(("right", "n"), [(0, 60), (7, 60), (60, 60), (93, 200)])
def test_wilson_bounds_are_where_the_share_seen_is_just_in_reach(right: int, n: int) -> None:
    share = right / n
    low, high = wilson_interval(share, n)
    assert 0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1
    for bound in (low, high):
        reach = 1.96 * math.sqrt(bound * (1 - bound) / n)
        assert abs(share - bound) == pytest.approx(reach, abs=1e-6) or bound == pytest.approx(share)


def test_student_interval_of_three() -> None:
    mean, half = student_interval([1.0, 2.0, 3.0])
    assert (mean, half) == (2.0, pytest.approx(4.3027 * 1 / math.sqrt(3), rel=1e-4))
