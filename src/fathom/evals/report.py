"""From attempt records to one table: scores with intervals, what they cost, and every failure counted.

Every attempt is in every denominator: a failed one, of the agent or of a grader, scores 0.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from pydantic import Field

from fathom.core.model import Frozen
from fathom.core.task import Task
from fathom.core.trajectory import Usage
from fathom.evals.protocol import AttemptRecord
from fathom.evals.stats import Interval, best_at_1, bootstrap, mean, pass_at_k


class GraderScores(Frozen):
    """Scores by one grader. `avg` is Avg@k over items with its interval, `pass_at` Pass@1 to Pass@k, `labels` counts
    attempts by label, `parts` the means of the grader's further measures."""

    avg: Interval
    best_at_1: float
    pass_at: dict[int, float]
    rounds: tuple[float, ...]
    labels: dict[str, int]
    parts: dict[str, Interval]


class EvalReport(Frozen):
    """Everything an evaluation says. Means are over attempts; shares are sums over sums."""

    schema_: Literal["fathom.eval_report/1"] = Field(default="fathom.eval_report/1", alias="schema")
    name: str
    agent: str
    model: str
    world: str
    items: int
    rounds: int
    graders: dict[str, GraderScores]
    by_type: dict[str, dict[str, float]] = Field(description="mean score by question type and grader")
    support_recall: Interval = Field(description="share of the supporting pages evidence was taken from")
    support_missing: int = Field(description="supporting pages named by the questions and not in the corpus")
    supported_sentences: Interval = Field(description="share of claiming sentences that their citations bear out")
    ids_cited: int
    ids_unknown: int
    spans_checked: int
    spans_wrong: int
    stops: dict[str, int]
    failures: dict[str, int] = Field(description="failed attempts by error class")
    usage: Usage = Field(description="of all attempts, graders excluded")
    grading_usage: Usage
    tokens_per_attempt: float
    llm_calls_per_attempt: float
    tool_calls_per_attempt: float
    tool_calls_unreached: int = Field(
        default=0,
        description="tool calls that could not be reached, if only in part, which says nothing about the facts",
    )
    seconds_per_attempt: float = Field(description="by the clock, as measured when the attempt was made")

    model_config = {"populate_by_name": True}


def summarise(
    name: str, world: str, tasks: Sequence[Task], records: Sequence[AttemptRecord], *, seed: int = 0
) -> EvalReport:
    """The report of `records`, which hold every round of every task. Raises `ValueError` where one is missing."""
    table = {record.key: record for record in records}
    rounds = 1 + max((record.round for record in records), default=-1)
    by_item_I_R = [[table.get((task.id, number)) for number in range(rounds)] for task in tasks]
    rows = [[record for record in row if record is not None] for row in by_item_I_R]
    if not rounds or any(len(row) != rounds for row in rows):
        raise ValueError("an attempt is missing")
    graders = sorted(records[0].grades)
    usage = sum((record.trajectory.usage for record in records), Usage())
    measures = [record.measures for record in records]
    return EvalReport(
        name=name,
        agent=records[0].trajectory.agent,
        model=records[0].trajectory.model,
        world=world,
        items=len(tasks),
        rounds=rounds,
        graders={grader: _scores(grader, rows, seed) for grader in graders},
        by_type=_by_type(tasks, rows, graders),
        support_recall=_share(rows, lambda m: (m.measures.support_found, m.measures.support_known), seed),
        support_missing=sum(len(task.meta.get("support_missing", ())) for task in tasks),
        supported_sentences=_share(
            rows, lambda m: (m.measures.sentences_supported, m.measures.sentences_claimed), seed
        ),
        ids_cited=sum(m.ids_cited for m in measures),
        ids_unknown=sum(m.ids_unknown for m in measures),
        spans_checked=sum(m.spans_checked for m in measures),
        spans_wrong=sum(m.spans_wrong for m in measures),
        stops=_count(_stop(record) for record in records),
        failures=_count(record.trajectory.failure.error for record in records if record.trajectory.failure),
        usage=usage,
        grading_usage=sum((grade.usage for record in records for grade in record.grades.values()), Usage()),
        tokens_per_attempt=(usage.prompt_tokens + usage.completion_tokens) / len(records),
        llm_calls_per_attempt=usage.llm_calls / len(records),
        tool_calls_per_attempt=usage.tool_calls / len(records),
        tool_calls_unreached=sum(
            turn.infra for record in records for segment in record.trajectory.segments for turn in segment.turns
        ),
        seconds_per_attempt=mean([m.seconds for m in measures]),
    )


