"""The pool of tasks: what is mastered goes, what is hopeless waits, all of it resumable."""

import json

from hypothesis import given
from hypothesis import strategies as st

from fathom.core.task import Task
from fathom.rollout.pool import PoolConfig, TaskPool

TASKS = [Task(id=f"t{n}", question="q") for n in range(12)]


def test_the_active_set_is_gone_through_before_any_task_comes_again() -> None:
    pool = TaskPool(TASKS, PoolConfig(active=5))
    first = [pool.take().id for _ in range(5)]
    assert len(set(first)) == 5
    assert {pool.take().id for _ in range(5)} == set(first)


def test_mastered_tasks_never_come_back() -> None:
    pool = TaskPool(TASKS, PoolConfig(active=4, refresh_steps=1, mastered_after=1))
    mastered = set()
    for step in range(1, 30):
        task = pool.take()
        if step <= 8:
            assert task.id not in mastered
            pool.record(task.id, 1.0)
            mastered.add(task.id)
        pool.refresh(step)
    assert len(mastered) == 8
    assert {pool.take().id for _ in range(20)} == {task.id for task in TASKS} - mastered


def test_a_task_leaves_when_it_was_mastered_as_often_as_asked() -> None:
    pool = TaskPool(TASKS, PoolConfig(active=1, refresh_steps=1, mastered_after=2))
    task = pool.take()
    for step, (rate, exchanged) in enumerate([(1.0, 0), (0.5, 0), (1.0, 0), (1.0, 1)], 1):
        pool.record(task.id, rate)
        assert pool.refresh(step) == exchanged


def test_hopeless_tasks_wait_in_the_reserve() -> None:
    pool = TaskPool(TASKS, PoolConfig(active=4, refresh_steps=2, hopeless_after=2))
    task = pool.take()
    pool.record(task.id, 0.0)
    assert pool.refresh(2) == 0
    pool.record(task.id, 0.0)
    assert pool.refresh(3) == 0
    assert pool.refresh(4) == 1
    assert task.id not in {pool.take().id for _ in range(8)}


def test_a_set_without_reserve_is_kept() -> None:
    pool = TaskPool(TASKS[:3], PoolConfig(active=8, refresh_steps=1, mastered_after=1))
    pool.record("t0", 1.0)
    assert pool.refresh(1) == 0
    assert pool.state()["mastered"] == []  # it is still there, and may be hopeless later
    assert {pool.take().id for _ in range(3)} == {"t0", "t1", "t2"}


def test_the_histogram_counts_last_pass_rates() -> None:
    pool = TaskPool(TASKS, PoolConfig(active=12))
    for task, rate in zip(TASKS, (0.0, 0.5, 1.0), strict=False):
        pool.record(task.id, 0.1)
        pool.record(task.id, rate)
    assert pool.histogram() == [1, 0, 1, 0, 1]


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=60), st.integers(0, 60))
def test_a_restored_pool_goes_on_the_same(events: list[tuple[bool, float]], cut: int) -> None:
    config = PoolConfig(active=5, refresh_steps=2)

    def play(pool: TaskPool, part: list[tuple[bool, float]], start: int) -> list[str]:
        taken = []
        for step, (_, rate) in enumerate(part, start):
            task = pool.take()
            taken.append(task.id)
            pool.record(task.id, rate)
            pool.refresh(step + 1)
        return taken

    whole = play(TaskPool(TASKS, config, seed=1), events, 0)
    first = TaskPool(TASKS, config, seed=1)
    begun = play(first, events[:cut], 0)
    second = TaskPool(TASKS, config, seed=1)
    second.restore(json.loads(json.dumps(first.state())))
    assert begun + play(second, events[cut:], min(cut, len(events))) == whole
