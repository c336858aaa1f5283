"""Evaluations end to end over scripted attempts: records, resumption, counting of failures, the report."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from fathom.core.errors import ConfigError
from fathom.core.evidence import Evidence
from fathom.core.jsonl import read_records
from fathom.core.model import content_hash
from fathom.core.task import Task
from fathom.core.trajectory import Failure, StopReason, Trajectory, Usage
from fathom.evals.protocol import AttemptRecord, QuestionSet
from fathom.evals.report import EvalReport, render, summarise
from fathom.evals.suite import ATTEMPTS, Identity, SuiteConfig, evaluate
from fathom.grading.exact import ExactGrader

PAGE = "Paris is the capital of France. It lies on the Seine."
TASKS = tuple(
    Task(id=f"q{i}", question=f"{i}?", answers=("Paris",), support=("Paris",), meta={"type": "a" if i < 2 else "b"})
    for i in range(4)
)
QUESTIONS = QuestionSet(name="set", tasks=TASKS)
IDENTITY = Identity(
    questions="set", questions_hash=QUESTIONS.hash, agent="a", model="m", world="w", config={}, graders=("exact",)
)


def trajectory(task: Task, answer: str | None = "Paris [E1]", failure: Failure | None = None) -> Trajectory:
    span = Evidence(
        id="E1", url="p", title="paris", page_hash=content_hash(PAGE), start=0, end=31, text=PAGE[:31], fetched_at=""
    )
    return Trajectory(
        task_id=task.id,
        agent="a",
        model="m",
        segments=(),
        answer=answer,
        stop=StopReason(kind="failed" if failure else "answered"),
        failure=failure,
        evidence=() if failure else (span,),
        usage=Usage(llm_calls=2, tool_calls=1, prompt_tokens=10, completion_tokens=5),
    )


class ScriptedAttempt:
    """Answers by (task id, round); "fail" dies, and whatever is an exception is raised."""

    def __init__(self, script: dict[tuple[str, int], str | Exception]) -> None:
        self.script, self.asked = script, list[tuple[str, int]]()

    async def __call__(self, task: Task, number: int) -> Trajectory:
        self.asked.append((task.id, number))
        said = self.script.get((task.id, number), "Paris [E1]")
        if isinstance(said, Exception):
            raise said
        if said == "fail":
            return trajectory(task, None, Failure(error="ModelFault", message="refused"))
        return trajectory(task, said)


async def run(folder: Path, attempt: Callable[[Task, int], Awaitable[Trajectory]], **config: int) -> EvalReport:
    settings = SuiteConfig.model_validate(config)
    pages = {content_hash(PAGE): PAGE}
    records = await evaluate(
        QUESTIONS, attempt, [ExactGrader()], folder, IDENTITY, settings, page_text=lambda digest: pages.get(digest)
    )
    return summarise("set", "w", TASKS[: settings.limit], records)


async def test_scores_costs_and_failures(tmp_path: Path) -> None:
    script: dict[tuple[str, int], str | Exception] = {("q1", 0): "Rome [E9]", ("q2", 0): "fail", ("q2", 1): "fail"}
    report = await run(tmp_path, ScriptedAttempt(script), rounds=2)
    exact = report.graders["exact"]
    assert exact.avg.mean == pytest.approx(5 / 8)
    assert exact.rounds == (0.5, 0.75)
    assert exact.best_at_1 == 0.75
    assert exact.pass_at == pytest.approx({1: 5 / 8, 2: 3 / 4})
    assert exact.labels == {"correct": 5, "failed": 2, "incorrect": 1}
    assert exact.parts["f1"].mean == pytest.approx(5 / 8)
    assert report.failures == {"ModelFault": 2}
    assert report.stops == {"answered": 6, "failed": 2}
    assert report.support_recall.mean == pytest.approx(6 / 8)
    assert (report.ids_cited, report.ids_unknown) == (6, 1)
    assert (report.spans_checked, report.spans_wrong) == (6, 0)
    assert report.usage.llm_calls == 16
    assert report.tokens_per_attempt == 15
    assert report.by_type["a"]["exact"] == 0.75
    assert report.by_type["b"] == {"exact": 0.5, "attempts": 4.0}


async def test_resumed_by_item_and_round(tmp_path: Path) -> None:
    broken = ScriptedAttempt({("q2", 0): ConfigError("the model is gone")})
    with pytest.raises(ConfigError, match="gone"):
        await run(tmp_path, broken)
    assert broken.asked == [("q0", 0), ("q1", 0), ("q2", 0)]
    again = ScriptedAttempt({})
    await run(tmp_path, again, rounds=2)
    assert sorted(again.asked) == [("q0", 1), ("q1", 1), ("q2", 0), ("q2", 1), ("q3", 0), ("q3", 1)]
    idle = ScriptedAttempt({})
    assert (await run(tmp_path, idle, rounds=2)).graders["exact"].avg.mean == 1.0
    assert idle.asked == []


async def test_a_torn_record_is_done_again(tmp_path: Path) -> None:
    await run(tmp_path, ScriptedAttempt({}))
    path = tmp_path / ATTEMPTS
    path.write_bytes(path.read_bytes()[:-40])
    again = ScriptedAttempt({})
    await run(tmp_path, again)
    assert again.asked == [("q3", 0)]
    assert [record.task_id for record in read_records(path, AttemptRecord)] == ["q0", "q1", "q2", "q3"]


async def test_failed_attempts_count_and_are_tried_again_on_request(tmp_path: Path) -> None:
    report = await run(tmp_path, ScriptedAttempt({("q0", 0): "fail"}))
    assert report.graders["exact"].avg.mean == 0.75
    idle, again = ScriptedAttempt({}), ScriptedAttempt({})
    await run(tmp_path, idle)
    assert idle.asked == []
    assert (await run(tmp_path, again, retry_failed=True)).graders["exact"].avg.mean == 1.0
    assert again.asked == [("q0", 0)]


async def test_limit_takes_the_first_and_more_can_follow(tmp_path: Path) -> None:
    first, rest = ScriptedAttempt({}), ScriptedAttempt({})
    assert (await run(tmp_path, first, limit=2)).items == 2
    assert first.asked == [("q0", 0), ("q1", 0)]
    await run(tmp_path, rest)
    assert rest.asked == [("q2", 0), ("q3", 0)]


async def test_workers_give_the_same_report(tmp_path: Path) -> None:
    script: dict[tuple[str, int], str | Exception] = {("q1", 0): "Rome", ("q3", 1): "Rome"}
    one = await run(tmp_path / "one", ScriptedAttempt(script), rounds=2)
    three = await run(tmp_path / "three", ScriptedAttempt(script), rounds=2, workers=3)
    assert one.graders == three.graders
    assert one.stops == three.stops


async def test_another_evaluation_is_not_mixed_in(tmp_path: Path) -> None:
    await run(tmp_path, ScriptedAttempt({}))
    other = IDENTITY.model_copy(update={"model": "other"})
    with pytest.raises(ConfigError, match="model differ"):
        await evaluate(QUESTIONS, ScriptedAttempt({}), [ExactGrader()], tmp_path, other)


async def test_a_span_that_is_not_on_its_page_is_counted(tmp_path: Path) -> None:
    async def attempt(task: Task, number: int) -> Trajectory:
        made = trajectory(task)
        return made.model_copy(update={"evidence": (made.evidence[0].model_copy(update={"start": 1}),)})

    assert (await run(tmp_path, attempt)).spans_wrong == 4


async def test_progress_and_rendering(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    records = await evaluate(
        QUESTIONS,
        ScriptedAttempt({("q0", 0): "fail"}),
        [ExactGrader()],
        tmp_path,
        IDENTITY,
        on_attempt=lambda record, done, total: seen.append((record.task_id, done, total)),
    )
    assert seen == [("q0", 1, 4), ("q1", 2, 4), ("q2", 3, 4), ("q3", 4, 4)]
    report = summarise("set", "w", TASKS, records)
    text = render(report)
    assert "exact Avg@1" in text
    assert "75.0%" in text
    assert "ModelFault 1" in text
    assert EvalReport.model_validate(json.loads(report.model_dump_json(by_alias=True))) == report


def test_missing_attempts_are_not_reported_around() -> None:
    with pytest.raises(ValueError, match="missing"):
        summarise("set", "w", TASKS, [])
