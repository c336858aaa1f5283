"""`Grader`: the one way an answer is scored."""

from typing import Literal, Protocol

from fathom.core.model import Frozen
from fathom.core.task import Task
from fathom.core.trajectory import Trajectory, Usage


class Grade(Frozen):
    """`score` is in [0, 1]. `label` is "failed" when the trajectory or the grader itself failed: it counts in every
    denominator as 0 and is reported apart. `parts` holds further measures by name (f1, ...)."""

    score: float
    label: Literal["correct", "incorrect", "partial", "no_answer", "failed"]
    reason: str = ""
    parts: dict[str, float] = {}
    usage: Usage = Usage()


class Grader(Protocol):
    """Scores a trajectory's answer against its task. Total: what goes wrong becomes a `failed` grade."""

    @property
    def name(self) -> str: ...

    async def grade(self, task: Task, trajectory: Trajectory) -> Grade: ...
