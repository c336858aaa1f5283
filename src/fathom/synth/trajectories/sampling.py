"""Rejection sampling: several attempts at each task by any agent, graded, filtered, counted."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from fathom.core.errors import ModelClosedError, ModelFault
from fathom.core.jsonl import append, read_records
from fathom.core.model import Frozen
from fathom.core.seeds import derive_seed
from fathom.core.task import Task
from fathom.core.trajectory import Failure, Trajectory
from fathom.grading.protocol import Grader
from fathom.synth.protocol import Drop, Filter, FunnelRow, Item, Provenance
from fathom.synth.trajectories.samples import Attempted

AttemptAt = Callable[[Task, int], Awaitable[Trajectory]]


class Tried(Frozen):
    """A line of the record: a finished attempt at a task with the seed it had."""

    seed: int
    trajectory: Trajectory


class Sampled:
    """What rejection sampling gave: items of `Attempted` that passed, and the funnel."""

    def __init__(self, items: list[Item[Any]], funnel: tuple[FunnelRow, ...]) -> None:
        self.items, self.funnel = items, funnel

    @property
    def kept(self) -> list[Attempted]:
        """The attempts that passed."""
        return [item.payload for item in self.items]


async def rejection_sample(
    tasks: Sequence[Task],
    attempt: AttemptAt,
    grader: Grader,
    filters: Sequence[Filter],
    *,
    tries: int = 1,
    per_task: int | None = None,
    seed: int = 0,
    workers: int = 64,
    record: Path | None = None,
    on_attempt: Callable[[int, int], None] = lambda done, total: None,
) -> Sampled:
    """`tries` attempts at each task, those that pass all filters kept, at most `per_task` of each task.

    The result is in the order of tasks and tries, however attempts end. Finished attempts go to the file `record`, and
    those that it holds are not made again: it must be of the same agent and model. Raises `ModelFault` where attempts
    failed that may work later, or all failed; with a record the same call makes only those again.
    """
    room = asyncio.Semaphore(workers)
    done = 0
    total = len(tasks) * tries
    known = _read(record)

    async def one(task: Task, number: int) -> Item[Any]:
        nonlocal done
        tried_seed = derive_seed(seed, "try", number)
        async with room:
            trajectory = known.get((task.id, tried_seed))
            if trajectory is None:
                trajectory = await attempt(task, tried_seed)
                if record is not None and not _may_work_later(trajectory.failure):
                    append(record, [Tried(seed=tried_seed, trajectory=trajectory)], sync=False)
            grade = await grader.grade(task, trajectory)
        done += 1
        on_attempt(done, total)
        provenance = Provenance(seed=tried_seed, model=trajectory.model, steps=("attempt",))
        return Item(payload=Attempted(task=task, trajectory=trajectory, grade=grade), provenance=provenance)

    attempted = await asyncio.gather(*(one(task, number) for task in tasks for number in range(tries)))
    failures = [f for item in attempted if (f := item.payload.trajectory.failure) is not None]
    if any(map(_may_work_later, failures)) or 0 < total == len(failures):
        raise ModelFault(
            f"{len(failures)} of {total} attempts failed, the first with {failures[0].error}: {failures[0].message}",
            hint="the same command goes on from the others" if record is not None else "",
        )
    return _filtered(attempted, filters, per_task)


def _may_work_later(failure: Failure | None) -> bool:
    """Whether infrastructure failed; a request that no model takes fails again (see `fathom.core.errors`)."""
    return failure is not None and (failure.error.endswith("Fault") or failure.error == ModelClosedError.__name__)


def _read(record: Path | None) -> dict[tuple[str, int], Trajectory]:
    if record is None or not record.exists():
        return {}
    return {(each.trajectory.task_id, each.seed): each.trajectory for each in read_records(record, Tried)}


def _filtered(items: Sequence[Item[Any]], filters: Sequence[Filter], per_task: int | None) -> Sampled:
    rows = [FunnelRow(part="attempts", entered=len(items), left=len(items))]
    left = list(items)
    for each in filters:
        kept, dropped = [], dict[str, int]()
        for item in left:
            decision = each.decide(item)
            if isinstance(decision, Drop):
                dropped[decision.reason] = dropped.get(decision.reason, 0) + 1
            else:
                kept.append(item)
        rows.append(FunnelRow(part=each.name, entered=len(left), left=len(kept), dropped=dropped))
        left = kept
    if per_task is not None:
        counts: dict[str, int] = {}
        kept = []
        for item in left:
            task_id = item.payload.task.id
            counts[task_id] = counts.get(task_id, 0) + 1
            if counts[task_id] <= per_task:
                kept.append(item)
        dropped = {"enough of this task": len(left) - len(kept)} if len(kept) < len(left) else {}
        rows.append(FunnelRow(part="per task", entered=len(left), left=len(kept), dropped=dropped))
        left = kept
    return Sampled(left, tuple(rows))
