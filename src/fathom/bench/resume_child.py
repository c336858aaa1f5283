"""The process that `fathom bench resume` kills: a scripted run with every kind of event, over a store that tells.

After each record the store has acknowledged, a line goes down a pipe, which outlives the process. At the hook the
parent named, the process says so and waits to be killed there.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fathom.core.events import Event, Journal, MemoryJournal, StepKind
from fathom.core.message import Message, ToolCall
from fathom.core.seeds import stream
from fathom.core.trajectory import Segment, StopReason, Trajectory, Turn, Usage
from fathom.rollout.runner import Program, carry_out
from fathom.rollout.store import RunStore

TURNS = 4
EFFECT_S = 0.0015  # the longest pause in an effect: long enough to be hit, short enough for hundreds of runs
PAGE_CHARS = 6000  # beyond what the store takes inline


@dataclass(frozen=True)
class Order:
    """`hook` is where to stop, as `<before|after>:<number of the store call>`; empty means to run through. `effects`
    is the file in which each effect that is really done leaves its key."""

    folder: Path
    effects: Path
    seed: int
    hook: str = ""


def work(order: Order, pipe: int) -> None:
    """Carry the run out, telling on `pipe`: `ack SEQ KIND KEY` for each record, `hook NAME` at each hook."""
    effects = os.open(order.effects, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    with RunStore(order.folder) as store:
        program = scripted(order.seed, lambda name: _line(effects, name))
        asyncio.run(carry_out(order.folder, TellingStore(store, order.hook, pipe), program, timer=lambda: 0.0))


def _line(file: int, text: str) -> None:
    os.write(file, f"{text}\n".encode())


class TellingStore:
    """A `RunStore` that tells what it acknowledged and stops where it is told to."""

    def __init__(self, store: RunStore, hook: str, pipe: int) -> None:
        self._store, self._hook, self._pipe = store, hook, pipe
        self._calls = 0

    def events(self) -> Sequence[Event]:
        return self._store.events()

    def append(self, kind: str, key: str, body: Any) -> Event:
        self._reach("before", kind)
        event = self._store.append(kind, key, body)
        _line(self._pipe, f"ack {event.seq} {kind} {key}")
        self._reach("after", kind)
        return event

    def keep(self, text: str) -> str:
        self._reach("before", "keep")
        digest = self._store.keep(text)
        self._reach("after", "keep")
        return digest

    def recall(self, digest: str) -> str:
        return self._store.recall(digest)

    def _reach(self, side: str, kind: str) -> None:
        number = self._calls
        self._calls += side == "after"
        _line(self._pipe, f"hook {side}:{number} {kind}")
        while self._hook == f"{side}:{number}":
            time.sleep(1.0)


def scripted(seed: int, done: Callable[[str], None]) -> Program:
    """A program with model steps, world steps side by side, tool steps, notes and kept texts, small and large. What
    its effects give hangs on `seed` and their names alone; `done` is told of each that is really done."""

    async def step(journal: Journal, kind: StepKind, name: str, value: Callable[[], Any], **asked: Any) -> Any:
        async def effect() -> Any:
            done(name)
            await asyncio.sleep(stream(seed, "pause", name).random() * EFFECT_S)
            return value()

        return (await journal.step(kind, {"effect": name, **asked}, effect)).value

    async def opened(journal: Journal, name: str) -> str:
        text = f"{name} " * (PAGE_CHARS // (len(name) + 1))
        return journal.recall(await step(journal, "world", name, lambda: journal.keep(text)))[: len(name)]

    async def turn(journal: Journal, number: int) -> list[Turn]:
        chance = stream(seed, "turn", number)
        words = "word " * chance.choice([3, 40, 2000])
        reply = await step(journal, "model", f"model-{number}", lambda: {"say": words})
        journal.note("decision", {"turn": number, "chars": len(reply["say"])})
        pages = await asyncio.gather(*(opened(journal, f"page-{number}-{i}") for i in range(chance.randint(1, 3))))
        found = await step(journal, "tool", f"tool-{number}", lambda: f"found {number}", pages=pages)
        call = ToolCall(id=f"call-{number}", name="visit", arguments={"pages": pages})
        said = Message(role="assistant", content=reply["say"], tool_calls=(call,))
        return [Turn(message=said), Turn(message=Message(role="tool", content=found, tool_call_id=call.id))]

    async def program(journal: Journal) -> Trajectory:
        turns = [one for number in range(TURNS) for one in await turn(journal, number)]
        journal.note("answer", {"seed": seed})
        return Trajectory(
            task_id=f"scripted-{seed}",
            agent="scripted",
            model="scripted",
            segments=(Segment(role="react", start=(Message(role="user", content="?"),), turns=tuple(turns)),),
            answer=str(seed),
            stop=StopReason(kind="answered"),
            usage=Usage(llm_calls=TURNS, tool_calls=TURNS),
            seed=seed,
        )

    return program


def reference(seed: int) -> Trajectory:
    """What the run of `seed` comes to when nothing disturbs it, by a journal that has no store."""

    async def made() -> Trajectory:
        return await scripted(seed, lambda name: None)(MemoryJournal())

    return asyncio.run(made())
