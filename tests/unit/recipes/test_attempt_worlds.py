"""What an attempt meets in worlds that fail: the same whatever runs beside it and has run before."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.gateways import gateway
from tests.virtual_time import run_virtual

from fathom.core.errors import PageNotFoundError, WorldUnavailableFault
from fathom.core.evidence import Page
from fathom.core.jsonl import append
from fathom.core.message import Message
from fathom.core.model import canonical_json, content_hash
from fathom.core.seeds import derive_seed
from fathom.core.task import Task
from fathom.core.trajectory import Trajectory
from fathom.evals.protocol import QuestionSet
from fathom.evals.suite import Identity, SuiteConfig, evaluate
from fathom.llm.scripted import ScriptedChat
from fathom.recipes.attempts import attempts
from fathom.sandbox.gateway.service import ServiceConfig
from fathom.world.conditions import ConditionedWorld, Conditions, ServiceConditions
from fathom.world.faults import FaultyWorld
from fathom.world.gated import GatedConfig, GatedWorld, world_sources
from fathom.world.protocol import Hit, World, WorldLink, for_attempt
from fathom.world.recorded import RecordedWorld

TASKS = tuple(Task(id=f"q{number}", question=f"Who built lighthouse {number}?") for number in range(12))
IDENTITY = Identity(questions="q", questions_hash="", agent="a", model="m", world="w", config={}, graders=())


class Shelf:
    """One hit and one page for everything; each answer takes a while of its own."""

    name = "shelf"

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        await asyncio.sleep(len(query) % 5)
        return (Hit(url="page", title="Page", snippet=query),)

    async def open(self, url: str) -> Page:
        await asyncio.sleep(len(url) % 3)
        if url == "nowhere":
            raise PageNotFoundError("there is none")
        return Page(url=url, title="Page", text="It stands.", text_hash=content_hash("It stands."), fetched_at="")

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        return ()

    async def close(self) -> None:
        return None


def call(name: str, **arguments: object) -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


ACTS = (
    call("search", query=["lighthouse"]),
    call("visit", url=["page", "nowhere"], goal="who"),
    call("search", query=["lighthouse", "builder"]),
    call("search", query=["lighthouse"]),
)


def acts(messages: Sequence[Message]) -> str:
    said = sum(message.role == "assistant" for message in messages)
    return ACTS[said] if said < len(ACTS) else "<answer>\nnobody\n</answer>"


def gated(world: World) -> GatedWorld:
    service = ServiceConfig(attempts=2, timeout_s=300, deadline_s=9000, keep_s=0)
    config = GatedConfig(search=service, read=service)
    return GatedWorld(world.name, gateway(), world_sources(world, apart=True), config)


def faulty() -> World:
    return gated(FaultyWorld(Shelf(), rate=0.6, seed=5))


def conditioned() -> World:
    slow = ServiceConditions(seconds=(1.0, 5.0), fault_seconds=(0.0, 30.0), fault_rate=0.5)
    return ConditionedWorld(gated(Shelf()), Conditions(services={"search": slow, "read": slow}), seed=5)


async def run(
    make: Callable[[], World], folder: Path, tasks: Sequence[Task], workers: int, slots: int | None
) -> dict[str, str]:
    """What was said and told in each attempt, by task and round."""
    attempt_at = attempts(lambda task, seed: ScriptedChat(acts), make(), tool_slots=slots)

    async def attempt(task: Task, number: int) -> Trajectory:
        return await attempt_at(task, derive_seed(3, task.id, number))

    settings = SuiteConfig(workers=workers, rounds=2)
    records = await evaluate(QuestionSet(name="q", tasks=tuple(tasks)), attempt, [], folder, IDENTITY, settings)
    return {f"{each.task_id} {each.round}": canonical_json(each.trajectory.segments[0]) for each in records}


@pytest.mark.parametrize("make", [faulty, conditioned])
def test_an_attempt_meets_the_same_with_any_workers_and_in_any_order(tmp_path: Path, make: Callable[[], World]) -> None:
    alone = run_virtual(run(make, tmp_path / "1", TASKS, 1, None))
    assert len(set(alone.values())) > 6  # they differ among themselves, so that there is something to keep
    assert any('"tool_error":null' in each for each in alone.values())
    assert any('"infra":true' in each for each in alone.values())
    assert run_virtual(run(make, tmp_path / "4", TASKS, 4, None)) == alone
    assert run_virtual(run(make, tmp_path / "back", TASKS[::-1], 3, 2)) == alone

    few = run_virtual(run(make, tmp_path / "resumed", TASKS[:5], 1, None))  # then killed, and gone on with
    assert few == {key: alone[key] for key in few}
    assert run_virtual(run(make, tmp_path / "resumed", TASKS, 2, None)) == alone


async def test_each_attempt_is_told_a_recording_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "said.jsonl"
    asked = {"search": "a", "k": 10}
    fault = {"asked": asked, "raised": "unavailable", "message": "down", "kind": "reset"}
    append(path, [fault, {"asked": asked, "said": []}])
    world = RecordedWorld(path)
    for name in ("one", "two"):
        own = for_attempt(world, name)
        with pytest.raises(WorldUnavailableFault, match="down"):
            await own.search("a")
        assert await own.search("a") == ()
        assert await own.search("a") == ()
