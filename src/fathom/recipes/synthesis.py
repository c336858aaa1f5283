"""Questions from a closed world, trajectories that answer them, samples to train on: all as files."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fathom.core.config import Environment
from fathom.core.errors import ConfigError, InputError, PageNotFoundError
from fathom.core.jsonl import read_records
from fathom.core.model import canonical_json, content_hash
from fathom.core.task import Task
from fathom.core.texts import write_durably
from fathom.core.trajectory import Trajectory
from fathom.corpus.closed.knowledge import KnowledgeBase
from fathom.grading.exact import ExactGrader
from fathom.grading.protocol import Grade
from fathom.llm.local.files import WEIGHTS
from fathom.recipes.ask import strategy_for
from fathom.recipes.attempts import attempts
from fathom.recipes.corpora import open_corpus
from fathom.recipes.models import open_model
from fathom.recipes.research import ResearchConfig, research_config
from fathom.recipes.worlds import gated
from fathom.synth.pipeline import Outcome, PipelineConfig, run_pipeline
from fathom.synth.protocol import Provenance
from fathom.synth.questions import QuestionConfig, question_parts
from fathom.synth.trajectories.oracle import OracleChat
from fathom.synth.trajectories.samples import Attempted, SampleForm, default_filters, samples_of
from fathom.synth.trajectories.sampling import Sampled, rejection_sample
from fathom.world.protocol import World
from fathom.world.simulated import SimulatedWorld

_NOT_OURS = ("world", "web", "reader", "files", "tools")  # what attempts in a corpus have nothing of


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


async def make_trajectories(
    corpus: str, tasks: Sequence[Task], research: ResearchConfig, out: Path, *, tries: int, seed: int
) -> Sampled:
    """Attempts of an agent at the tasks in the corpus; those that pass all filters go to `out`. `research.model` is
    "oracle", which acts as `brief`, or a model's spec. Until all are done, finished ones stand beside `out`, and the
    same call goes on from them. Raises `ConfigError` for tasks that the corpus or the oracle cannot serve."""
    model = research.model
    if not tasks:
        raise ConfigError("there is no question to attempt")
    if model == "oracle" and not all("plan" in task.meta for task in tasks):
        raise ConfigError("the oracle answers only questions that fathom synth questions has made")
    if model == "oracle" and research.agent != "brief":
        raise ConfigError("the oracle acts as the agent brief", hint="--model SPEC for other agents")
    plain = research_config(research.agent)
    if other := [name for name in _NOT_OURS if getattr(research, name) != getattr(plain, name)]:
        raise ConfigError(f"attempts at questions of a corpus know no setting {', '.join(other)}", hint="leave it out")
    research = research.model_copy(update={"world": corpus})
    environment = Environment.read()
    snapshot = open_corpus(corpus, environment.home)
    world = gated(SimulatedWorld(snapshot))
    chat = None if model == "oracle" else open_model(model, environment)
    strategy = strategy_for(research, environment)
    attempt = attempts(OracleChat if chat is None else lambda task, seed: chat, world, research, strategy=strategy)
    identity = [task.model_dump(mode="json") for task in tasks]
    agent = [research.model_dump(mode="json"), strategy]
    digest = content_hash([snapshot.hash, agent, _weights_of(model), identity, tries, seed])
    record = out.with_name(f"{out.stem}.{digest[:12]}.attempts.jsonl")
    try:
        await _see_support(tasks[0], world, corpus)
        sampled = await rejection_sample(
            tasks, attempt, ExactGrader(), default_filters(), tries=tries, seed=seed, record=record
        )
    finally:
        await world.close()
        if chat is not None:
            await chat.close()
    out.parent.mkdir(parents=True, exist_ok=True)
    write_durably(out, "".join(canonical_json(each.trajectory) + "\n" for each in sampled.kept).encode())
    record.unlink(missing_ok=True)
    return sampled


def _weights_of(model: str) -> list[int]:
    """What tells the weights of a model in a folder from later ones."""
    kind, _, folder = model.partition(":")
    if kind != "local" or not (path := Path(folder).expanduser() / WEIGHTS).is_file():
        return []
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


async def _see_support(task: Task, world: World, corpus: str) -> None:
    """Refuse tasks of another corpus, at which every attempt would fail."""
    for title in task.support:
        try:
            await world.open(title)
        except PageNotFoundError:
            raise ConfigError(
                f"the questions are of another corpus: {corpus} has no page {title}",
                hint="name the corpus they were made from",
            ) from None


def export_samples(questions: Path, trajectories: Path, out: Path, form: str) -> int:
    """Write the trajectories of a file as SFT samples in that form; how many there are. Raises `InputError` and
    `ConfigError`."""
    forms: dict[str, SampleForm] = {"react": "react", "iterresearch": "iterresearch"}
    if form not in forms:
        raise ConfigError(f"there is no form {form!r}; there is {', '.join(forms)}")
    tasks = {task.id: task for task in read_tasks(questions)}
    lines = []
    for trajectory in read_records(trajectories, Trajectory):
        if trajectory.task_id not in tasks:
            raise InputError(trajectories, "corrupt", f"it answers a question that {questions} does not have")
        grade = Grade(score=1.0, label="correct", reason="as filtered")
        attempted = Attempted(task=tasks[trajectory.task_id], trajectory=trajectory, grade=grade)
        provenance = Provenance(seed=trajectory.seed, model=trajectory.model, steps=("attempt", "export"))
        lines += [canonical_json(sample) + "\n" for sample in samples_of(attempted, forms[form], provenance)]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_durably(out, "".join(lines).encode())
    return len(lines)
