"""Asking: from a question to a run folder with a checked, cited report."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from fathom.core.config import Environment, resolve
from fathom.core.errors import ConfigError
from fathom.core.events import Journal, Listener
from fathom.core.model import content_hash
from fathom.core.task import Task
from fathom.core.trajectory import Trajectory
from fathom.grading.report import Report, RunFacts, build_report
from fathom.grading.report_files import write_report
from fathom.llm.calling import CallingStrategy
from fathom.llm.profile import load_profile
from fathom.recipes.models import model_spec, open_model
from fathom.recipes.ports import lazy_ports, open_files
from fathom.recipes.research import (
    RECIPE,
    Ports,
    ResearchConfig,
    ResolvedResearch,
    agent_name,
    attempt,
    research_config,
)
from fathom.recipes.tool_config import TOOL_NAMES, ToolName
from fathom.recipes.tool_ports import tool_ports
from fathom.recipes.worlds import absolute, open_world
from fathom.rollout.replay import replay
from fathom.rollout.runner import Program, create, read_record, resume
from fathom.world.gated import Closing

P = TypeVar("P", bound=Closing)


class View(Listener, Protocol):
    """Someone who watches the whole of a run, its preparation too."""

    def waiting(self, what: str) -> None: ...

    def progress(self, label: str, done: int, total: int) -> None: ...


def configure(
    agent: str,
    *,
    model: str = "",
    world: str = "",
    files: Sequence[Path] = (),
    tools: Sequence[str] = (),
    environment: Environment,
    toml: Path | None = None,
    overrides: Sequence[str] = (),
) -> ResearchConfig:
    """The complete configuration: the agent's recipe, then the TOML file, then `a.b=c` texts, then what is named
    outright. What is left open of a model is taken from the environment; without an endpoint there it is the embedded
    one."""
    research = resolve(research_config(agent_name(agent)), toml=toml, overrides=overrides)
    if model or research.model == "embedded":
        research = research.model_copy(update={"model": model_spec(environment, model=model)})
    # A run may be resumed from another folder.
    if research.official_prompt:
        research = research.model_copy(update={"official_prompt": str(Path(research.official_prompt).absolute())})
    if research.model.endswith(".gguf"):
        research = research.model_copy(update={"model": str(Path(research.model).expanduser().absolute())})
    given = (*research.files, *(str(path.expanduser().absolute()) for path in files))
    servers = tuple(
        server.model_copy(update={"folder": str(Path(server.folder).expanduser().absolute())})
        if server.folder
        else server
        for server in research.tools.mcp
    )
    used = research.tools.model_copy(update={"use": _tool_names((*research.tools.use, *tools)), "mcp": servers})
    if research.agent == "guided" and (given or used.any):
        what = "reads no files" if given else "has no tools but search and visit"
        raise ConfigError(f"the agent guided {what}", hint="--agent react does")
    research = research.model_copy(update={"files": given, "tools": used})
    return research.model_copy(update={"world": absolute(world or research.world)})


def _tool_names(names: Sequence[str]) -> tuple[ToolName, ...]:
    found = {name: name for name in TOOL_NAMES}
    for name in names:
        if name not in found:
            raise ConfigError(f"there is no tool {name!r}", hint=f"There are: {', '.join(TOOL_NAMES)}.")
    return tuple(found[name] for name in TOOL_NAMES if name in names)


@dataclass(frozen=True)
class Outcome:
    """A finished run: its folder and its report."""

    folder: Path
    report: Report

    @property
    def exit_code(self) -> int:
        """0 with an answer, 1 without one or after a failure."""
        return 0 if self.report.answer.text.strip() and self.report.failure is None else 1


async def ask(
    question: str, research: ResearchConfig, environment: Environment, *, seed: int = 0, view: View
) -> Outcome:
    """Research `question` in a new run folder and write its report."""
    async with AsyncExitStack() as stack:  # of what is open already when the next cannot be opened
        ports, files = await _opened(research, environment, seed, view, stack)
        resolved = ResolvedResearch(
            research=research.model_copy(update={"tools": research.tools.as_installed()}),
            task=Task(id=f"ask-{content_hash(question)[:12]}", question=question, files=files),
            date=datetime.now(UTC).date().isoformat(),
            strategy=strategy_for(research, environment),
            model_name=ports.model.name,
            world_name=ports.world.name,
            reader_name=ports.reader.name if ports.reader is not None else "",
            seed=seed,
        )
        settings = resolved.model_dump(mode="json")
        folder = create(environment.home / "runs", recipe=RECIPE, question=question, config=settings, seed=seed)
        stack.pop_all()
    return await _carry_out(folder, resolved, ports, view)


async def _opened(
    research: ResearchConfig, environment: Environment, seed: int, view: View, stack: AsyncExitStack
) -> tuple[Ports, tuple[str, ...]]:
    """The ports of a new run, each of them put on `stack` to be closed, and the names of the files given with it."""

    def opened(port: P) -> P:
        stack.push_async_callback(port.close)
        return port

    view.waiting(f"opening the world {research.world}")
    world = opened(open_world(research.world, environment, view.progress, web=research.web, seed=seed))
    view.waiting(f"opening the model {research.model}")
    model = opened(open_model(research.model, environment, on_progress=view.progress, on_wait=view.waiting))
    reader = opened(open_model(research.reader, environment, on_wait=view.waiting)) if research.reader else None
    files = opened(open_files(research)) if research.files else None
    tools = opened(tool_ports(research.tools, research.web, environment))
    if research.tools.any:
        view.waiting("opening the tools")
        await tools.ready()
    ports = Ports(model=model, world=world, reader=reader, files=files, tools=tools)
    return ports, files.names if files is not None else ()


async def go_on(folder: Path, environment: Environment, *, view: View) -> Outcome:
    """Run the run in `folder` on to its end from what is on record, and write its report."""
    resolved = read_resolved(folder)
    return await _carry_out(folder, resolved, lazy_ports(resolved, environment, view.progress), view)


async def repeat(folder: Path, environment: Environment) -> tuple[Trajectory, int]:
    """Repeat the run in `folder` from its record alone: the trajectory and the number of steps. Raises `ReplayError`
    where the program does something else now."""
    resolved = read_resolved(folder)
    return await replay(folder, _program(resolved, lazy_ports(resolved, environment), None))


async def _carry_out(folder: Path, resolved: ResolvedResearch, ports: Ports, view: View) -> Outcome:
    try:
        trajectory = await resume(folder, _program(resolved, ports, view))
    finally:
        await ports.close()
    return Outcome(folder, report_run(folder, trajectory, resolved, ports))


def strategy_for(research: ResearchConfig, environment: Environment) -> CallingStrategy:
    """The way of calling tools: as set, else as the model's profile says, else tagged text, which any model can try."""
    if research.calling != "auto":
        return research.calling
    profile = load_profile(environment.home, research.model)
    return profile.strategy if profile is not None else "tagged"


