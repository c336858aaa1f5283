"""Evaluating: a question set, the corpus it is about, an agent and a model, put together into one resumable folder."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from fathom.core.assets import Progress, quiet
from fathom.core.config import Config, Environment
from fathom.core.errors import ConfigError
from fathom.core.events import MemoryJournal
from fathom.core.model import canonical_json, content_hash
from fathom.core.seeds import derive_seed
from fathom.core.task import Task
from fathom.core.texts import write_durably
from fathom.core.trajectory import Trajectory
from fathom.corpus.snapshot import Snapshot
from fathom.evals.protocol import Attempt, AttemptRecord, QuestionSet
from fathom.evals.questions import resolve_support
from fathom.evals.report import EvalReport, render, summarise
from fathom.evals.suite import Identity, SuiteConfig, evaluate
from fathom.grading.exact import ExactGrader
from fathom.grading.judge import JudgeConfig, JudgeGrader
from fathom.grading.protocol import Grader
from fathom.llm.protocol import ChatModel
from fathom.recipes.ask import strategy_for
from fathom.recipes.models import open_model
from fathom.recipes.question_sets import load_questions, open_benchmark_corpus, open_named_corpus
from fathom.recipes.research import Ports, ResearchConfig, ResolvedResearch, attempt
from fathom.recipes.tool_ports import tool_ports
from fathom.recipes.worlds import absolute, around_identity, is_corpus, open_world, surroundings, world_identity
from fathom.world.protocol import World
from fathom.world.simulated import SimulatedWorld


class EvalConfig(Config):
    """What to evaluate. `name` is a benchmark, or any name for the questions of a file."""

    name: str
    questions: Path | None = Field(default=None, description="a file of questions in place of a benchmark's")
    corpus: str = Field(default="", description="a corpus name, or a file or folder; empty: the benchmark's own")
    world: str = Field(default="", description="a world in place of a corpus, as recorded:said.jsonl or live:brave")
    around: tuple[str, ...] = Field(default=(), description="what stands around the corpus or world, as faulty:0.3")
    data: Path | None = Field(default=None, description="folder of the benchmarks' data sets")
    judge: str = Field(default="", description="model that judges the answers as well, a spec as research.model")
    judging: JudgeConfig = JudgeConfig()
    suite: SuiteConfig = SuiteConfig()
    seed: int = 0
    date: str = Field(default="", description="the agent's today, ISO 8601, where a question has none; empty: today")


@dataclass(frozen=True)
class Evaluated:
    """A finished evaluation: its folder and its report."""

    folder: Path
    report: EvalReport


Watch = Callable[[Task, AttemptRecord, int, int], None]
"""Called after each attempt with its task, its record, how many attempts are done, and how many there are."""


@dataclass(frozen=True)
class _Parts:
    config: EvalConfig
    questions: QuestionSet
    resolved: ResolvedResearch
    ports: Ports
    graders: list[Grader]

    @property
    def identity(self) -> Identity:
        """All that scores depend on. How many questions and rounds are run, and by how many workers, is left out, so
        that more can be added to the same folder."""
        settings = self.resolved.research.model_dump(mode="json")
        more = {"seed": self.config.seed, "date": self.config.date, "judge": self.config.judge}
        if self.config.around:
            more["around"] = " ".join(around_identity(self.config.around))
        if self.config.world:
            settings["world"] = world_identity(self.config.world)
        return Identity(
            questions=self.questions.name,
            questions_hash=self.questions.hash,
            agent=self.resolved.research.agent,
            model=self.resolved.model_name,
            world=self.resolved.world_name,
            config={**settings, **more, "strategy": self.resolved.strategy},
            graders=tuple(grader.name for grader in self.graders),
        )


async def run_eval(
    config: EvalConfig,
    research: ResearchConfig,
    environment: Environment,
    *,
    out: Path | None = None,
    on_progress: Progress = quiet,
    watch: Watch | None = None,
) -> Evaluated:
    """Do what is missing of an evaluation and write `report.json` and `report.txt` beside its attempts.

    The folder follows from what is evaluated, so the same call again resumes; `out` names another one.
    """
    surround = surroundings(config.around, config.seed)
    questions = load_questions(config.name, config.data, config.questions)
    world_spec, inside, questions = _open_inside(config, research, questions, environment, on_progress)
    specs = (research.model, research.reader, config.judge)
    async with AsyncExitStack() as stack:  # of what is open already when the next cannot be opened
        world = surround(inside)
        stack.push_async_callback(world.close)
        models = []
        for spec in filter(None, specs):
            models.append(open_model(spec, environment, on_progress=on_progress))
            stack.push_async_callback(models[-1].close)
        tools = tool_ports(research.tools, research.web, environment)
        stack.push_async_callback(tools.close)
        await tools.ready()
        ports = Ports(model=models[0], world=world, reader=models[1] if research.reader else None, tools=tools)
        judge = models[-1] if config.judge else None
        resolved = ResolvedResearch(
            research=research.model_copy(update={"world": world_spec, "tools": research.tools.as_installed()}),
            task=Task(id="", question=""),
            date=config.date or datetime.now(UTC).date().isoformat(),
            strategy=strategy_for(research, environment),
            model_name=ports.model.name,
            world_name=ports.world.name,
            reader_name=ports.reader.name if ports.reader is not None else "",
        )
        parts = _Parts(config, questions, resolved, ports, _graders(config, judge, environment.home))
        return await _run(parts, environment.home, out, watch)


def _open_inside(
    config: EvalConfig,
    research: ResearchConfig,
    questions: QuestionSet,
    environment: Environment,
    on_progress: Progress,
) -> tuple[str, World, QuestionSet]:
    """The spec of the world that is searched, the world, and the questions with the titles that a corpus has for what
    supports them. Titles of any other world are not known, and names stay as they are."""
    if config.world and config.corpus:
        raise ConfigError("a world stands in place of a corpus", hint="leave one of --corpus and --world out")
    if config.world and is_corpus(config.world):
        raise ConfigError(f"{config.world!r} is a corpus", hint="--corpus NAME, and --around for what stands around it")
    if config.world:
        world = open_world(config.world, environment, on_progress, web=research.web, seed=config.seed)
        return absolute(config.world), world, questions
    snapshot = _open_corpus(config, environment.home, on_progress)
    questions = resolve_support(questions, (document.title for document in snapshot.documents()))
    return snapshot.name, SimulatedWorld(snapshot), questions


def _open_corpus(config: EvalConfig, home: Path, on_progress: Progress) -> Snapshot:
    if config.corpus:
        return open_named_corpus(config.corpus, home, on_progress)
    if config.questions is not None:
        raise ConfigError("questions of your own need a corpus to look in", hint="--corpus DIR_OR_NAME or --world SPEC")
    return open_benchmark_corpus(config.name, config.data, home, on_progress)


def _graders(config: EvalConfig, judge: ChatModel | None, home: Path) -> list[Grader]:
    graders: list[Grader] = [ExactGrader()]
    if judge is not None:
        graders.append(JudgeGrader(judge, home / "judge", config.judging))
    return graders


async def _run(parts: _Parts, home: Path, out: Path | None, watch: Watch | None) -> Evaluated:
    config, identity = parts.config, parts.identity
    folder = out or home / "evals" / f"{config.name}-{identity.agent}-{content_hash(identity)[:10]}"
    tasks = {task.id: task for task in parts.questions.tasks}

    def page_text(digest: str) -> str | None:
        page = parts.ports.pages.get(digest)
        return page.text if page is not None else None

    def on_attempt(record: AttemptRecord, done: int, total: int) -> None:
        if watch is not None:
            watch(tasks[record.task_id], record, done, total)

    records = await evaluate(
        parts.questions,
        _attempts(parts),
        parts.graders,
        folder,
        identity,
        config.suite,
        page_text=page_text,
        on_attempt=on_attempt,
    )
    asked = parts.questions.tasks[: config.suite.limit]
    report = summarise(config.name, identity.world, asked, records, seed=config.seed)
    write_durably(folder / "report.json", canonical_json(report).encode() + b"\n")
    write_durably(folder / "report.txt", render(report).encode())
    return Evaluated(folder, report)


def _attempts(parts: _Parts) -> Attempt:
    async def one(task: Task, number: int) -> Trajectory:
        resolved = parts.resolved.model_copy(
            update={
                "task": task,
                "date": task.date or parts.resolved.date,
                "seed": derive_seed(parts.config.seed, task.id, number),
            }
        )
        return await attempt(resolved, parts.ports, MemoryJournal())

    return one
