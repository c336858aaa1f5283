"""What sandboxes leave on the machine, and what two supervisors share: nothing. On the real ones of this machine."""

import asyncio
import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.code_sandboxes import eventually, marked, small, spawned, started

from fathom.bench.sandbox_kills import left_groups
from fathom.core.errors import ConfigError
from fathom.sandbox.code.battery.baits import processes_with
from fathom.sandbox.code.cgroup import PREFIX
from fathom.sandbox.code.pool import PooledSandbox
from fathom.sandbox.code.spawning import SpawnedWorkers
from fathom.sandbox.code.stage import left_folders

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap and Landlock are Linux's")


@pytest.fixture(params=["bubblewrap", "landlock"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def left_by(spawner: int) -> list[Path]:
    return [path for path in (*left_groups(), *left_folders()) if path.name.startswith(f"{PREFIX}{spawner}-")]


async def with_session(kind: Any) -> tuple[SpawnedWorkers, PooledSandbox, str]:
    workers, sandbox, word = await spawned(kind)
    await sandbox.run("x = 1", "s")
    return workers, sandbox, word


async def test_the_spawner_leaves_no_folder_and_no_group(kind: Any) -> None:
    workers, sandbox, _ = await with_session(kind)
    spawner = workers.spawner_pid
    assert spawner
    await sandbox.close()
    assert left_by(spawner) == []


async def test_what_a_killed_spawner_left_is_gone_after_the_next_start(kind: Any) -> None:
    workers, sandbox, word = await with_session(kind)
    spawner = workers.spawner_pid
    os.kill(spawner, signal.SIGKILL)
    assert await eventually(lambda: not processes_with(word))
    assert os.getuid() != 0 or await eventually(lambda: bool(left_by(spawner)))
    next_one = await started(kind, small())
    assert left_by(spawner) == []
    await next_one.close()
    await sandbox.close()


async def test_two_supervisors_of_root_share_no_user_id() -> None:
    """Limits and signals of one user would reach from the one's sandboxes to the other's."""
    if os.getuid() != 0:
        pytest.skip("only root gives code user ids of its own")
    users: list[set[int]] = []
    sandboxes = []
    for kind in ("bubblewrap", "bubblewrap", "landlock", "landlock"):
        config, word = marked()
        try:
            sandboxes.append(await started(kind, config))  # type: ignore[arg-type]
        except ConfigError:
            continue
        await asyncio.gather(*(sandboxes[-1].run("x = 1", f"s{number}") for number in range(3)))
        users.append({Path(f"/proc/{pid}").stat().st_uid for pid in processes_with(word)})
    for sandbox in sandboxes:
        await sandbox.close()
    assert 0 not in set().union(*users)
    assert all(not first & second for first, second in itertools.combinations(users, 2)), users
