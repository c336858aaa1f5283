"""Running a program as a run: a folder with its configuration, its log, and at the end its trajectory.

`create` lays the folder out, `carry_out` runs a program over its log, `resume` does so again where it broke off. A
run's program is a function of a journal; what it is made from is in `config.json`, so it can be made again.
"""

import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from fathom.core.errors import InputError, ReplayError, StoreFault
from fathom.core.events import Event, Journal
from fathom.core.model import Frozen, canonical_json, content_hash
from fathom.core.provenance import code_version, versions
from fathom.core.texts import sync_folder, write_durably
from fathom.core.trajectory import Trajectory
from fathom.rollout.journal import Log, ReplayJournal, RunJournal
from fathom.rollout.store import RunStore

Program = Callable[[Journal], Awaitable[Trajectory]]
CONFIG, TRAJECTORY = "config.json", "trajectory.jsonl"
ENDED = "run_ended"


class RunRecord(Frozen):
    """`config.json`: everything needed to make the run's program again. `recipe` names the function that does it from
    `config`; `created` is UTC, ISO 8601; `commit` and `versions` tell what code ran first."""

    schema_: Literal["fathom.run/1"] = Field(default="fathom.run/1", alias="schema")
    run_id: str
    recipe: str
    question: str
    created: str
    seed: int
    config: dict[str, Any]
    config_hash: str
    commit: str
    versions: dict[str, str]

    model_config = {"populate_by_name": True}


def create(
    root: Path,
    *,
    recipe: str,
    question: str,
    config: dict[str, Any],
    seed: int = 0,
    clock: Callable[[], float] = time.time,
    token: Callable[[], str] = lambda: secrets.token_hex(3),
) -> Path:
    """A new run folder under `root`. Its name sorts by time of creation: `20261122-215718-3fa9c1`.

    `config.json` is written last and makes the folder a run; a crash before leaves a folder that no command lists.
    """
    moment = datetime.fromtimestamp(clock(), UTC)
    folder = _new_folder(root, moment, token)
    record = RunRecord(
        run_id=folder.name,
        recipe=recipe,
        question=question,
        created=f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        seed=seed,
        config=config,
        config_hash=content_hash(config),
        commit=code_version(),
        versions=versions(),
    )
    RunStore.create(folder).close()
    write_durably(folder / CONFIG, canonical_json(record).encode() + b"\n")
    sync_folder(root)
    return folder


def _new_folder(root: Path, moment: datetime, token: Callable[[], str]) -> Path:
    while True:
        folder = root / f"{moment:%Y%m%d-%H%M%S}-{token()}"
        try:
            root.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise StoreFault(f"{folder}: could not be made: {error.strerror}") from None
        return folder


def read_record(folder: Path) -> RunRecord:
    """The record of the run in `folder`. Raises `InputError`."""
    path = folder / CONFIG
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(path, "missing", error.strerror or "cannot be read") from None
    except ValidationError as error:
        raise InputError(path, "corrupt", str(error.errors()[0]["msg"])) from None


async def carry_out(
    folder: Path, log: Log, program: Program, *, timer: Callable[[], float] = time.perf_counter
) -> Trajectory:
    """Run `program` over `log` to its end and write its trajectory. `log` is the held store of the run in `folder`.

    What is raised leaves the run as it was logged up to then, to be resumed.
    """
    journal = RunJournal(log, timer=timer)
    trajectory = await program(journal)
    journal.close()
    data = trajectory_bytes(trajectory)
    write_durably(folder / TRAJECTORY, data)
    ends = sum(event.kind == ENDED for event in log.events())
    log.append(ENDED, f"run-{ends}", {"stop": trajectory.stop.kind, "trajectory": content_hash(data)})
    return trajectory


async def resume(folder: Path, program: Program) -> Trajectory:
    """Run the run in `folder` for the first time, or on from where it broke off or failed.

    A run that ended otherwise is only repeated from its record, which makes a lost trajectory file again. Raises
    `ReplayError` if that gives another trajectory than the run had.
    """
    with RunStore(folder) as store:
        end = last_end(store.events())
        if end is None or end.body["stop"] == "failed":
            return await carry_out(folder, store, program)
        journal = ReplayJournal(store.events(), store.texts)
        trajectory = await program(journal)
        journal.close()
        data = trajectory_bytes(trajectory)
        if content_hash(data) != end.body["trajectory"]:
            raise ReplayError(f"run {folder.name} has ended, and the program now gives another trajectory")
        write_durably(folder / TRAJECTORY, data)
        return trajectory


def last_end(events: list[Event]) -> Event | None:
    """The event that ended the run, None if it has not ended or has gone on since."""
    return events[-1] if events and events[-1].kind == ENDED else None


def trajectory_bytes(trajectory: Trajectory) -> bytes:
    """The one line of `trajectory.jsonl`."""
    return canonical_json(trajectory).encode("utf-8", "surrogatepass") + b"\n"
