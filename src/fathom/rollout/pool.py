"""The pool of tasks: an active set that is neither mastered nor hopeless, refreshed while training runs.

Reference: Tongyi DeepResearch report 2510.24701, data curation; WebSailor-V2 2509.13305 (drop what is mastered,
add what has become moderate).
Differs from the paper: thin form; no separate process samples the reserve, a task is measured when it first comes into
a batch.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from fathom.core.config import Config
from fathom.core.seeds import stream
from fathom.core.task import Task


class PoolConfig(Config):
    """Settings of the pool."""

    active: int = Field(default=512, ge=1, description="tasks in the active set; the rest waits in reserve")
    mastered: float = Field(default=0.99, gt=0, le=1, description="pass rate of a mastered task")
    mastered_after: int = Field(
        default=2, ge=1, description="groups in a row with that rate before a task leaves; one may be luck"
    )
    hopeless_after: int = Field(default=2, ge=1, description="groups without any success before a task is put back")
    refresh_steps: int = Field(default=5, ge=1, description="steps between refreshes")


class TaskPool:
    """Gives tasks in seeded order out of the active set. `state` and `restore` make it resumable."""

    def __init__(self, tasks: Sequence[Task], config: PoolConfig = PoolConfig(), seed: int = 0) -> None:
        self._tasks = {task.id: task for task in tasks}
        self._config, self._seed = config, seed
        ids = sorted(self._tasks)
        stream(seed, "pool").shuffle(ids)
        self._active, self._reserve = ids[: config.active], ids[config.active :]
        self._queue: list[str] = []
        self._round = 0
        self._rates: dict[str, list[float]] = {}
        self._mastered: set[str] = set()

    def take(self) -> Task:
        """The next task. The active set is gone through once before any comes again."""
        if not self._queue:
            self._queue = list(self._active or self._tasks)
            stream(self._seed, "round", self._round).shuffle(self._queue)
            self._round += 1
        return self._tasks[self._queue.pop()]

    def record(self, task_id: str, pass_rate: float) -> None:
        """Tell the pass rate of a finished group."""
        self._rates.setdefault(task_id, []).append(pass_rate)

    def refresh(self, step: int) -> int:
        """At every `refresh_steps`-th step take mastered tasks out for good and hopeless ones back to the reserve, and
        fill up from the reserve; where that is empty they stay. Gives how many were exchanged."""
        if step % self._config.refresh_steps:
            return 0
        often, last = self._config.mastered_after, self._config.hopeless_after
        gone: list[tuple[str, bool]] = []
        for task_id in self._active:
            rates = self._rates.get(task_id, [])
            if len(rates) >= often and min(rates[-often:]) >= self._config.mastered:
                gone.append((task_id, True))
            elif len(rates) >= last and not any(rates[-last:]):
                gone.append((task_id, False))
        gone = gone[: len(self._reserve)]  # a small set is rather kept than emptied
        for task_id, mastered in gone:
            self._active.remove(task_id)
            self._active.append(self._reserve.pop(0))
            if task_id in self._queue:
                self._queue.remove(task_id)
            if mastered:
                self._mastered.add(task_id)
            else:
                self._rates[task_id] = []
                self._reserve.append(task_id)
        return len(gone)

    def histogram(self, bins: int = 5) -> list[int]:
        """How many active tasks that were measured have a last pass rate in each of `bins` equal parts of [0, 1]."""
        counts = [0] * bins
        for task_id in self._active:
            if rates := self._rates.get(task_id):
                counts[min(bins - 1, int(rates[-1] * bins))] += 1
        return counts

    def state(self) -> dict[str, Any]:
        """All that changes, as plain JSON."""
        return {
            "active": self._active,
            "reserve": self._reserve,
            "queue": self._queue,
            "round": self._round,
            "rates": self._rates,
            "mastered": sorted(self._mastered),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Be as when `state` was taken."""
        self._active, self._reserve, self._queue = list(state["active"]), list(state["reserve"]), list(state["queue"])
        self._round, self._rates = state["round"], {name: list(rates) for name, rates in state["rates"].items()}
        self._mastered = set(state["mastered"])
