"""Asynchronous rollouts: groups are submitted ahead of training as far as staleness allows, and none is thrown away.

A group may start while `submitted - filtered < (staleness + version + 1) * batch` and few enough rollouts run. So with
staleness 0 a batch starts after the update before it and the run is the synchronous one; with more, later batches fill
the waiting time of earlier ones. Batches are made oldest first. A rollout has a time limit and is tried again in a
fresh environment when infrastructure failed; a group that ends with too few rollouts is filtered and another takes its
place, so no straggler wedges a step.

Reference: Tongyi DeepResearch report 2510.24701 (step-level asynchronous rollouts); capacity rule of AReaL and SkyRL.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import TrainingFault
from fathom.core.seeds import derive_seed
from fathom.core.task import Task
from fathom.core.trajectory import Failure, StopReason, Trajectory
from fathom.rollout.group import Group, Rollout, outcome_of

AttemptAt = Callable[[Task, int], Awaitable[Trajectory]]
Reward = Callable[[Task, Trajectory], Awaitable[float | None]]
"""The reward of a trajectory in [0, 1]; None where it could not be graded, which counts as a failure."""

_NOT_JUDGED = "its tools could not be reached, or it could not be graded"


class RolloutConfig(Config):
    """How rollouts are run."""

    batch: int = Field(default=16, ge=1, description="groups of one training step")
    group: int = Field(default=8, ge=1, description="rollouts of one task")
    staleness: int = Field(default=0, ge=0, description="updates a group may be started ahead of")
    max_running: int = Field(default=256, ge=1, description="rollouts at the same time")
    timeout_s: float = Field(default=300.0, gt=0, description="time limit of one try of a rollout")
    retries: int = Field(default=1, ge=0, description="further tries of a rollout that failed")
    floor: float = Field(default=0.75, gt=0, le=1, description="share of a group that must not have failed")
    max_filtered: int = Field(default=64, ge=1, description="filtered groups in a row before giving up")
    end_id: int | None = Field(default=None, description="token that ends a turn, to tell turns that were cut off")


class RolloutScheduler:
    """Runs groups of rollouts. `take` gives the next task; it is called once for each group, in order."""

    def __init__(
        self, take: Callable[[], Task], attempt: AttemptAt, reward: Reward, config: RolloutConfig, seed: int = 0
    ) -> None:
        self._take, self._attempt, self._reward = take, attempt, reward
        self._config, self._seed = config, seed
        self._room = asyncio.Semaphore(config.max_running)
        self._running: dict[int, tuple[Task, asyncio.Task[Group]]] = {}
        self._finished: dict[int, Group] = {}
        self.submitted = self.filtered = 0
        self._last_failure = ""

    async def batch(self, version: int) -> list[Group]:
        """The next `batch` groups, oldest first, when the policy has had `version` updates. Submits what capacity
        allows first, so with staleness later groups run on while the caller trains.

        Raises `TrainingFault` when so many groups failed meanwhile that there is no use going on.
        """
        filtered_before = self.filtered
        while True:
            self._submit(version)
            ready = sorted(self._finished)
            # A younger group is not taken before an older one: waiting for it is what keeps long rollouts in.
            oldest = min(self._running, default=None)
            ready = [index for index in ready if oldest is None or index < oldest]
            if len(ready) >= self._config.batch:
                return [self._finished.pop(index) for index in ready[: self._config.batch]]
            if self.filtered - filtered_before > self._config.max_filtered:
                raise TrainingFault(
                    f"{self.filtered - filtered_before} groups of one batch had too few rollouts that did not fail",
                    hint=f"the last failure: {self._last_failure}",
                )
            await asyncio.wait([task for _, task in self._running.values()], return_when=asyncio.FIRST_COMPLETED)
            self._collect()

    async def close(self) -> None:
        """Cancel what runs."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.clear()

    def state(self) -> dict[str, Any]:
        """Plain JSON: counters, the tasks under way (to be run again), groups that were not trained on yet."""
        return {
            "submitted": self.submitted,
            "filtered": self.filtered,
            "running": [[index, task.model_dump(mode="json")] for index, (task, _) in sorted(self._running.items())],
            "finished": [group.model_dump(mode="json", by_alias=True) for group in self._finished.values()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Be as when `state` was taken; groups that were under way start again with the seeds they had. Must be called
        in a running event loop."""
        self.submitted, self.filtered = state["submitted"], state["filtered"]
        self._finished = {group.index: group for group in map(Group.model_validate, state["finished"])}
        for index, task in state["running"]:
            self._start(index, Task.model_validate(task))

    def _submit(self, version: int) -> None:
        config = self._config
        while self.submitted - self.filtered < (config.staleness + version + 1) * config.batch and len(
            self._running
        ) * config.group < max(config.max_running, config.group):
            self._start(self.submitted, self._take())
            self.submitted += 1

    def _start(self, index: int, task: Task) -> None:
        self._running[index] = task, asyncio.ensure_future(self._group(index, task))

    def _collect(self) -> None:
        for index in [index for index, (_, task) in self._running.items() if task.done()]:
            group = self._running.pop(index)[1].result()
            if len(group.rewards) >= self._config.floor * self._config.group:
                self._finished[index] = group
            else:
                self.filtered += 1
                failures = [rollout.trajectory.failure for rollout in group.rollouts if rollout.outcome == "failed"]
                self._last_failure = next((f"{f.error}: {f.message}" for f in failures if f), _NOT_JUDGED)

    async def _group(self, index: int, task: Task) -> Group:
        rollouts = await asyncio.gather(*(self._rollout(index, task, member) for member in range(self._config.group)))
        return Group(index=index, task=task, rollouts=tuple(rollouts))

    async def _rollout(self, index: int, task: Task, member: int) -> Rollout:
        async with self._room:
            for tries in range(1, self._config.retries + 2):
                seed = derive_seed(self._seed, "group", index, member, tries)
                rollout = await self._try(task, seed, tries)
                if rollout.outcome != "failed":
                    break
        return rollout

    async def _try(self, task: Task, seed: int, tries: int) -> Rollout:
        try:
            async with asyncio.timeout(self._config.timeout_s) as limit:
                trajectory = await self._attempt(task, seed)
                reward = None if trajectory.failure else await self._reward(task, trajectory)
        except TimeoutError as error:
            late = f"not done after {self._config.timeout_s:g} s"
            failure = Failure(error="TimeoutError", message=late if limit.expired() else str(error))
            return Rollout(trajectory=_lost(task, seed, failure), outcome="failed", tries=tries)
        if reward is None:
            return Rollout(trajectory=trajectory, outcome="failed", tries=tries)
        outcome = outcome_of(trajectory, reward, self._config.end_id)
        return Rollout(trajectory=trajectory, outcome=outcome, reward=reward, tries=tries)


def _lost(task: Task, seed: int, failure: Failure) -> Trajectory:
    return Trajectory(
        task_id=task.id,
        agent="",
        model="",
        segments=(),
        answer=None,
        stop=StopReason(kind="failed"),
        failure=failure,
        seed=seed % 2**31,
    )
