"""Figures of loops, and `fathom compare` over them."""

import json
import math
from pathlib import Path

import pytest

from fathom.cli import main as cli
from fathom.core.errors import ConfigError
from fathom.core.jsonl import append
from fathom.evals.loop_figures import (
    changes,
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
    assert "±" not in page
    assert "mean and interval" not in page


def test_loops_of_other_settings_in_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    folders = [loop(tmp_path / "old" / "nano-0", 2), loop(tmp_path / "new" / "nano-0", 3, pages=200)]
    assert loop_names(folders) == [str(folder) for folder in folders]
    with pytest.raises(ConfigError, match="named twice"):
        loop_names([folders[0], tmp_path / "new" / ".." / "old" / "nano-0"])


def test_a_loop_under_way_has_figures(tmp_path: Path) -> None:
    folder = loop(tmp_path / "a", 2)
    (folder / "held_out" / "rl.json").unlink()
    (folder / "rl" / "metrics.jsonl").unlink()
    assert loop_figures(folder) == {"held_out": {"sft": 0.2}, "changes": {}, "rl_steps": 0, "seconds": {}}
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


def judged(folder: Path, **right: set[int]) -> Path:
    """A loop of 200 held-out questions, of which those were answered right after each stage."""
    loop(folder, 0)
    for stage in ("sft", "rl", "sft2"):
        correct = {str(n): int(n in right.get(stage, set())) for n in range(200)}
        (folder / "held_out" / f"{stage}.json").write_text(json.dumps({"stage": stage, "correct": correct}))
    return folder


def test_what_a_turn_changed_is_told_over_pairs_of_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # RL gains 30 of 100 wrong ones; the second turn gains 18 and loses 8.
    rl = set(range(130))
    folder = judged(tmp_path / "a", sft=set(range(100)), rl=rl, sft2=(rl - set(range(8))) | set(range(150, 168)))
    assert cli.run(["compare", str(folder), "--out", str(tmp_path / "one.html")]) == 0
    found = json.loads(capsys.readouterr().out)["changes"]
    rl_change = found["rl"]
    assert (rl_change["difference"], rl_change["questions"]) == (0.15, 200)
    assert (rl_change["gained"], rl_change["lost"], rl_change["verdict"]) == (30, 0, "better")
    second = found["second_turn"]
    assert (second["difference"], second["gained"], second["lost"]) == (0.05, 18, 8)
    # The normal interval of a mean of paired differences; unpaired it would be twice as wide, 0.095.
    half = 1.96 * math.sqrt((26 / 200 - 0.05**2) / 200)
    assert second["low"] == pytest.approx(0.05 - half, abs=0.008)
    assert second["high"] == pytest.approx(0.05 + half, abs=0.008)
    said = f"second turn: +0.050 (95 %: {second['low']:+.3f} to {second['high']:+.3f}) of 200, {second['verdict']}; "
    assert said + "18 gained, 8 lost" in (tmp_path / "one.html").read_text()


@pytest.mark.parametrize(
    ("gained", "lost", "verdict"),
    [
        (0, 0, "not told apart"),
        (4, 0, "not told apart"),
        (0, 12, "worse"),
        (12, 0, "better"),
        (20, 18, "not told apart"),
    ],
)
def test_a_second_turn_is_judged_where_questions_enough_changed(
    gained: int, lost: int, verdict: str, tmp_path: Path
) -> None:
    before = set(range(100))
    after = (before - set(range(lost))) | set(range(100, 100 + gained))
    change = changes(judged(tmp_path / "a", sft=before, rl=before, sft2=after))["second_turn"]
    assert change.low <= change.difference <= change.high
    assert change.verdict == verdict


def test_only_questions_asked_before_and_after_are_compared(tmp_path: Path) -> None:
    folder = loop(tmp_path / "a", 2)
    (folder / "held_out" / "rl.json").write_text(json.dumps({"stage": "rl", "correct": {"0": 0, "9": 1, "other": 1}}))
    change = changes(folder)["rl"]
    assert (change.difference, change.questions, change.gained, change.lost) == (0.0, 2, 1, 1)


def test_changes_have_a_mean_over_seeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [loop(tmp_path / "a", 2, seed=0), loop(tmp_path / "b", 4, seed=1)]
    assert cli.run(["compare", *map(str, folders), "--out", str(tmp_path / "all.html")]) == 0
    both = json.loads(capsys.readouterr().out.splitlines()[-1])
    mean, half, count = both["mean_half_width_loops"]["rl_change"]
    assert (mean, count) == (pytest.approx(0.7), 2)
    assert half == pytest.approx(12.7062 * 0.1, rel=1e-4)
    assert "second_turn_change" not in both["mean_half_width_loops"]


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
