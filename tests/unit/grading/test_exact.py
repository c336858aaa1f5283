"""The exact grader on trajectories: labels, parts, and what failed."""

import pytest

from fathom.core.task import Task
from fathom.core.trajectory import Failure, StopReason, Trajectory
from fathom.grading.exact import ExactGrader

TASK = Task(id="t1", question="Where was he born?", answers=("Apopka", "Apopka, Florida"))


def trajectory(answer: str | None, *, failure: Failure | None = None) -> Trajectory:
    stop = StopReason(kind="failed" if failure else "answered" if answer else "gave_up")
    return Trajectory(task_id="t1", agent="a", model="m", segments=(), answer=answer, stop=stop, failure=failure)


@pytest.mark.parametrize(
    ("answer", "label", "score", "exact", "f1", "contains"),
    [
        ("Apopka [E1]\n\nHe was born in Apopka. [E1]", "correct", 1.0, 1.0, 1.0, 1.0),
        ("Apopka, Florida [E1]", "correct", 1.0, 1.0, 1.0, 1.0),
        ("He was born in Apopka. [E1]", "incorrect", 0.0, 0.0, 2 / 6, 1.0),
        ("Orlando [E2]", "incorrect", 0.0, 0.0, 0.0, 0.0),
        ("I could not find it in the sources.", "no_answer", 0.0, 0.0, 0.0, 0.0),
        ("", "no_answer", 0.0, 0.0, 0.0, 0.0),
        (None, "no_answer", 0.0, 0.0, 0.0, 0.0),
    ],
)
async def test_grades(answer: str | None, label: str, score: float, exact: float, f1: float, contains: float) -> None:
    grade = await ExactGrader().grade(TASK, trajectory(answer))
    assert (grade.label, grade.score) == (label, score)
    assert grade.parts == pytest.approx({"exact_match": exact, "f1": f1, "contains": contains})


async def test_a_date_written_otherwise_is_correct_but_no_exact_match() -> None:
    task = Task(id="t", question="When?", answers=("15 October 1863",))
    grade = await ExactGrader().grade(task, trajectory("October 15, 1863 [E1]"))
    assert grade.label == "correct"
    assert grade.parts["exact_match"] == 0.0


async def test_failed_trajectory_and_missing_gold_are_failed_and_score_nothing() -> None:
    died = trajectory(None, failure=Failure(error="ModelFault", message="refused"))
    grades = [await ExactGrader().grade(TASK, died)]
    grades += [await ExactGrader().grade(Task(id="t", question="?"), trajectory("Apopka"))]
    assert [(grade.label, grade.score) for grade in grades] == [("failed", 0.0), ("failed", 0.0)]
    assert "ModelFault: refused" in grades[0].reason
    assert "no gold answer" in grades[1].reason
