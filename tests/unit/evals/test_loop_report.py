"""The report of a loop, as a reader's browser parses it, on small folders made by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from fathom.core.jsonl import append
from fathom.core.message import Message
from fathom.core.task import Task
from fathom.core.trajectory import Segment, StopReason, Trajectory, Turn
from fathom.evals.loop_figures import STAGES, changes
from fathom.evals.loop_report import write_loop_report

HOSTILE = 'Who wrote <i>"Dune"</i> & <script>alert(1)</script>?'
GRAPH = {
    "nodes": [
        {"id": "a", "label": "Dune", "role": "given"},
        {"id": "x", "label": "a <b>person</b>", "role": "unknown"},
        {"id": "b", "label": "Tacoma", "role": "answer"},
    ],
    "edges": [["a", "written by", "x"], ["x", "born in", "b"]],
}
TASKS = [
    Task(id="q0", question=HOSTILE, answers=("Tacoma",), meta={"shape": "chain2", "graph": GRAPH}),
    Task(id="q1", question="Where?", answers=("Ulm",), meta={"shape": "chain1", "graph": GRAPH}),
]
# Right answers among ten questions, and that RL turned q0 from wrong to right.
RIGHT = {"cpt": range(9, 10), "sft": range(3, 9), "primer": range(3, 10), "rl": range(8), "sft2": range(1, 8)}
RL_CURVES = ("Mean reward", "Loss", "Entropy", "Length", "Tool calls", "Masked", "Gradient norm")


def attempt(task_id: str, answer: str | None, *said: str) -> Trajectory:
    turns = [Turn(message=Message(role="assistant", content=text), trainable=True) for text in said]
    turns.insert(1, Turn(message=Message(role="tool", content="<results> of the search")))
    segment = Segment(role="react", start=(), turns=tuple(turns))
    stop = StopReason(kind="gave_up" if answer is None else "answered")
    return Trajectory(task_id=task_id, agent="a", model="m", segments=(segment,), answer=answer, stop=stop)


def begun(folder: Path, seed: int = 0) -> Path:
    """A loop that has only said what it is."""
    folder.mkdir(parents=True)
    config = {"pages": 1234, "held_out_pages": 100, "seed": seed}
    (folder / "loop.json").write_text(json.dumps({"commit": "abc", "config": config}))
    return folder


def whole(folder: Path, seed: int = 0) -> Path:
    """A loop that has every stage behind it; its second step of RL had no signal."""
    begun(folder, seed)
    for stage, steps in (("cpt", 7), ("sft", 5), ("sft2", 3)):
        append(folder / stage / "metrics.jsonl", [{"step": n, "loss": 3.0 - n / 10} for n in range(steps)])
    append(folder / "primer" / "metrics.jsonl", [{"step": n, "pass_rate": n / 4} for n in range(2)])
    append(folder / "rl" / "metrics.jsonl", [rl_row(step) for step in range(4)])
    (folder / "funnels").mkdir()
    rows = [
        {"part": "drawn", "entered": 41234, "left": 40001, "dropped": {"too short": 1200, "<twice>": 33}},
        {"part": "checked", "entered": 40001, "left": 39990, "dropped": {"ambiguous": 11}},
    ]
    (folder / "funnels" / "questions-sft.json").write_text(json.dumps({"name": "questions sft", "rows": rows}))
    append(folder / "questions" / "held-out.jsonl", TASKS)
    (folder / "held_out").mkdir()
    for stage, right in RIGHT.items():
        correct = {f"q{n}": int(n in right) for n in range(10)}
        (folder / "held_out" / f"{stage}.json").write_text(json.dumps({"stage": stage, "correct": correct}))
    before = [attempt("q1", "Ulm", "look <u>it</u> up", "It is Ulm."), attempt("q0", None, "no idea", "x" * 900)]
    after = [attempt("q1", "Bonn", "guess", "It is Bonn."), attempt("q0", "Tacoma", "I search", "It is Tacoma.")]
    append(folder / "held_out" / "sft.trajectories.jsonl", before)
    append(folder / "held_out" / "rl.trajectories.jsonl", after)
    return folder


def rl_row(step: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "step": step,
        "reward": step / 4,
        "policy_entropy": 0.5,
        "rollout_tokens": 30.0,
        "tool_calls": 2.0,
        "masked_share": 0.1,
        "pass_histogram": [4 - step, 0, 0, 0, 0, step],
    }
    return row if step == 1 else {**row, "loss": -0.1 * step, "grad_norm": 1.0}


def report(*folders: Path) -> LexborHTMLParser:
    out = folders[0].parent / "report.html"
    write_loop_report(folders, out)
    return LexborHTMLParser(out.read_text(encoding="utf-8"))


def only(nodes: list[LexborNode]) -> LexborNode:
    (node,) = nodes
    return node


def parent(node: LexborNode) -> LexborNode:
    assert node.parent is not None
    return node.parent


def figure(page: LexborHTMLParser, title: str) -> LexborNode:
    """The chart under that heading."""
    return parent(only([node for node in page.css(".charts h3") if node.text() == title]))


def section(page: LexborHTMLParser, heading: str) -> list[LexborNode]:
    """What stands between that heading and the next."""
    node = only([each for each in page.css("h2") if each.text() == heading]).next
    found = []
    while node is not None and node.tag != "h2":
        found += [node] if node.text().strip() else []
        node = node.next
    return found


def points(node: LexborNode) -> list[int]:
    """Of each line in it, how many points it has."""
    return [len(str(line.attributes["points"]).split()) for line in node.css("polyline")]


def cells(page: LexborHTMLParser) -> dict[str, list[str]]:
    """The table of held-out accuracy by its rows' names."""
    rows = [[cell.text() for cell in row.css("td")] for row in page.css("table")[0].css("tr")]
    return {row[0]: row[1:] for row in rows if row}


