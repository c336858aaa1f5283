"""Attempts by the thousand."""

import asyncio
from pathlib import Path

import pytest
from tests.worlds import small_world

from fathom.core.message import Message
from fathom.core.task import Task
from fathom.llm.scripted import ScriptedChat
from fathom.recipes.attempts import attempts
from fathom.world.protocol import Hit, World

SEARCH = '<tool_call>{"name": "search", "arguments": {"query": ["film director"]}}</tool_call>'


class CountingWorld:
    """A slow world; `most` is how many searches ran at once."""

    def __init__(self, world: World) -> None:
        self._world, self.name = world, world.name
        self.open, self.links, self.close = world.open, world.links, world.close
        self._running = self.most = 0

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        self._running += 1
        self.most = max(self.most, self._running)
        await asyncio.sleep(0.01)
        self._running -= 1
        return await self._world.search(query, k)


def searches_once(messages: list[Message]) -> str:
    return SEARCH if len(messages) < 4 else "<answer>\nCarla Rossi\n</answer>"


@pytest.mark.parametrize(("slots", "most"), [(None, 12), (12, 12), (3, 3)])
async def test_tools_have_a_limit_of_their_own(tmp_path: Path, slots: int | None, most: int) -> None:
    world = CountingWorld(small_world(tmp_path))
    attempt = attempts(lambda task, seed: ScriptedChat(searches_once), world, tool_slots=slots)
    tasks = [Task(id=f"t{number}", question="Who?") for number in range(12)]
    trajectories = await asyncio.gather(*(attempt(task, 0) for task in tasks))
    assert world.most == most
    assert {trajectory.answer for trajectory in trajectories} == {"Carla Rossi"}
