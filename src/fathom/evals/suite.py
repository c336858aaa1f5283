"""Running an evaluation: every question, every round, each recorded once it is graded.

The folder holds `eval.json` (what is evaluated) and `attempts.jsonl` (one `AttemptRecord` a line, append-only, keyed by
item id and round). Running it again does what is missing; of records with one key the last counts.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from fathom.core.config import Config
from fathom.core.errors import ConfigError, InputError
from fathom.core.jsonl import append, read_records
from fathom.core.model import Frozen, canonical_json
from fathom.core.task import Task
from fathom.core.texts import write_durably
from fathom.evals.measures import measure
from fathom.evals.protocol import Attempt, AttemptRecord, PageText, QuestionSet
from fathom.grading.protocol import Grader

IDENTITY, ATTEMPTS = "eval.json", "attempts.jsonl"

Progress = Callable[[AttemptRecord, int, int], None]
"""Called after each attempt with its record, how many of all attempts are done, and how many there are."""


class SuiteConfig(Config):
    """How much of a question set is run."""

    rounds: int = Field(default=1, ge=1, description="attempts at each question")
    limit: int | None = Field(default=None, ge=1, description="only the first so many questions")
    workers: int = Field(default=1, ge=1, description="attempts at the same time")
    retry_failed: bool = Field(default=False, description="try attempts again that ended as failed")


class Identity(Frozen):
    """What is evaluated. Attempts of different identities are never mixed in one folder."""

    schema_: Literal["fathom.eval/1"] = Field(default="fathom.eval/1", alias="schema")
    questions: str
    questions_hash: str
    agent: str
    model: str
    world: str
    config: dict[str, Any]
    graders: tuple[str, ...]

    model_config = {"populate_by_name": True}


def open_folder(folder: Path, identity: Identity) -> dict[tuple[str, int], AttemptRecord]:
    """Make the folder of an evaluation, or open it again: the records that are in it, by key.

    Raises `ConfigError` if it belongs to another evaluation and `InputError` if a record cannot be read.
    """
    path = folder / IDENTITY
    if path.exists():
        try:
            known = Identity.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise InputError(path, "corrupt", str(error.errors()[0]["msg"])) from None
        if known != identity:
            fields = [name for name in Identity.model_fields if getattr(known, name) != getattr(identity, name)]
            raise ConfigError(
                f"{folder} holds another evaluation: {', '.join(fields)} differ", hint="use another --out"
            )
    else:
        folder.mkdir(parents=True, exist_ok=True)
        write_durably(path, canonical_json(identity).encode() + b"\n")
    attempts = folder / ATTEMPTS
    records = read_records(attempts, AttemptRecord) if attempts.exists() else ()
    return {record.key: record for record in records}


async def evaluate(
    questions: QuestionSet,
    attempt: Attempt,
    graders: Sequence[Grader],
    folder: Path,
    identity: Identity,
    config: SuiteConfig = SuiteConfig(),
    *,
    page_text: PageText | None = None,
    on_attempt: Progress | None = None,
) -> list[AttemptRecord]:
    """Do what is missing of the evaluation in `folder` and return the records asked for, by round, then item.

    What `attempt` raises ends the evaluation with all that was recorded kept.
    """
    known = open_folder(folder, identity)
    tasks = questions.tasks[: config.limit]
    wanted = [(task, number) for number in range(config.rounds) for task in tasks]
    done = {key for key, record in known.items() if not (config.retry_failed and record.trajectory.failure)}
    left = [(task, number) for task, number in wanted if (task.id, number) not in done]
    finished = len(wanted) - len(left)
    queue = iter(left)

    async def work() -> None:
        nonlocal finished
        for task, number in queue:
            record = await _attempt(task, number, attempt, graders, page_text)
            append(folder / ATTEMPTS, [record])
            known[record.key] = record
            finished += 1
            if on_attempt is not None:
                on_attempt(record, finished, len(wanted))

    workers = [asyncio.ensure_future(work()) for _ in range(min(config.workers, len(left)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [known[task.id, number] for task, number in wanted]


async def _attempt(
    task: Task, number: int, attempt: Attempt, graders: Sequence[Grader], page_text: PageText | None
) -> AttemptRecord:
    began = time.perf_counter()
    trajectory = await attempt(task, number)
    seconds = time.perf_counter() - began
    return AttemptRecord(
        task_id=task.id,
        round=number,
        trajectory=trajectory,
        grades={grader.name: await grader.grade(task, trajectory) for grader in graders},
        measures=measure(task, trajectory, seconds, page_text),
    )
