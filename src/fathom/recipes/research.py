"""Research: one question, one agent, one world, one run folder."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from fathom.agents.guided import Guided, GuidedConfig
from fathom.agents.loop import Attempt, run_agent
from fathom.agents.prompts import prompt
from fathom.agents.protocol import AgentConfig, ContextPolicy
from fathom.agents.react import ReAct, default_system, tongyi_system
from fathom.core.budget import Budget, Meter
from fathom.core.config import Config
from fathom.core.errors import ConfigError
from fathom.core.events import Journal, Listener, Silent
from fathom.core.evidence import Page
from fathom.core.model import content_hash
from fathom.core.task import Task
from fathom.core.trajectory import Trajectory
from fathom.llm.calling import CallingStrategy, calling
from fathom.llm.journaled import JournaledModel
from fathom.llm.metered import MeteredModel
from fathom.llm.protocol import ChatModel, Sampling
from fathom.recipes.tool_config import ToolsConfig
from fathom.recipes.tool_ports import ToolPorts
from fathom.recipes.web_config import WebConfig
from fathom.recipes.worlds import is_live, is_private
from fathom.sandbox.code.journaled import JournaledSandbox
from fathom.tools.files import ParseFile, ParseFileConfig
from fathom.tools.mcp.journaled import JournaledMcp
from fathom.tools.mcp.tool import mcp_tools
from fathom.tools.protocol import Tool
from fathom.tools.python import PythonConfig, PythonInterpreter
from fathom.tools.scholar import Scholar
from fathom.tools.search import Search, SearchConfig
from fathom.tools.toolset import Toolset
from fathom.tools.visit import Visit, VisitConfig
from fathom.world.files.journaled import JournaledFiles
from fathom.world.files.protocol import Files
from fathom.world.files.store import FileStoreConfig
from fathom.world.journaled import JournaledWorld
from fathom.world.protocol import World, for_attempt
from fathom.world.search.journaled import JournaledEngine

RECIPE = "research"
AgentName = Literal["guided", "react", "tongyi", "brief"]
AGENTS: dict[str, AgentName] = {"guided": "guided", "react": "react", "tongyi": "tongyi", "brief": "brief"}

# What the released system was evaluated with: 128 tool calls, 128K context, 150 minutes.
_RELEASED = Budget(llm_calls=128, tool_calls=128, context_tokens=131_072, seconds=9000)


class ResearchConfig(Config):
    """A complete research agent. `model` and `world` are specs, see `open_model` and `open_world`."""

    agent: AgentName = "guided"
    model: str = Field(default="embedded", description="embedded, a .gguf path, or MODEL@URL")
    world: str = Field(default="vital", description="a spec, see `recipes/worlds`: a corpus, live:ENGINE,...")
    web: WebConfig = WebConfig()
    tools: ToolsConfig = ToolsConfig()
    reader: str = Field(default="", description="model that reads pages for visit, as `model`; empty: by relevance")
    files: tuple[str, ...] = Field(default=(), description="files and folders given with the question")
    calling: CallingStrategy | Literal["auto"] = Field(default="auto", description="auto: from the model's profile")
    official_prompt: str = Field(default="", description="your own copy of the released prompt file (agent tongyi)")
    limits: AgentConfig = AgentConfig()
    guided: GuidedConfig = GuidedConfig()
    search: SearchConfig = SearchConfig()
    visit: VisitConfig = VisitConfig()
    file_store: FileStoreConfig = FileStoreConfig()
    file_tool: ParseFileConfig = ParseFileConfig()
    unsupported: Literal["mark", "cut", "keep"] = Field(default="mark", description="what happens to such sentences")


def agent_name(text: str) -> AgentName:
    """The agent of that name. Raises `ConfigError` where there is none."""
    if text not in AGENTS:
        raise ConfigError(f"there is no agent {text!r}", hint=f"There are: {', '.join(AGENTS)}.")
    return AGENTS[text]


def research_config(agent: AgentName = "guided", **changes: Any) -> ResearchConfig:
    """The recipe for one of the agents, with top-level fields replaced."""
    if agent == "guided":
        limits = AgentConfig(
            budget=Budget(llm_calls=24, tool_calls=24, seconds=600),
            sampling=Sampling(temperature=0, max_tokens=400),
        )
        base = ResearchConfig(agent=agent, limits=limits, search=SearchConfig(k=6), visit=VisitConfig(page_chars=1600))
    elif agent == "react":
        base = ResearchConfig(agent=agent, limits=AgentConfig(budget=_RELEASED.model_copy(update={"llm_calls": 64})))
    elif agent == "brief":
        limits = AgentConfig(
            budget=Budget(llm_calls=12, tool_calls=10, seconds=600),
            sampling=Sampling(temperature=1, top_p=1, max_tokens=96),
            malformed_limit=1,
        )
        base = ResearchConfig(
            agent=agent,
            limits=limits,
            calling="tagged",
            search=SearchConfig(k=2, snippet_chars=60),
            visit=VisitConfig(page_chars=1200, window_chars=1200),
            unsupported="keep",
        )
    else:
        base = ResearchConfig(agent=agent, limits=AgentConfig(budget=_RELEASED), calling="tagged")
    return base.model_copy(update=changes)


class ResolvedResearch(Config):
    """A run's resolved configuration: with it alone the run's program can be made again."""

    research: ResearchConfig
    task: Task
    date: str = Field(description="the agent's today, ISO 8601")
    strategy: CallingStrategy
    model_name: str
    world_name: str
    reader_name: str = ""
    seed: int = 0

    @property
    def hash(self) -> str:
        """The hash that trajectories carry: of the settings, the same for every task, day and seed."""
        return content_hash(self.model_copy(update={"task": Task(id="", question=""), "date": "", "seed": 0}))


@dataclass(frozen=True)
class Ports:
    """The implementations an attempt talks to. `pages` collects the pages it opened, by text hash."""

    model: ChatModel
    world: World
    reader: ChatModel | None = None
    files: Files | None = None
    tools: ToolPorts = field(default_factory=ToolPorts)
    pages: dict[str, Page] = field(default_factory=dict)

    async def close(self) -> None:
        """Close what is open, each of them whatever becomes of the others."""
        async with AsyncExitStack() as closing:
            for port in (self.tools, self.files, self.reader, self.world, self.model):
                if port is not None:
                    closing.push_async_callback(port.close)


async def attempt(
    resolved: ResolvedResearch,
    ports: Ports,
    journal: Journal | None,
    *,
    listener: Listener | None = None,
) -> Trajectory:
    """One attempt at the task, every effect through `journal`; without one nothing is recorded but what was spent,
    which is right for attempts made by the thousand."""
    meter = Meter()
    research = resolved.research
    listener = listener or Silent()
    world = for_attempt(ports.world, f"{resolved.task.id} {resolved.seed}")
    async with AsyncExitStack() as stack:
        tools: list[Tool] = [Search(research.search), Visit(research.visit)]
        if ports.files is not None:
            files = JournaledFiles(ports.files, journal, meter, ports.pages) if journal else ports.files
            tools.append(ParseFile(files, research.file_tool))
        if research.tools.any:
            tools += await _more_tools(resolved, ports, journal, meter, listener, stack)
        toolset = Toolset(tools)
        return await run_agent(
            Attempt(
                task=resolved.task,
                name=research.agent,
                policy=_policy(resolved, toolset),
                tools=toolset,
                model=_model(ports.model, journal, meter),
                world=JournaledWorld(world, journal, meter, ports.pages) if journal else world,
                reader=_model(ports.reader, journal, meter) if ports.reader else None,
                meter=meter,
                date=resolved.date,
                config=research.limits,
                listener=listener,
                seed=resolved.seed,
                config_hash=resolved.hash,
                outgoing=is_live(research.world),
                private=is_private(research.world),
            )
        )


async def _more_tools(
    resolved: ResolvedResearch,
    ports: Ports,
    journal: Journal | None,
    meter: Meter,
    listener: Listener,
    stack: AsyncExitStack,
) -> list[Tool]:
    """The tools besides search, visit and files. `stack` ends what is of this attempt only."""
    config, opened = resolved.research.tools, ports.tools
    tools: list[Tool] = []
    if opened.catalogues:
        engines = [JournaledEngine(engine, journal, meter) if journal else engine for engine in opened.catalogues]
        tools.append(Scholar(engines))
    if opened.sandbox is not None:
        sandbox = JournaledSandbox(opened.sandbox, journal, meter) if journal else opened.sandbox
        session = f"{resolved.task.id} {resolved.seed}"
        python = PythonInterpreter(
            sandbox,
            PythonConfig(
                stateful=config.python_sessions, public=config.code_is_public, packages=config.sandbox.packages
            ),
            session,
        )
        stack.push_async_callback(python.close)
        tools.append(python)
    if opened.servers:
        servers = [JournaledMcp(port, journal, meter, ports.pages) if journal else port for port in opened.servers]
        offered, left_out = await mcp_tools(servers)
        for row in left_out:
            listener.on_event("left_out", row.model_dump())
        tools += offered
    return tools


def _model(model: ChatModel, journal: Journal | None, meter: Meter) -> ChatModel:
    return JournaledModel(model, journal, meter) if journal else MeteredModel(model, meter)


def _policy(resolved: ResolvedResearch, tools: Toolset) -> ContextPolicy:
    research = resolved.research
    if research.agent == "guided":
        return Guided(research.guided)
    way = calling(resolved.strategy)
    if research.agent == "tongyi":
        official = Path(research.official_prompt) if research.official_prompt else None
        system = tongyi_system(way, tools.specs, resolved.date, official=official)
    elif research.agent == "brief":
        # For models that know the tools from their training: nothing is explained to them.
        system = prompt("react_brief")
    else:
        system = default_system(way, tools.specs, resolved.date)
    return ReAct(way, tools.specs, system=system, malformed_limit=research.limits.malformed_limit)
