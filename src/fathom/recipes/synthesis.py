"""Questions from a closed world, as a file of tasks."""

from collections.abc import Callable
from pathlib import Path

from fathom.core.jsonl import read_records
from fathom.core.model import canonical_json
from fathom.core.task import Task
from fathom.core.texts import write_durably
from fathom.corpus.closed.knowledge import KnowledgeBase
from fathom.synth.pipeline import Outcome, PipelineConfig, run_pipeline
from fathom.synth.questions import QuestionConfig, question_parts


def make_questions(
    base: KnowledgeBase,
    questions: QuestionConfig,
    pipeline: PipelineConfig,
    folder: Path,
    on_shard: Callable[[int, int], None] = lambda made, wanted: None,
) -> Outcome:
    """Run the question pipeline over a closed world; `folder` keeps its shards."""
    identity = {"world": base.config.model_dump(mode="json"), "questions": questions.model_dump(mode="json")}
    return run_pipeline(lambda: question_parts(base, questions), pipeline, folder, identity, on_shard)


def write_tasks(outcome: Outcome, path: Path) -> tuple[Task, ...]:
    """Write the tasks of an outcome, one a line."""
    tasks = tuple(Task.model_validate(payload) for payload in outcome.items)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, "".join(canonical_json(task) + "\n" for task in tasks).encode())
    return tasks


def read_tasks(path: Path) -> tuple[Task, ...]:
    """The tasks of a file. Raises `InputError`."""
    return tuple(read_records(path, Task))