def report_run(folder: Path, trajectory: Trajectory, resolved: ResolvedResearch, ports: Ports) -> Report:
    """Check the answer of a run and write its report into the run folder, as JSON, Markdown and HTML."""
    record = read_record(folder)
    facts = RunFacts(
        run_id=record.run_id,
        date=record.created,
        world=resolved.world_name,
        corpora=(resolved.research.world,),
        budget=resolved.research.limits.budget,
        commit=record.commit,
    )
    unsupported = resolved.research.unsupported
    report = build_report(resolved.task, trajectory, ports.pages.get, facts, unsupported=unsupported)
    write_report(folder, report)
    return report


def _program(resolved: ResolvedResearch, ports: Ports, view: View | None) -> Program:
    async def program(journal: Journal) -> Trajectory:
        return await attempt(resolved, ports, journal, listener=view)

    return program


def read_resolved(folder: Path) -> ResolvedResearch:
    """What the run in `folder` was made of. Raises `ConfigError` where the run was not made by this recipe."""
    record = read_record(folder)
    if record.recipe != RECIPE:
        raise ConfigError(f"run {record.run_id} was made by the recipe {record.recipe!r}, not {RECIPE!r}")
    try:
        return ResolvedResearch.model_validate(record.config)
    except ValueError as error:
        first = str(error).splitlines()[0]
        raise ConfigError(f"run {record.run_id}: its config.json does not fit this version: {first}") from None
