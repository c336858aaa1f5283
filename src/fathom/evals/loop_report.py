"""The report of a loop as one HTML page: funnels, questions with their graphs, attempts before and after, curves.

It reads what the loop left in its folder, or in several folders of different seeds, and nothing else. It says which
stages are missing, so a report can be made of a loop that is under way.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from fathom.core.jsonl import read_object, read_records
from fathom.core.task import Task
from fathom.core.trajectory import Trajectory
from fathom.evals.charts import graph_chart, line_chart, page_of, share_chart
from fathom.evals.loop_figures import (
    STAGES,
    TURNS,
    Change,
    changes,
    held_out,
    loop_commits,
    loop_names,
    metrics,
    read_loop,
    repeat_each_other,
    series,
    smoothed,
    student_interval,
    wilson_interval,
)

_STAGE_NAMES = {
    "cpt": "CPT",
    "sft": "SFT",
    "primer": "primer of RL",
    "rl": "RL",
    "sft2": "second turn: SFT on its own trajectories",
}
_TURN_NAMES = {"rl": "RL", "second_turn": "second turn"}
_HISTOGRAM = ("0", "below 1/4", "below 1/2", "below 3/4", "below 1", "1")
_RL_CHARTS = (
    ("reward", "Mean reward", "share of rollouts whose answer is right", 0.0, 1.0),
    ("loss", "Loss", "the surrogate, over trained tokens; a step without signal has none", None, None),
    ("policy_entropy", "Entropy", "mean of -log p over sampled tokens, nats", 0.0, None),
    ("rollout_tokens", "Length", "tokens the policy wrote in a rollout", 0.0, None),
    ("tool_calls", "Tool calls", "per rollout", 0.0, None),
    ("masked_share", "Masked", "share of rollouts left out of the loss as chosen negatives", 0.0, 1.0),
    ("grad_norm", "Gradient norm", "before clipping", 0.0, None),
)
_SMOOTHED = 5  # steps, where curves of several loops lie over each other
_SHOWN_CHARS = 700
_SHOWN_QUESTIONS, _SHOWN_ATTEMPTS = 6, 4


def write_loop_report(folders: Sequence[Path], out: Path) -> None:
    """Write the report of these loops to `out`; charts show all, funnels and attempts are of the first. Raises
    `InputError` where a file of theirs is missing or damaged."""
    first = folders[0]
    about = read_loop(first)
    commits = dict.fromkeys(commit for folder in folders for commit in loop_commits(folder))
    names = loop_names(folders)
    parts = [
        f"<h1>The circle: {escape(', '.join(names))}</h1>",
        f'<p class="small">commit {escape(", ".join(commits))}; world of {about["config"]["pages"]:,} pages; '
        f"held-out questions from another world of {about['config']['held_out_pages']:,} pages</p>",
        "<h2>Held-out accuracy</h2>",
        _accuracy_table(folders, names),
        _changes(folders, names),
        "<h2>Supervised training</h2>",
        _supervised(folders, names),
        "<h2>Reinforcement learning</h2>",
        _rl(folders, names),
        "<h2>Funnels</h2>",
        _funnels(first),
        "<h2>Questions</h2>",
        _questions(first),
        "<h2>Before and after RL</h2>",
        _attempts(first),
    ]
    out.write_text(page_of("fathom loop", "\n".join(parts)), encoding="utf-8")


def _accuracy_table(folders: Sequence[Path], names: Sequence[str]) -> str:
    measured = [held_out(folder) for folder in folders]
    comparable = len(folders) == 1 or repeat_each_other(folders)
    head = [*names, "mean and interval"] if comparable else names
    rows = []
    for stage in STAGES:
        each = [sum(m[stage].values()) / len(m[stage]) if m.get(stage) else None for m in measured]
        values = [value for value in each if value is not None]
        cells = [f'<td class="n">{"not measured" if value is None else f"{value:.3f}"}</td>' for value in each]
        if comparable:
            whole = len(values) == len(folders)
            cells.append(f"<td>{_interval(values, len(measured[0][stage])) if whole else ''}</td>")
        rows.append(f"<tr><td>{_STAGE_NAMES[stage]}</td>{''.join(cells)}</tr>")
    note = "Share of held-out questions answered right by the greedy policy. None of their entities was trained on."
    if comparable:
        over = "Wilson's over questions" if len(folders) == 1 else "Student's over seeds"
        note += f" The interval is {over}, of 95 %."
    heads = "".join(f"<th>{escape(name)}</th>" for name in ["after", *head])
    return f'<table><tr>{heads}</tr>{"".join(rows)}</table><p class="small">{note}</p>'


def _changes(folders: Sequence[Path], names: Sequence[str]) -> str:
    found = [changes(folder) for folder in folders]
    comparable = repeat_each_other(folders)
    lines = []
    for turn in TURNS:
        for name, each in zip(names, found, strict=True):
            whose = f"{name}, " if len(folders) > 1 else ""
            lines.append(f"{whose}{_TURN_NAMES[turn]}: {_change(each.get(turn))}")
        values = [each[turn].difference for each in found if turn in each]
        if comparable and len(values) == len(folders):
            mean, half = student_interval(values)
            lines.append(f"mean over {len(folders)} seeds, {_TURN_NAMES[turn]}: {mean:+.3f} ± {half:.3f}")
    note = (
        "What RL with its primer changed after SFT, and the second turn after RL: the difference of accuracy over the "
        "same questions, its interval a bootstrap's over them."
    )
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<ul class="changes">{items}</ul><p class="small">{note}</p>'


def _change(change: Change | None) -> str:
    if change is None:
        return "not measured"
    return (
        f"{change.difference:+.3f} (95 %: {change.low:+.3f} to {change.high:+.3f}) of {change.questions}, "
        f"{change.verdict}; {change.gained} gained, {change.lost} lost"
    )


def _interval(values: Sequence[float], n: int) -> str:
    if len(values) > 1:
        mean, half = student_interval(values)
        return f"{mean:.3f} &plusmn; {half:.3f}"
    low, high = wilson_interval(values[0], n)
    return f"{values[0]:.3f} ({low:.3f} to {high:.3f})"


def _missing(what: str) -> str:
    return f'<p class="none">{what}</p>'


def _figure(title: str, what: str, chart: str) -> str:
    return f'<div><h3>{escape(title)}</h3>{chart}<p class="small">{escape(what)}</p></div>'


def _supervised(folders: Sequence[Path], names: Sequence[str]) -> str:
    figures = []
    for stage in ("cpt", "sft", "sft2"):
        lines = {name: series(metrics(f, stage), "loss") for f, name in zip(folders, names, strict=True)}
        figures.append(
            _figure(f"{_STAGE_NAMES[stage]}: loss", "weighted nats per token, over steps", line_chart(lines))
        )
    solved = {name: series(metrics(f, "primer"), "pass_rate") for f, name in zip(folders, names, strict=True)}
    what = "share of harder questions solved at temperature 1, over doses of their trajectories"
    figures.append(_figure("Primer of RL", what, line_chart(solved, low=0.0)))
    return f'<div class="charts">{"".join(figures)}</div>'


def _rl(folders: Sequence[Path], names: Sequence[str]) -> str:
    rows = [metrics(folder, "rl") for folder in folders]
    window = 1 if len(folders) == 1 else _SMOOTHED
    figures = []
    for name, title, what, low, high in _RL_CHARTS:
        lines = {label: smoothed(series(each, name), window) for each, label in zip(rows, names, strict=True)}
        what += f", running mean of {window} steps" if window > 1 else ""
        figures.append(_figure(title, what, line_chart(lines, low=low, high=high)))
    for each, label in zip(rows, names, strict=True):
        shares = [(row["step"], row["pass_histogram"]) for row in each]
        figures.append(_figure(f"Pass rates, {label}", "share of groups by pass rate", share_chart(shares, _HISTOGRAM)))
    return f'<div class="charts">{"".join(figures)}</div>'


def _funnels(folder: Path) -> str:
    parts = []
    for path in sorted((folder / "funnels").glob("*.json")):
        funnel = read_object(path)
        rows = "".join(
            f'<tr><td>{escape(row["part"])}</td><td class="n">{row["entered"]:,}</td><td class="n">{row["left"]:,}</td>'
            f"<td>{escape(', '.join(f'{k} {v:,}' for k, v in row['dropped'].items()))}</td></tr>"
            for row in funnel["rows"]
        )
        table = f"<table><tr><th>part</th><th>in</th><th>out</th><th>dropped</th></tr>{rows}</table>"
        parts.append(f"<h3>{escape(funnel['name'])}</h3>{table}")
    return "".join(parts) or _missing("no funnel yet")


def _questions(folder: Path) -> str:
    path = folder / "questions" / "held-out.jsonl"
    tasks = list(read_records(path, Task)) if path.exists() else []
    if not tasks:
        return _missing("no held-out questions yet")
    by_shape: dict[str, list[Task]] = {}
    for task in tasks:
        by_shape.setdefault(str(task.meta.get("shape")), []).append(task)
    shown = [task for group in by_shape.values() for task in group[: max(1, _SHOWN_QUESTIONS // len(by_shape))]]
    parts = []
    for task in shown:
        answer = escape(task.answers[0])
        head = f"<h3>{escape(task.question)}</h3><p class='small'>{escape(task.meta['shape'])}; answer: {answer}</p>"
        parts.append(f"<div>{head}{graph_chart(task.meta['graph'])}</div>")
    legend = '<p class="small">Green is given in the question, orange the answer, grey has to be found.</p>'
    return legend + f'<div class="charts">{"".join(parts)}</div>'


def _attempts(folder: Path) -> str:
    path = folder / "questions" / "held-out.jsonl"
    tasks = {task.id: task for task in read_records(path, Task)} if path.exists() else {}
    sides = {}
    for stage in ("sft", "rl"):
        samples = folder / "held_out" / f"{stage}.trajectories.jsonl"
        sides[stage] = {t.task_id: t for t in read_records(samples, Trajectory)} if samples.exists() else {}
    right = held_out(folder)
    if not right.keys() >= sides.keys():
        return _missing("not measured yet")
    common = [name for name in sides["sft"] if name in sides["rl"] and name in tasks]
    changed = sorted(common, key=lambda name: -abs(right["rl"][name] - right["sft"][name]))
    parts = []
    for name in changed[:_SHOWN_ATTEMPTS]:
        halves = "".join(
            f"<div>{_attempt(sides[stage][name], right[stage][name], when)}</div>"
            for stage, when in (("sft", "before RL"), ("rl", "after RL"))
        )
        parts.append(f'<h3>{escape(tasks[name].question)}</h3><div class="pair">{halves}</div>')
    return "".join(parts) or _missing("no attempts kept")


def _attempt(trajectory: Trajectory, right: int, when: str) -> str:
    verdict = '<b class="good">right</b>' if right else '<b class="bad">wrong</b>'
    turns = [f'<p class="small">{when}: {escape(trajectory.answer or "no answer")}, {verdict}</p>']
    for segment in trajectory.segments:
        for turn in segment.turns:
            text = turn.message.content
            shown = text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + " …"
            turns.append(f'<div class="turn {turn.message.role}">{escape(shown)}</div>')
    return "".join(turns)