def heights(node: LexborNode) -> list[float]:
    return [float(bar.attributes["height"] or "nan") for bar in node.css("rect")]


def test_every_curve_has_a_point_for_each_row(tmp_path: Path) -> None:
    page = report(whole(tmp_path / "loop"))
    assert points(figure(page, "CPT: loss")) == [7]
    assert points(figure(page, "SFT: loss")) == [5]
    assert points(figure(page, "second turn: SFT on its own trajectories: loss")) == [3]
    assert points(figure(page, "Primer of RL")) == [2]
    drawn = {title: points(figure(page, title)) for title in RL_CURVES}
    without_signal = {"Loss", "Gradient norm"}
    assert drawn == {title: [3 if title in without_signal else 4] for title in RL_CURVES}


def test_the_curve_of_reward_rises_as_its_rows_do(tmp_path: Path) -> None:
    line = only(figure(report(whole(tmp_path / "loop")), "Mean reward").css("polyline"))
    # Over an axis from 0 (174) to 1 (10).
    assert [point.split(",")[1] for point in str(line.attributes["points"]).split()] == [
        "174.0",
        "133.0",
        "92.0",
        "51.0",
    ]


def test_the_bars_of_pass_rates_are_the_shares_of_groups(tmp_path: Path) -> None:
    found = heights(figure(report(whole(tmp_path / "loop")), "Pass rates, seed 0"))
    assert len(found) == 4 * 6
    assert found[0::6] == [164, 123, 82, 41]
    assert found[5::6] == [0, 41, 82, 123]
    assert not any(sum(found[n::6]) for n in (1, 2, 3, 4))


def test_funnels_are_told_in_numbers(tmp_path: Path) -> None:
    heading, table = section(report(whole(tmp_path / "loop")), "Funnels")
    assert heading.text() == "questions sft"
    rows = [[cell.text() for cell in row.css("td")] for row in table.css("tr")]
    assert rows[1:] == [
        ["drawn", "41,234", "40,001", "too short 1,200, <twice> 33"],
        ["checked", "40,001", "39,990", "ambiguous 11"],
    ]


def test_questions_stand_with_their_graphs(tmp_path: Path) -> None:
    page = report(whole(tmp_path / "loop"))
    block = figure(page, HOSTILE)
    assert "chain2; answer: Tacoma" in block.text()
    graph = only(block.css("svg.graph"))
    assert {str(node.attributes["class"]) for node in graph.css("rect")} == {
        "node given",
        "node unknown",
        "node answer",
    }
    assert {node.text() for node in graph.css("text.label")} == {"Dune", "a <b>person</b>", "Tacoma"}
    assert [node.text() for node in graph.css("text.edge")] == ["written by", "born in"]
    assert len(graph.css("line")) == 2
    assert only(figure(page, "Where?").css("svg.graph")).css("rect.node")
    assert not page.css("script, i, u")


