"""Replay: a run repeated from its record alone, without a model or a world, to show that the record is the run.

No effect is ever done; whatever is not on record is an error.
"""

from pathlib import Path

from fathom.core.errors import ReplayError
from fathom.core.texts import TextFolder
from fathom.core.trajectory import Trajectory
from fathom.rollout.history import difference
from fathom.rollout.journal import ReplayJournal
from fathom.rollout.runner import TRAJECTORY, Program, trajectory_bytes
from fathom.rollout.store import TEXTS, read_events


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
