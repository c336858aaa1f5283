"""The real agent loop is a program a journal can run again: broken off at any record, it comes to the same end."""

import asyncio
import itertools
import json
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from fathom.core.errors import ContextOverflowError, PageNotFoundError, ReplayError, WorldUnavailableFault
from fathom.core.events import Event, Journal
from fathom.core.evidence import Page
from fathom.core.message import Message
from fathom.core.model import content_hash
from fathom.core.task import Task
from fathom.core.trajectory import Trajectory
from fathom.llm.scripted import Reply, ScriptedChat
from fathom.recipes.research import Ports, ResolvedResearch, attempt, research_config
from fathom.rollout.replay import replay
from fathom.rollout.runner import Program, carry_out, create, resume
from fathom.rollout.store import RunStore, read_events
from fathom.world.protocol import Hit, WorldLink

TEXT = "The tower was built in 1889. It is 330 metres high. " * 120


class FakeWorld:
    """Two pages, one search that is down, and pauses that differ from run to run."""

    name = "fake"

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        await asyncio.sleep(random.random() * 0.002)
        if query == "down":
            raise WorldUnavailableFault("the index is down")
        return (Hit(url="fake:tower", title="Tower", snippet=query),)

    async def open(self, url: str) -> Page:
        await asyncio.sleep(random.random() * 0.002)
        if url != "fake:tower":
            raise PageNotFoundError(f"there is no page {url}")
        return Page(url=url, title="Tower", text=TEXT, text_hash=content_hash(TEXT), fetched_at="2026-01-01T00:00:00Z")

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        return ()

    async def close(self) -> None:
        return None


def call(name: str, **arguments: Any) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


SCRIPT: list[Reply] = [
    f"I search.\n{call('search', query=['tower height', 'tower year', 'down'])}",
    f"I read.\n{call('visit', url=['fake:tower', 'fake:nowhere'], goal='height of the tower')}",
    f"Once more.\n{call('search', query=['down'])}",
    "<answer>It is 330 metres high [E1].</answer>",
]
TOO_LONG: list[Reply] = [
    SCRIPT[0],
    ContextOverflowError("too many tokens"),
    "<answer>It is 330 metres high.</answer>",
]


def settings(question: str) -> ResolvedResearch:
    return ResolvedResearch(
        research=research_config("react"),
        task=Task(id="t", question=question),
        date="2026-01-01",
        strategy="tagged",
        model_name="scripted",
        world_name="fake",
    )


def program(script: Sequence[Reply]) -> Callable[[], Program]:
    """A maker of the same program: a scripted model whose reply hangs on the conversation alone, as a seeded one's."""

    def reply(messages: Sequence[Message]) -> Reply:
        if "no more tools" in messages[-1].content:
            return script[-1]
        return script[sum(message.role == "assistant" for message in messages)]

    resolved = settings("How high is the tower?")

    async def run(journal: Journal) -> Trajectory:
        return await attempt(resolved, Ports(model=ScriptedChat(reply), world=FakeWorld()), journal)

    return lambda: run


class Crash(BaseException):
    """The process dies here."""


class DyingLog:
    """The log of a process that dies with its `n`-th record."""

    def __init__(self, store: RunStore, n: int) -> None:
        self._store, self._left = store, n
        self.events, self.keep, self.recall = store.events, store.keep, store.recall

    def append(self, kind: str, key: str, body: Any) -> Event:
        self._left -= 1
        if self._left < 0:
            raise Crash
        return self._store.append(kind, key, body)


@pytest.mark.parametrize("script", [SCRIPT, TOO_LONG], ids=["tools", "overflow"])
async def test_the_agent_comes_to_the_same_end_wherever_it_was_broken_off(
    script: list[Reply], memory_path: Path
) -> None:
    make = program(script)
    ends = set()
    for n in itertools.count(1):
        folder = create(memory_path, recipe="research", question="?", config={})
        with RunStore(folder) as store:
            try:
                await carry_out(folder, DyingLog(store, n), make(), timer=lambda: 0.0)
                break
            except Crash:
                prefix = list(store.events())
        with RunStore(folder) as store:
            ended = await carry_out(folder, store, make(), timer=lambda: 0.0)
        assert read_events(folder)[: len(prefix)] == prefix
        repeated, steps = await replay(folder, make())
        assert repeated == ended and steps >= 4
        ends.add((folder / "trajectory.jsonl").read_bytes())
        shutil.rmtree(folder)
    assert n > 8 and len(ends) == 1
    assert ended.stop.kind == ("answered" if script is SCRIPT else "budget") and "330" in (ended.answer or "")


async def test_another_reply_of_the_script_is_a_run_of_another_program(memory_path: Path) -> None:
    folder = create(memory_path, recipe="research", question="?", config={})
    await resume(folder, program(SCRIPT)())
    assert (await replay(folder, program([SCRIPT[0]] * 4)()))[1] > 4, "a replay asks no model"
    events = read_events(folder)
    other = settings("How old is the tower?")
    with pytest.raises(ReplayError, match="step 0: model_started differs at prompt"):
        await resume(folder, lambda journal: attempt(other, Ports(ScriptedChat([]), FakeWorld()), journal))
    assert read_events(folder) == events