def test_attempts_before_and_after_stand_side_by_side(tmp_path: Path) -> None:
    page = report(whole(tmp_path / "loop"))
    pairs = page.css(".pair")
    assert len(pairs) == 2
    pair = only([each for each in pairs if "Tacoma" in each.text()])
    heads = [node.text() for node in pair.css("p.small")]
    assert heads == ["before RL: no answer, wrong", "after RL: Tacoma, right"]
    turns = [(str(node.attributes["class"]), node.text()) for node in pair.css("div.turn")]
    tool = ("turn tool", "<results> of the search")
    assert turns == [
        ("turn assistant", "no idea"),
        tool,
        ("turn assistant", "x" * 700 + " …"),
        ("turn assistant", "I search"),
        tool,
        ("turn assistant", "It is Tacoma."),
    ]
    assert "look <u>it</u> up" in page.body.text()  # type: ignore[union-attr]


def test_accuracy_of_every_stage_has_its_interval(tmp_path: Path) -> None:
    table = cells(report(whole(tmp_path / "loop")))
    assert [row[0] for row in table.values()] == ["0.100", "0.600", "0.700", "0.800", "0.700"]
    # Wilson's for 1 and 8 of 10, as tabulated.
    assert table["CPT"] == ["0.100", "0.100 (0.018 to 0.404)"]
    assert table["RL"] == ["0.800", "0.800 (0.490 to 0.943)"]


def test_what_each_turn_changed_is_told_plainly(tmp_path: Path) -> None:
    folder = whole(tmp_path / "loop")
    found = changes(folder)
    lines = [node.text() for node in report(folder).css("ul.changes li")]
    assert lines == [
        f"RL: +0.200 (95 %: {found['rl'].low:+.3f} to {found['rl'].high:+.3f}) of 10, not told apart; 3 gained, 1 lost",
        f"second turn: -0.100 (95 %: {found['second_turn'].low:+.3f} to {found['second_turn'].high:+.3f}) of 10, "
        "not told apart; 0 gained, 1 lost",
    ]


def test_seeds_have_a_line_a_histogram_and_a_change_each(tmp_path: Path) -> None:
    folders = [whole(tmp_path / "a", 0), whole(tmp_path / "b", 1)]
    with (folders[1] / "rl" / "metrics.jsonl").open("w") as emptied:
        emptied.write("".join(json.dumps(rl_row(3)) + "\n" for _ in range(2)))
    page = report(*folders)
    assert points(figure(page, "CPT: loss")) == [7, 7]
    assert points(figure(page, "Mean reward")) == [4, 2]
    assert len(heights(figure(page, "Pass rates, seed 0"))) == 4 * 6
    assert heights(figure(page, "Pass rates, seed 1")) == [41, 0, 0, 0, 0, 123] * 2
    lines = [node.text() for node in page.css("ul.changes li")]
    assert [line.split(" (")[0] for line in lines] == [
        "seed 0, RL: +0.200",
        "seed 1, RL: +0.200",
        "mean over 2 seeds, RL: +0.200 ± 0.000",
        "seed 0, second turn: -0.100",
        "seed 1, second turn: -0.100",
        "mean over 2 seeds, second turn: -0.100 ± 0.000",
    ]


def test_a_loop_that_has_only_begun_says_what_is_missing(tmp_path: Path) -> None:
    page = report(begun(tmp_path / "loop"))
    assert list(cells(page).values()) == [["not measured", ""]] * len(STAGES)
    assert [node.text() for node in page.css("ul.changes li")] == ["RL: not measured", "second turn: not measured"]
    figures = ["CPT: loss", "SFT: loss", "Primer of RL", *RL_CURVES, "Pass rates, seed 0"]
    assert {only(figure(page, title).css("p.none")).text() for title in figures} == {"no data"}
    assert [node.text() for node in section(page, "Funnels")] == ["no funnel yet"]
    assert [node.text() for node in section(page, "Questions")] == ["no held-out questions yet"]
    assert [node.text() for node in section(page, "Before and after RL")] == ["not measured yet"]
    assert "1,234 pages" in page.css("p.small")[0].text()


def test_attempts_that_were_not_kept_are_said(tmp_path: Path) -> None:
    folder = whole(tmp_path / "loop")
    (folder / "held_out" / "sft.trajectories.jsonl").unlink()
    assert [node.text() for node in section(report(folder), "Before and after RL")] == ["no attempts kept"]


@pytest.mark.parametrize("stage", ["sft", "rl"])
def test_attempts_whose_stage_is_not_measured_yet_are_not_shown(tmp_path: Path, stage: str) -> None:
    folder = whole(tmp_path / "loop")
    (folder / "held_out" / f"{stage}.json").unlink()
    page = report(folder)
    assert [node.text() for node in section(page, "Before and after RL")] == ["not measured yet"]
    assert cells(page)[stage.upper()] == ["not measured", ""]
    assert page.css("ul.changes li")[0].text() == "RL: not measured"
