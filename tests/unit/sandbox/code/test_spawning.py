"""The spawner of workers, where it cannot even be started."""

import asyncio
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.code_sandboxes import small

from fathom.core.errors import ProviderFault
from fathom.sandbox.code.choose import spawn_plan
from fathom.sandbox.code.pool import PooledSandbox
from fathom.sandbox.code.spawning import SpawnedWorkers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap and Landlock are Linux's")


@contextmanager
def no_more_descriptors(spare: int) -> Iterator[None]:
    """This process can open `spare` more and no others, as at the end of what it may have."""
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(64)]  # so that there are no gaps below
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1 + spare, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for number in held:
            os.close(number)


@pytest.mark.parametrize("spare", [0, 3])  # for the socket, for the process
async def test_a_process_without_room_for_the_spawner_says_so_and_nobody_waits_for_ever(spare: int) -> None:
    config = small()
    workers = SpawnedWorkers(spawn_plan("landlock", config), config.limits, config.start_s)
    sandbox = PooledSandbox("landlock", workers, config)
    with no_more_descriptors(spare):
        with pytest.raises(ProviderFault, match="could not be started"):
            await workers.start()
        async with asyncio.timeout(10):
            with pytest.raises(ProviderFault, match="could not be started"):
                await sandbox.run("pass")
    await sandbox.close()
