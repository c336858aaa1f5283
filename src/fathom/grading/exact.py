"""`ExactGrader`: an answer is right when its short answer is one of the gold answers, as `answers.same` sees it."""

import re

from fathom.core.task import Task
from fathom.core.trajectory import Trajectory
from fathom.grading.answers import contains, f1, normalise, same, short_answer
from fathom.grading.lexicon import ABSENCE
from fathom.grading.protocol import Grade
from fathom.grading.text import fold


class ExactGrader:
    """Scores 1 or 0. `parts`: `exact_match` (normal forms equal), `f1` (tokens, the best over aliases), `contains` (a
    gold answer stands anywhere in the answer)."""

    name = "exact"

    async def grade(self, task: Task, trajectory: Trajectory) -> Grade:
        """The grade of the trajectory's answer; "failed" for failed trajectories and tasks without gold answer."""
        if trajectory.failure is not None:
            return failed(f"{trajectory.failure.error}: {trajectory.failure.message}")
        if not task.answers:
            return failed("the task has no gold answer")
        return grade_text(trajectory.answer or "", task.answers)


def failed(reason: str) -> Grade:
    """The grade of what could not be graded."""
    return Grade(score=0.0, label="failed", reason=reason, parts={"exact_match": 0.0, "f1": 0.0, "contains": 0.0})


def grade_text(answer: str, golds: tuple[str, ...]) -> Grade:
    """The grade of an answer as written, Markdown and markers included."""
    short = short_answer(answer)
    parts = {
        "exact_match": float(any(normalise(short) == normalise(gold) for gold in golds if short)),
        "f1": max((f1(short, gold) for gold in golds), default=0.0),
        "contains": float(any(contains(answer, gold) for gold in golds)),
    }
    gold = next((gold for gold in golds if same(short, gold)), None)
    if gold is not None:
        return Grade(score=1.0, label="correct", reason=f"{short!r} is {gold!r}", parts=parts)
    if not short or re.search(ABSENCE, fold(short)):
        return Grade(score=0.0, label="no_answer", reason=short[:200], parts=parts)
    return Grade(score=0.0, label="incorrect", reason=f"{short[:200]!r} is not {golds[0]!r}", parts=parts)