Rows = Sequence[Sequence[AttemptRecord]]


def _scores(grader: str, rows: Rows, seed: int) -> GraderScores:
    rounds = len(rows[0])
    grades_I_R = [[record.grades[grader] for record in row] for row in rows]
    rounds_R = tuple(mean([row[number].score for row in grades_I_R]) for number in range(rounds))
    right_I = [sum(grade.label == "correct" for grade in row) for row in grades_I_R]
    parts = sorted({part for row in grades_I_R for grade in row for part in grade.parts})
    return GraderScores(
        avg=bootstrap([mean([grade.score for grade in row]) for row in grades_I_R], seed=seed),
        best_at_1=best_at_1([[row[number].score for row in grades_I_R] for number in range(rounds)]),
        pass_at={k: mean([pass_at_k(rounds, right, k) for right in right_I]) for k in range(1, rounds + 1)},
        rounds=rounds_R,
        labels=_count(grade.label for row in grades_I_R for grade in row),
        parts={
            part: bootstrap([mean([grade.parts.get(part, 0.0) for grade in row]) for row in grades_I_R], seed=seed)
            for part in parts
        },
    )


def _by_type(tasks: Sequence[Task], rows: Rows, graders: Sequence[str]) -> dict[str, dict[str, float]]:
    groups: defaultdict[str, list[AttemptRecord]] = defaultdict(list)
    for task, row in zip(tasks, rows, strict=True):
        if task.meta.get("type"):
            groups[str(task.meta["type"])] += row
    return {
        kind: {grader: mean([record.grades[grader].score for record in records]) for grader in graders}
        | {"attempts": float(len(records))}
        for kind, records in sorted(groups.items())
    }


def _share(rows: Rows, count: Callable[[AttemptRecord], tuple[int, int]], seed: int) -> Interval:
    sums = [[sum(column) for column in zip(*map(count, row), strict=True)] for row in rows]
    return bootstrap(
        [found / known if known else 0.0 for found, known in sums], seed=seed, weights_I=[known for _, known in sums]
    )


def _stop(record: AttemptRecord) -> str:
    stop = record.trajectory.stop
    return f"{stop.kind}({stop.budget})" if stop.budget else stop.kind


def _count(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def render(report: EvalReport) -> str:
    """The report as plain text for a terminal."""
    lines = [
        f"{report.name}: {report.items} questions, {report.rounds} round{'s' * (report.rounds > 1)}",
        f"agent {report.agent}, model {report.model}, world {report.world}",
        "",
    ]
    for name, scores in report.graders.items():
        lines.append(_row(f"{name} Avg@{report.rounds}", _percent(scores.avg)))
        lines += [_row(f"  {part}", _percent(value)) for part, value in scores.parts.items()]
        if report.rounds > 1:
            lines += [_row(f"  Pass@{k}", f"{value:6.1%}") for k, value in scores.pass_at.items()]
            lines.append(_row("  Best@1", f"{scores.best_at_1:6.1%}"))
        lines.append(_row("  labels", _pairs(scores.labels)))
    lines += [
        _row("supporting-passage recall", f"{_percent(report.support_recall)}  {report.support_missing} not in corpus"),
        _row("supported sentences", _percent(report.supported_sentences)),
        _row("cited ids", f"{report.ids_cited}, unknown {report.ids_unknown}"),
        _row("spans checked", f"{report.spans_checked}, wrong {report.spans_wrong}"),
        _row("ends", _pairs(report.stops)),
        _row("failures", _pairs(report.failures) or "none"),
        _row("tokens per attempt", f"{report.tokens_per_attempt:.0f}"),
        _row(
            "calls per attempt", f"{report.llm_calls_per_attempt:.1f} model, {report.tool_calls_per_attempt:.1f} tool"
        ),
        _row("tool calls not reached", f"{report.tool_calls_unreached}"),
        _row("seconds per attempt", f"{report.seconds_per_attempt:.2f}"),
    ]
    for kind, scores_by in report.by_type.items():
        shown = ", ".join(f"{name} {value:.1%}" for name, value in scores_by.items() if name != "attempts")
        lines.append(_row(f"  {kind}", f"{shown} of {scores_by['attempts']:.0f}"))
    return "\n".join(lines) + "\n"


def _row(name: str, value: str) -> str:
    return f"{name:<28}{value}"


def _percent(value: Interval) -> str:
    return f"{value.mean:6.1%}  (95 %: {value.low:.1%} to {value.high:.1%})"


def _pairs(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
