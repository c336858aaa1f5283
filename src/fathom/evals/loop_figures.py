"""Figures of loops, read from what they left in their folders: accuracy by stage, curves, intervals."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fathom.core.errors import ConfigError
from fathom.core.jsonl import read_object, read_rows
from fathom.core.provenance import commits_of
from fathom.evals.charts import Series
from fathom.evals.stats import bootstrap

STAGES = ("cpt", "sft", "primer", "rl", "sft2")
# What is judged question by question, and the stages before and after it.
TURNS = {"rl": ("sft", "rl"), "second_turn": ("rl", "sft2")}
# Changes that all point one way: five come about by chance in 6 % of cases (both ways counted), six in 3 %.
_FEWEST_CHANGED = 6
_ENDS = 10  # steps at the start and at the end of RL whose mean reward is told
# 97.5 % points of Student's t by degrees of freedom.
_STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
_STUDENT_MORE = 2.228  # the point of ten, a little wide for more


class Change(NamedTuple):
    """Held-out accuracy after a turn less that before it, over the same questions, with the 95 % interval of the
    difference; `gained` questions were answered right only after it, `lost` ones only before."""

    difference: float
    low: float
    high: float
    questions: int
    gained: int
    lost: int

    @property
    def verdict(self) -> str:
        """Better or worse where the interval leaves out 0 and does not rest on a handful of questions."""
        if self.low <= 0 <= self.high or self.gained + self.lost < _FEWEST_CHANGED:
            return "not told apart"
        return "better" if self.low > 0 else "worse"


def read_loop(folder: Path) -> dict[str, Any]:
    """What a loop says it is: `config`, `commit` and more. Raises `InputError`."""
    return read_object(folder / "loop.json", "config", "commit", hint="name folders of loops")


def loop_commits(folder: Path) -> list[str]:
    """The commits by which a loop came about; those of the loop it is a branch of first."""
    source = read_object(folder / "branch.json") if (folder / "branch.json").exists() else {}
    found = [*(commits_of(source) if source else ()), *commits_of(read_loop(folder))]
    return list(dict.fromkeys(found))


def repeat_each_other(folders: Sequence[Path]) -> bool:
    """Whether the loops are several of one configuration but for their seeds: then a mean over them says something."""
    configs = [read_loop(folder)["config"] for folder in folders]
    seeds = {config["seed"] for config in configs}
    rest = [{name: value for name, value in c.items() if name not in ("seed", "threads")} for c in configs]
    return len(folders) > 1 and len(seeds) == len(folders) and all(each == rest[0] for each in rest)


def loop_names(folders: Sequence[Path]) -> list[str]:
    """What the loops are called side by side: by their seeds where nothing else differs, else by their folders.
    Raises `ConfigError` where one is named twice."""
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ConfigError("one loop is named twice")
    if len(folders) > 1 and not repeat_each_other(folders):
        names = [folder.absolute().name for folder in folders]
        return names if len(set(names)) == len(names) else [str(folder.resolve()) for folder in folders]
    return [f"seed {read_loop(folder)['config']['seed']}" for folder in folders]


def held_out(folder: Path) -> dict[str, dict[str, int]]:
    """Of each stage that was measured, whether each held-out question was answered right (1) or not (0)."""
    paths = {stage: folder / "held_out" / f"{stage}.json" for stage in STAGES}
    return {stage: read_object(path, "correct")["correct"] for stage, path in paths.items() if path.exists()}


def changes(folder: Path) -> dict[str, Change]:
    """What each turn of `TURNS` changed, of those measured before and after it. The interval is a bootstrap's over
    questions, each paired with itself."""
    right = held_out(folder)
    found = {}
    for turn, (before, after) in TURNS.items():
        asked = [name for name in right.get(before, {}) if name in right.get(after, {})]
        if not asked:
            continue
        steps = [right[after][name] - right[before][name] for name in asked]
        over = bootstrap(steps)
        found[turn] = Change(over.mean, over.low, over.high, len(steps), steps.count(1), steps.count(-1))
    return found


def metrics(folder: Path, stage: str) -> list[dict[str, Any]]:
    """The metrics of a stage, a torn last line left out; empty where the stage was not run."""
    path = folder / stage / "metrics.jsonl"
    return list(read_rows(path)) if path.exists() else []


def series(rows: Sequence[dict[str, Any]], name: str) -> Series:
    """One metric over steps."""
    return [(row["step"], row[name]) for row in rows if isinstance(row.get(name), int | float)]


def smoothed(line: Series, window: int) -> Series:
    """Each point the mean of the last `window` ones."""
    values = [y for _, y in line]
    spans = [values[max(0, at + 1 - window) : at + 1] for at in range(len(values))]
    return [(x, sum(span) / len(span)) for (x, _), span in zip(line, spans, strict=True)]


def student_interval(values: Sequence[float]) -> tuple[float, float]:
    """(mean, half width of its 95 % interval) over at least two values taken as normal."""
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))
    return mean, _STUDENT.get(len(values) - 1, _STUDENT_MORE) * spread


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of n trials."""
    z = 1.96
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def loop_figures(folder: Path) -> dict[str, Any]:
    """Held-out accuracy by stage and what each turn changed of it; mean reward and entropy of the first and last ten
    steps of RL, of a short one of either half; seconds by stage."""
    figures: dict[str, Any] = {
        "held_out": {stage: round(_mean(list(right.values())), 4) for stage, right in held_out(folder).items() if right}
    }
    figures["changes"] = {
        turn: {**{name: round(value, 4) for name, value in change._asdict().items()}, "verdict": change.verdict}
        for turn, change in changes(folder).items()
    }
    rl = metrics(folder, "rl")
    ends = min(_ENDS, len(rl) // 2)
    for name in ("reward", "policy_entropy") if ends else ():
        values = [row[name] for row in rl]
        figures[f"{name}_first"] = round(_mean(values[:ends]), 4)
        figures[f"{name}_last"] = round(_mean(values[-ends:]), 4)
    figures["rl_steps"] = len(rl)
    seconds = {stage: sum(row["seconds"] for row in metrics(folder, stage)) for stage in STAGES}
    doses = sorted((folder / "primer").glob("dose-*"))
    seconds["primer"] += sum(row["seconds"] for dose in doses for row in metrics(folder / "primer", dose.name))
    figures["seconds"] = {stage: round(spent) for stage, spent in seconds.items() if spent}
    return figures


def mean_figures(figures: Sequence[dict[str, Any]]) -> dict[str, tuple[float, float, int]]:
    """(mean, half width of its 95 % interval, over how many loops) of what at least two of the loops have."""
    found: dict[str, list[float]] = {}
    for each in figures:
        ends = {name: value for name, value in each.items() if name.startswith(("reward", "policy_entropy"))}
        turns = {f"{turn}_change": change["difference"] for turn, change in each["changes"].items()}
        for name, value in {**each["held_out"], **turns, **ends}.items():
            found.setdefault(name, []).append(value)
    several = {name: values for name, values in found.items() if len(values) > 1}
    means = {name: student_interval(values) for name, values in several.items()}
    return {name: (round(mean, 4), round(half, 4), len(several[name])) for name, (mean, half) in means.items()}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
