"""What a tool is: a published schema, and a run over arguments that have been checked against it."""

from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import Any, Protocol

from fathom.core.evidence import Evidence, Page
from fathom.core.message import ToolSpec
from fathom.core.model import Frozen
from fathom.core.task import Task
from fathom.llm.protocol import ChatModel
from fathom.tools.boundary import Boundary
from fathom.world.protocol import World


@dataclass
class ToolContext:
    """What a tool may use. `world` and `reader` (a model that summarises pages, where one is set) are the run's own,
    so whatever is asked of them is on record. `evidence` grows over the run; ids are E1, E2, ... in order of citing.
    `outgoing` says that what the world is asked leaves this machine, `private` that what it says is the user's own;
    `boundary`, which `bounded_by` makes of the task, is asked before anything goes out."""

    task: Task
    world: World
    reader: ChatModel | None = None
    evidence: list[Evidence] = field(default_factory=list)
    outgoing: bool = False
    private: bool = False
    bounded_by: InitVar[Callable[[Task], Boundary]] = Boundary.of
    boundary: Boundary = field(init=False)

    def __post_init__(self, bounded_by: Callable[[Task], Boundary]) -> None:
        self.boundary = bounded_by(self.task)

    def cite(self, page: Page, start: int, end: int) -> Evidence:
        """The evidence for a span of `page`; the same span of the same page keeps its id."""
        for known in self.evidence:
            if (known.url, known.page_hash, known.start, known.end) == (page.url, page.text_hash, start, end):
                return known
        item = Evidence(
            id=f"E{len(self.evidence) + 1}",
            url=page.url,
            title=page.title,
            page_hash=page.text_hash,
            start=start,
            end=end,
            text=page.text[start:end],
            fetched_at=page.fetched_at,
        )
        self.evidence.append(item)
        return item


class ToolResult(Frozen):
    """The observation the model reads, and the same as data for policies that act for the model: `urls` found or
    opened, best first, and the `evidence` ids cited. `infra`: a part of what was asked for could not be reached."""

    text: str
    urls: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    infra: bool = False


class Tool(Protocol):
    """A tool. `run` raises `ToolError` for what the model should know; anything else ends the trajectory as failed. It
    asks `context.boundary` before anything goes out and sends what that gives back, and tells it what came from outside
    and is shown: never what the model itself wrote, such as a query repeated above its results, since a model could put
    anything there."""

    @property
    def spec(self) -> ToolSpec: ...

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> ToolResult: ...
