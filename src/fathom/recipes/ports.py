"""Worlds and models by their specs, opened at first use where a run may not need them at all."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fathom.core.assets import Progress, quiet
from fathom.core.config import Environment
from fathom.core.evidence import Page
from fathom.core.message import Message, ToolSpec
from fathom.llm.protocol import ChatModel, Completion, Sampling
from fathom.recipes.models import open_model
from fathom.recipes.research import Ports, ResearchConfig, ResolvedResearch
from fathom.recipes.tool_ports import tool_ports
from fathom.recipes.worlds import open_world
from fathom.world.files.protocol import FileReading, Files
from fathom.world.files.store import FileStore
from fathom.world.protocol import Hit, World, WorldLink, for_attempt


def open_files(research: ResearchConfig) -> FileStore:
    """The files given with the question. Raises `ConfigError` where one is not there."""
    return FileStore([Path(path) for path in research.files], research.file_store)


class LazyModel:
    """A model that is opened when it is first asked; `name` is known before."""

    def __init__(self, name: str, opener: Callable[[], ChatModel]) -> None:
        self.name, self._opener = name, opener
        self._model: ChatModel | None = None

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        if self._model is None:
            self._model = self._opener()
        return await self._model.complete(messages, tools, sampling, sticky=sticky)

    async def close(self) -> None:
        if self._model is not None:
            await self._model.close()


class LazyWorld:
    """A world that is opened when it is first asked; `name` is known before."""

    def __init__(self, name: str, opener: Callable[[], World]) -> None:
        self.name, self._opener = name, opener
        self._opened: World | None = None

    def for_attempt(self, attempt: str) -> World:
        """Opened when either is first asked."""
        return LazyWorld(self.name, lambda: for_attempt(self._world(), attempt))

    def _world(self) -> World:
        if self._opened is None:
            self._opened = self._opener()
        return self._opened

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        return await self._world().search(query, k)

    async def open(self, url: str) -> Page:
        return await self._world().open(url)

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        return await self._world().links(url)

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()


class LazyFiles:
    """Files that are looked for when one is first asked for."""

    def __init__(self, opener: Callable[[], Files]) -> None:
        self._opener = opener
        self._opened: Files | None = None

    async def read(self, asked: str) -> FileReading:
        if self._opened is None:
            self._opened = self._opener()
        return await self._opened.read(asked)

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()


def lazy_ports(resolved: ResolvedResearch, environment: Environment, progress: Progress = quiet) -> Ports:
    """The ports of a run that may have everything on record: nothing is opened before it is needed. Their names are
    those the record knows."""
    research = resolved.research

    def model(name: str, spec: str) -> LazyModel:
        return LazyModel(name, lambda: open_model(spec, environment, on_progress=progress))

    return Ports(
        model=model(resolved.model_name, research.model),
        world=LazyWorld(
            resolved.world_name,
            lambda: open_world(research.world, environment, progress, web=research.web, seed=resolved.seed),
        ),
        reader=model(resolved.reader_name, research.reader) if research.reader else None,
        files=LazyFiles(lambda: open_files(research)) if research.files else None,
        tools=tool_ports(research.tools, research.web, environment),
    )
