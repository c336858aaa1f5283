"""The bench of leaks: that it sees those that are planted, and that a short load of the system has none."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fathom.bench import soak_parts
from fathom.bench.harness import Figure
from fathom.bench.processes import descendants, holding, resident_bytes
from fathom.bench.soak import Plan, slope, soak
from fathom.bench.soak_load import Done, Load
from fathom.core.task import Task
from fathom.corpus.closed.knowledge import ClosedConfig, knowledge
from fathom.recipes.closed import ensure_closed
from fathom.recipes.corpora import corpus_folder
from fathom.recipes.synthesis import make_questions
from fathom.synth.pipeline import PipelineConfig
from fathom.synth.questions import QuestionConfig

SHORT = Plan(warm_s=0.1, loaded_s=0.5, sample_s=0.05, settle_s=1.0)
LEAKS = ("fds_leaked", "tasks_leaked", "threads_leaked", "processes_leaked", "zombies", "errors", "unclosed")


def load(job: Callable[[int], Awaitable[Done]], **changes: Any) -> Load:
    @asynccontextmanager
    async def opened(number: int) -> AsyncIterator[Callable[[int], Awaitable[Done]]]:
        yield job

    return Load(
        **{"name": "planted", "opened": opened, "jobs": 5, "at_once": 1, "pause_s": 0.02, "cancelled": 0.0, **changes}
    )


def figures(*loads: Load, plan: Plan = SHORT, marks: tuple[str, ...] = ()) -> tuple[dict[str, Figure], list[str]]:
    told: list[str] = []
    return asyncio.run(soak(loads, plan, told.append, marks)), told


def leaks(found: dict[str, Figure]) -> dict[str, Figure]:
    return {name: found[name] for name in LEAKS if found[name]}


async def works(number: int) -> Done:
    reading, writing = os.pipe()
    try:
        await asyncio.sleep(0.01)
    finally:
        os.close(reading)
        os.close(writing)
    return Done(2, "well")


def test_a_load_that_keeps_nothing_leaks_nothing() -> None:
    found, told = figures(load(works, cancelled=0.5, latest_s=0.02))
    assert leaks(found) == {} and told == []
    assert isinstance(found["calls"], int) and found["calls"] == 2 * (
        int(found["planted_jobs"]) - int(found["cancelled"])
    )
    assert "planted well" in str(found["outcomes"]) and float(found["memory_growth_mb"]) < 32


def test_a_descriptor_that_stays_open_is_seen() -> None:
    held: list[int] = []

    async def job(number: int) -> Done:
        held.append(os.open("/dev/null", os.O_RDONLY))
        return Done()

    try:
        found, told = figures(load(job))
    finally:
        for descriptor in held:
            os.close(descriptor)
    assert int(found["fds_leaked"]) >= 3 and set(leaks(found)) == {"fds_leaked"}
    assert any("/dev/null" in line for line in told)


def test_a_task_that_goes_on_is_seen() -> None:
    held = []

    async def job(number: int) -> Done:
        held.append(asyncio.create_task(asyncio.sleep(600)))
        return Done()

    found, told = figures(load(job))
    assert int(found["tasks_leaked"]) >= 3 and set(leaks(found)) == {"tasks_leaked"}
    assert any("sleep" in line for line in told)


def asleep(seconds: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["sleep", str(seconds)], stdin=subprocess.PIPE)


def strayed(mark: str) -> int:
    """The number of a process with a mark whose parent is gone."""
    sleeper = f"subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(600)', {mark!r}], stdout=-3)"
    code = f"import subprocess, sys; print({sleeper}.pid)"
    return int(subprocess.run([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE, check=True).stdout)


@contextmanager
def sleepers() -> Iterator[list["subprocess.Popen[bytes]"]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def test_a_child_that_goes_on_or_is_not_reaped_is_seen() -> None:
    with sleepers() as started:

        async def job(number: int) -> Done:
            started.append(asleep(600 if number % 2 else 0))
            return Done()

        found, told = figures(load(job, pause_s=0.1))
    assert int(found["processes_leaked"]) >= 5 and int(found["zombies"]) >= 2
    assert any("sleep 600" in line for line in told)


def test_a_process_that_got_away_is_known_by_its_mark() -> None:
    mark = f"soak-test-{os.getpid()}"
    began, left = [], []

    async def job(number: int) -> Done:
        began.append(number)
        if began.count(0) == 2 and not left:  # in the load that follows the warm-up
            left.append(strayed(mark))
        return Done()

    try:
        found, _ = figures(load(job), marks=(mark,))
    finally:
        for number in left:
            os.kill(number, 9)
    assert found["processes_leaked"] == 1


def test_memory_that_is_kept_is_seen() -> None:
    held = []

    async def job(number: int) -> Done:
        held.append(bytearray(b"x") * 8_000_000)
        return Done()

    found, _ = figures(load(job))
    assert float(found["memory_growth_mb"]) > 32 and float(found["memory_slope_mb_per_hour"]) > 1000


def test_what_is_not_expected_is_an_error_and_what_is_expected_is_counted() -> None:
    async def job(number: int) -> Done:
        raise (KeyError if number % 2 else ValueError)(number)

    found, told = figures(load(job, expected=(ValueError,)))
    assert int(found["errors"]) >= 3 and int(found["refused"]) > 3
    assert "KeyError" in told[0]


def test_an_error_that_reaches_nobody_is_one() -> None:
    async def job(number: int) -> Done:
        asyncio.get_running_loop().create_future().set_exception(KeyError("lost"))
        return Done()

    found, told = figures(load(job))
    assert int(found["errors"]) >= 3 and "lost" in told[0]


async def test_an_interrupt_closes_what_is_open() -> None:
    opened, begun = [], asyncio.Event()

    @asynccontextmanager
    async def scope(number: int) -> AsyncIterator[Callable[[int], Awaitable[Done]]]:
        opened.append(number)
        try:
            begun.set()
            yield works
        finally:
            await asyncio.sleep(0.05)
            opened.remove(number)

    task = asyncio.create_task(soak([Load("open", scope, 5, 2)], SHORT, lambda line: None))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert opened == []


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Task]]:
    home = tmp_path_factory.mktemp("soak")
    config = ClosedConfig(pages=100, seed=7)
    ensure_closed("soak", home, config).close()
    asked = PipelineConfig(count=20, shard=20)
    made = make_questions(knowledge(config), QuestionConfig(shapes={"chain2": 1.0}), asked, home / "shards")
    return corpus_folder("soak", home), [Task.model_validate(item) for item in made.items]


def test_a_short_load_of_the_system_leaves_nothing(tmp_path: Path, corpus: tuple[Path, list[Task]]) -> None:
    folder, tasks = corpus
    loads = [soak_parts.rollouts(tmp_path / "simulated", folder, tasks)]
    if (server := soak_parts.mcp_calls(f"soak-test-{os.getpid()}")) is not None:
        loads.append(server)
    loads = [Load(**{**vars(each), "jobs": 8, "pause_s": 0.02, "latest_s": 0.3}) for each in loads]
    plan = Plan(warm_s=0.5, loaded_s=2.0, sample_s=0.1)
    found, told = figures(*loads, plan=plan, marks=(f"soak-test-{os.getpid()}",))
    assert leaks(found) == {}, told
    assert int(found["rollouts_jobs"]) > 8 and "rollouts answered" in str(found["outcomes"])


def test_slope_is_not_moved_by_one_sample() -> None:
    assert slope([(0.0, 1.0), (1.0, 3.0), (2.0, 500.0), (3.0, 7.0), (4.0, 9.0)]) == 2.0
    assert slope([(0.0, 1.0)]) == 0.0


async def test_what_is_held_is_told_by_what_it_is() -> None:
    assert resident_bytes() > 1_000_000 and resident_bytes(2**30) == 0
    before = holding()
    process = asleep(600)
    task = asyncio.create_task(asyncio.sleep(600))
    try:
        assert process.pid in descendants()
        more = holding().beyond(before)
        assert (
            sum(more.tasks.values()) == 1 and sum(more.processes.values()) == 1 and sum(more.descriptors.values()) == 1
        )
        assert not more.nothing
    finally:
        task.cancel()
        process.kill()
        process.communicate()
