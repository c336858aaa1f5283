"""Attempts by the thousand: one agent definition and one world, a function of task and seed."""

from collections.abc import Awaitable, Callable

from fathom.core.seeds import derive_seed
from fathom.core.task import Task
from fathom.core.trajectory import Trajectory
from fathom.llm.calling import CallingStrategy
from fathom.llm.protocol import ChatModel
from fathom.recipes.research import Ports, ResearchConfig, ResolvedResearch, attempt, research_config
from fathom.world.limited import LimitedWorld
from fathom.world.protocol import World

AttemptAt = Callable[[Task, int], Awaitable[Trajectory]]
"""An attempt at a task with a seed of its own; equal arguments and weights give equal attempts."""

DATE = "2026-01-01"  # the day of worlds that have none, so that prompts do not depend on when one trains


def attempts(
    model: Callable[[Task, int], ChatModel],
    world: World,
    research: ResearchConfig | None = None,
    *,
    name: str = "",
    strategy: CallingStrategy = "tagged",
    tool_slots: int | None = None,
) -> AttemptAt:
    """Attempts of the agent in the world, unrecorded. `model` gives the model for a task and seed, mostly the same one.
    All attempts together ask the world at most `tool_slots` things at once; None sets no limit.

    The default agent is `brief`, for models that know the tools from their training.
    """
    config = research or research_config("brief")
    if tool_slots is not None:
        world = LimitedWorld(world, tool_slots)

    async def attempt_at(task: Task, seed: int) -> Trajectory:
        chat = model(task, seed)
        resolved = ResolvedResearch(
            research=config,
            task=task,
            date=task.date or DATE,
            strategy=strategy,
            model_name=name or chat.name,
            world_name=world.name,
            seed=derive_seed(seed, "attempt", task.id) % 2**31,
        )
        return await attempt(resolved, Ports(model=chat, world=world), None)

    return attempt_at
