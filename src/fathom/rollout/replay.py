"""Replay: a run repeated from its record alone, without a model or a world, to show that the record is the run.

No effect is ever done; whatever is not on record is an error.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from fathom.core.errors import ReplayError
from fathom.core.events import Event, StepKind, StepResult, step_key
from fathom.core.model import content_hash
from fathom.core.texts import TextFolder
from fathom.core.trajectory import Trajectory
from fathom.rollout.history import History, difference
from fathom.rollout.runner import TRAJECTORY, Program, trajectory_bytes
from fathom.rollout.store import TEXTS, read_events


class ReplayJournal:
    """The journal of a finished run. Raises `ReplayError` at the first thing the program does that the record does not
    have at that place."""

    def __init__(self, events: Sequence[Event], texts: TextFolder) -> None:
        self._history, self._texts = History(events), texts
        self.steps = self._notes = 0

    async def step(self, kind: StepKind, request: Any, effect: Callable[[], Awaitable[Any]]) -> StepResult:
        """See `Journal.step`; `effect` is never called."""
        key, what = step_key(kind, self.steps, request), f"step {self.steps}"
        self.steps += 1
        self._meet(what, f"{kind}_started", key, request)
        if key not in self._history.results:
            raise ReplayError(f"{what} ({kind}) has no result in the record", hint="`fathom resume` the run first")
        return await self._history.result(what, key)

    def note(self, kind: str, body: Any) -> None:
        """See `Journal.note`."""
        key, what = f"note-{self._notes}", f"note {self._notes}"
        self._notes += 1
        self._meet(what, kind, key, body)

    def keep(self, text: str) -> str:
        """Nothing is written: the text must be there."""
        digest = content_hash(text)
        self._texts.recall(digest)
        return digest

    def recall(self, digest: str) -> str:
        return self._texts.recall(digest)

    def close(self) -> None:
        """To be called when the program has ended. Raises `ReplayError` if the record goes on."""
        self._history.close()

    def _meet(self, what: str, kind: str, key: str, body: Any) -> None:
        if self._history.over:
            raise ReplayError(f"{what}: the record ends before it", hint="`fathom resume` the run first")
        self._history.meet(what, kind, key, body)


async def replay(folder: Path, program: Program) -> tuple[Trajectory, int]:
    """The trajectory that `program` gives over the record of the run in `folder`, and the number of its steps.

    Raises `ReplayError` if program and record part, or if the trajectory is not byte for byte the one that the run
    wrote; `InputError` if the record is damaged.
    """
    journal = ReplayJournal(read_events(folder), TextFolder(folder / TEXTS))
    trajectory = await program(journal)
    journal.close()
    path = folder / TRAJECTORY
    if not path.is_file():
        raise ReplayError(f"{path}: the run has not written its trajectory", hint="`fathom resume` the run first")
    now, then = trajectory_bytes(trajectory), path.read_bytes()
    if now != then:
        raise ReplayError(f"{path}: {difference(now, then)}", hint="the file or the program was changed since")
    return trajectory, journal.steps
