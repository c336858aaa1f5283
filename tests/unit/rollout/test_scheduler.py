"""The scheduler of rollouts with scripted attempts: what it promises, whatever goes wrong."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.core.errors import TrainingFault
from fathom.core.task import Task
from fathom.core.trajectory import Failure, StopReason, Trajectory
from fathom.rollout.group import Group
from fathom.rollout.scheduler import RolloutConfig, RolloutScheduler

TASKS = [Task(id=f"t{n}", question=f"q{n}", answers=("a",)) for n in range(1000)]


def done(task: Task, seed: int, answer: str | None = "a") -> Trajectory:
    stop = StopReason(kind="answered" if answer else "gave_up")
    return Trajectory(task_id=task.id, agent="x", model="m", segments=(), answer=answer, stop=stop, seed=seed % 1000)


def broken(task: Task, seed: int) -> Trajectory:
    failure = Failure(error="ModelFault", message="down")
    return Trajectory(
        task_id=task.id, agent="x", model="m", segments=(), answer=None, stop=StopReason(kind="failed"), failure=failure
    )


async def right(task: Task, trajectory: Trajectory) -> float | None:
    return float(trajectory.answer == "a")


def scheduler(
    attempt: Callable[[Task, int], Awaitable[Trajectory]], config: RolloutConfig, reward=right, seed: int = 0
) -> RolloutScheduler:
    tasks = iter(TASKS)
    return RolloutScheduler(lambda: next(tasks), attempt, reward, config, seed)


@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(1, 12),
    st.integers(0, 2**31),
    st.floats(0, 0.4),
)
@settings(max_examples=40, deadline=None)
def test_every_group_comes_out_once_in_order_and_no_staler_than_allowed(
    batch: int, group: int, staleness: int, running: int, seed: int, fault_share: float
) -> None:
    random = Random(seed)
    version = 0
    started: list[tuple[str, int]] = []

    async def attempt(task: Task, number: int) -> Trajectory:
        started.append((task.id, version))
        for _ in range(random.randint(0, 5)):
            await asyncio.sleep(0)
        return broken(task, number) if random.random() < fault_share else done(task, number)

    config = RolloutConfig(
        batch=batch, group=group, staleness=staleness, max_running=running, floor=0.5, max_filtered=500, retries=1
    )

    async def run() -> list[Group]:
        nonlocal version
        mine = scheduler(attempt, config)
        seen: list[Group] = []
        for step in range(4):
            version = step
            seen += await mine.batch(step)
        assert mine.submitted - mine.filtered <= (staleness + 4) * batch
        await mine.close()
        return seen

    groups = asyncio.run(run())
    indices = [each.index for each in groups]
    assert indices == sorted(set(indices))
    assert len(groups) == 4 * batch
    begun = dict(reversed(started))
    for place, each in enumerate(groups):
        assert len(each.rollouts) == group
        assert len(each.rewards) >= 0.5 * group
        assert place // batch - begun[each.task.id] <= staleness


async def test_staleness_zero_is_the_synchronous_run() -> None:
    async def quick(task: Task, seed: int) -> Trajectory:
        return done(task, seed, "a" if seed % 3 else None)

    async def shuffled(task: Task, seed: int) -> Trajectory:
        for _ in range(seed % 7):
            await asyncio.sleep(0)
        return await quick(task, seed)

    async def collect(attempt: Callable[[Task, int], Awaitable[Trajectory]]) -> list[Group]:
        mine = scheduler(attempt, RolloutConfig(batch=3, group=4))
        return [group for step in range(3) for group in await mine.batch(step)]

    assert await collect(quick) == await collect(shuffled)


async def test_staleness_lets_later_groups_run_while_the_trainer_works() -> None:
    open_now = 0

    async def attempt(task: Task, seed: int) -> Trajectory:
        nonlocal open_now
        open_now += 1
        await asyncio.sleep(0.01)
        return done(task, seed)

    mine = scheduler(attempt, RolloutConfig(batch=2, group=2, staleness=1))
    await mine.batch(0)
    assert mine.submitted == 4
    mine = scheduler(attempt, RolloutConfig(batch=2, group=2, staleness=0))
    await mine.batch(0)
    assert mine.submitted == 2
    await mine.close()


async def test_a_failed_rollout_is_tried_again_with_another_seed_and_never_scores_zero() -> None:
    seeds: dict[str, list[int]] = {}

    async def attempt(task: Task, seed: int) -> Trajectory:
        seeds.setdefault(task.id, []).append(seed)
        return broken(task, seed) if len(seeds[task.id]) == 1 else done(task, seed)

    mine = scheduler(attempt, RolloutConfig(batch=2, group=1, retries=1))
    groups = await mine.batch(0)
    assert [rollout.tries for group in groups for rollout in group.rollouts] == [2, 2]
    assert all(len(set(each)) == 2 for each in seeds.values())
    assert all(group.rewards == (1.0,) for group in groups)


async def test_a_rollout_that_keeps_failing_is_left_out_of_the_baseline() -> None:
    async def attempt(task: Task, seed: int) -> Trajectory:
        counts[task.id] += 1
        return broken(task, seed) if counts[task.id] in (1, 2) else done(task, seed)

    counts: Counter[str] = Counter()
    mine = scheduler(attempt, RolloutConfig(batch=1, group=4, retries=0, floor=0.5, max_running=1))
    (group,) = await mine.batch(0)
    assert Counter(rollout.outcome for rollout in group.rollouts) == {"scored": 2, "failed": 2}
    assert group.rewards == (1.0, 1.0)
    assert group.pass_rate == 1.0


async def test_a_group_below_the_floor_is_replaced() -> None:
    async def attempt(task: Task, seed: int) -> Trajectory:
        return broken(task, seed) if task.id == "t0" else done(task, seed)

    mine = scheduler(attempt, RolloutConfig(batch=2, group=2, retries=0))
    groups = await mine.batch(0)
    assert [group.task.id for group in groups] == ["t1", "t2"]
    assert mine.filtered == 1


async def test_a_straggler_cannot_wedge_a_step() -> None:
    async def attempt(task: Task, seed: int) -> Trajectory:
        if task.id == "t0":
            await asyncio.Event().wait()
        return done(task, seed)

    mine = scheduler(attempt, RolloutConfig(batch=2, group=2, retries=0, timeout_s=0.05))
    groups = await asyncio.wait_for(mine.batch(0), 10)
    assert [group.task.id for group in groups] == ["t1", "t2"]


async def test_when_everything_fails_it_says_so() -> None:
    async def attempt(task: Task, seed: int) -> Trajectory:
        return broken(task, seed)

    mine = scheduler(attempt, RolloutConfig(batch=2, group=2, retries=0, max_filtered=5))
    with pytest.raises(TrainingFault, match="groups of one batch") as raised:
        await asyncio.wait_for(mine.batch(0), 10)
    assert raised.value.hint == "the last failure: ModelFault: down"


async def test_an_ungradable_rollout_is_a_failure() -> None:
    async def attempt(task: Task, seed: int) -> Trajectory:
        return done(task, seed)

    async def no_grade(task: Task, trajectory: Trajectory) -> float | None:
        return None if task.id == "t0" else 1.0

    mine = scheduler(attempt, RolloutConfig(batch=1, group=2, retries=0), no_grade)
    (group,) = await mine.batch(0)
    assert group.task.id == "t1"


async def test_what_was_under_way_is_taken_up_again_with_its_seeds() -> None:
    async def attempt(task: Task, seed: int) -> Trajectory:
        await asyncio.sleep(0.001 * (seed % 5))
        return done(task, seed)

    config = RolloutConfig(batch=2, group=2, staleness=2)
    whole = scheduler(attempt, config)
    expected = [group for step in range(3) for group in await whole.batch(step)]
    first = scheduler(attempt, config)
    begun = await first.batch(0)
    state = first.state()
    await first.close()
    tasks = iter(TASKS[state["submitted"] :])
    second = RolloutScheduler(lambda: next(tasks), attempt, right, config)
    second.restore(state)
    rest = [group for step in range(1, 3) for group in await second.batch(step)]
    assert begun + rest == expected
    await whole.close()
    await second.close()
