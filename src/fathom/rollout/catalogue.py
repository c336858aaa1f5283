"""The runs there are: finding one by its name, and telling how each stands."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

from fathom.core.errors import FathomError, RunError
from fathom.core.model import Frozen
from fathom.rollout.runner import CONFIG, last_end, read_record
from fathom.rollout.store import is_held, read_events

State = Literal["running", "finished", "failed", "interrupted", "damaged"]


class RunInfo(Frozen):
    """One line of the list. `steps` counts effects on record, `age_s` is seconds since creation, `stop` says why the
    agent stopped (empty before it has), `problem` what is wrong with a damaged run."""

    run_id: str
    state: State
    question: str = ""
    recipe: str = ""
    steps: int = 0
    age_s: float = 0.0
    stop: str = ""
    problem: str = ""


def list_runs(root: Path, *, clock: Callable[[], float] = time.time) -> list[RunInfo]:
    """All runs under `root`, newest first. A damaged run is listed as such and does not spoil the list."""
    return [describe(path.parent, now=clock()) for path in sorted(root.glob(f"*/{CONFIG}"), reverse=True)]


def describe(folder: Path, *, now: float) -> RunInfo:
    """How the run in `folder` stands at `now` (seconds since the epoch)."""
    try:
        record = read_record(folder)
        # Asked first: a run that ends in between is then listed as finished, not as interrupted.
        held = is_held(folder)
        events = read_events(folder)
    except FathomError as error:
        return RunInfo(run_id=folder.name, state="damaged", problem=str(error))
    end = last_end(events)
    stop = end.body["stop"] if end else ""
    return RunInfo(
        run_id=folder.name,
        state="running" if held else "interrupted" if not end else "failed" if stop == "failed" else "finished",
        question=record.question,
        recipe=record.recipe,
        steps=sum(event.kind.endswith("_finished") for event in events),
        age_s=round(now - datetime.fromisoformat(record.created).timestamp(), 1),
        stop=stop,
    )


def find_run(root: Path, name: str) -> Path:
    """The folder of the run called `name`: its id, a part of it that no other has, or a path. Raises `RunError`."""
    for folder in (root / name, Path(name)):
        if (folder / CONFIG).is_file():
            return folder.resolve()
    matches = [path.parent for path in sorted(root.glob(f"*/{CONFIG}")) if name in path.parent.name]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise RunError(f"{len(matches)} runs have {name!r} in their names", hint="give more of the name: `fathom runs`")
    raise RunError(f"there is no run {name!r}", hint="`fathom runs` lists them")
