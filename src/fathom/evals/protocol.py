"""What an evaluation is made of: a question set, something that attempts questions, and a record of each attempt."""

from collections.abc import Awaitable, Callable
from typing import Literal

from pydantic import Field

from fathom.core.model import Frozen, content_hash
from fathom.core.task import Task
from fathom.core.trajectory import Trajectory
from fathom.grading.protocol import Grade

Attempt = Callable[[Task, int], Awaitable[Trajectory]]
"""One attempt at a task, in the round given (from 0). What it could not get over is a failed trajectory; what it raises
ends the evaluation, to be resumed."""

PageText = Callable[[str], str | None]
"""The text of the page with that sha256, None where it is not at hand."""


class QuestionSet(Frozen):
    """Questions with stable ids. `source` tells where they come from; `licence` an SPDX id where there is one."""

    name: str
    tasks: tuple[Task, ...]
    source: str = ""
    licence: str = ""

    @property
    def hash(self) -> str:
        """Of questions, answers and supporting pages, so of all that scores depend on."""
        return content_hash([task.model_dump(mode="json") for task in self.tasks])


class Measures(Frozen):
    """Counts taken of one attempt beside its grades; `seconds` is how long it took by the clock."""

    support_found: int = Field(default=0, description="supporting pages from which evidence was taken")
    support_known: int = Field(default=0, description="supporting pages there are in the corpus")
    sentences_supported: int = Field(default=0, description="sentences of the answer their citations bear out")
    sentences_claimed: int = Field(default=0, description="sentences of the answer that claim something")
    ids_cited: int = Field(default=0, description="different evidence ids the answer names")
    ids_unknown: int = Field(default=0, description="of those, ids that no evidence has")
    spans_checked: int = Field(default=0, description="pieces of evidence whose page was at hand")
    spans_wrong: int = Field(default=0, description="of those, pieces that are not the text of their span")
    seconds: float = 0.0


class AttemptRecord(Frozen):
    """One line of `attempts.jsonl`: an attempt, its grades by grader, and what was measured."""

    schema_: Literal["fathom.attempt/1"] = Field(default="fathom.attempt/1", alias="schema")
    task_id: str
    round: int
    trajectory: Trajectory
    grades: dict[str, Grade]
    measures: Measures

    model_config = {"populate_by_name": True}

    @property
    def key(self) -> tuple[str, int]:
        """What an attempt is resumed by."""
        return self.task_id, self.round
