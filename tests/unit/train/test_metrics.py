"""Metrics as written: one line a step, and the same numbers read back from TensorBoard's files."""

import json
from pathlib import Path
from typing import Any

import pytest

from fathom.train.metrics import MetricsLog

Points = dict[str, list[tuple[int, float]]]


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def on_the_board(folder: Path) -> Points:
    """Every point that TensorBoard shows, by its name."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    return {name: [(e.step, e.value) for e in events.Scalars(name)] for name in events.Tags()["scalars"]}


def in_the_lines(folder: Path) -> Points:
    """The same, of `metrics.jsonl`: a number by its name, those of a list by name and place."""
    found: Points = {}
    for row in lines(folder):
        for name, value in row.items():
            if isinstance(value, list):
                for place, each in enumerate(value):
                    found.setdefault(f"{name}/{place}", []).append((row["step"], each))
            elif name != "step":
                found.setdefault(name, []).append((row["step"], value))
    return found


def assert_the_board_shows_the_lines(folder: Path) -> None:
    expected, found = in_the_lines(folder), on_the_board(folder)
    assert found.keys() == expected.keys()
    for name, points in expected.items():
        assert [step for step, _ in found[name]] == [step for step, _ in points]
        # TensorBoard keeps single precision.
        assert [y for _, y in found[name]] == pytest.approx([y for _, y in points], rel=1e-6), name


def test_metrics_forget_what_a_resumed_run_does_again(tmp_path: Path) -> None:
    with MetricsLog(tmp_path) as log:
        for step in range(5):
            log.write(step, {"loss": step})
    with (tmp_path / "metrics.jsonl").open("a") as torn:
        torn.write('{"step": 5, "lo')
    with MetricsLog(tmp_path, from_step=3) as log:
        log.write(3, {"loss": 30})
    assert [(row["step"], row["loss"]) for row in lines(tmp_path)] == [(0, 0), (1, 1), (2, 2), (3, 30)]
    assert on_the_board(tmp_path) == {"loss": [(0, 0), (1, 1), (2, 2), (3, 30)]}


def test_a_run_that_begins_again_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    for loss in (1.0, 2.0):
        with MetricsLog(tmp_path) as log:
            log.write(0, {"loss": loss})
    assert on_the_board(tmp_path) == {"loss": [(0, 2.0)]}


def test_lists_are_scalars_by_place_and_what_is_no_number_stays_in_the_line(tmp_path: Path) -> None:
    with MetricsLog(tmp_path) as log:
        log.write(0, {"pass_histogram": [3, 0, 1], "note": "x", "nothing": None, "right": True})
        log.write(1, {"pass_histogram": [0, 0, 4]})
    assert lines(tmp_path)[0] == {
        "step": 0,
        "pass_histogram": [3, 0, 1],
        "note": "x",
        "nothing": None,
        "right": True,
    }
    assert on_the_board(tmp_path) == {
        "pass_histogram/0": [(0, 3), (1, 0)],
        "pass_histogram/1": [(0, 0), (1, 0)],
        "pass_histogram/2": [(0, 1), (1, 4)],
        "right": [(0, 1)],
    }


def test_what_was_written_is_on_the_board_before_the_log_is_closed(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path)
    log.write(0, {"loss": 0.5})
    assert_the_board_shows_the_lines(tmp_path)
    log.__exit__(None, None, None)
