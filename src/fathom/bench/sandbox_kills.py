"""Supervisors of sandboxes, killed at any moment of their work: nothing of what they started may outlive them.

Every second one is killed together with its spawner, which would else tidy up after it. Processes must be gone by
themselves. Control groups and folders are swept by the next sandbox that is started, and are looked at after that.

`python -m fathom.bench.sandbox_kills KIND CONFIG` is such a supervisor. What it started is known by a number in its
settings that no other has, which stands in the command line of every worker.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fathom.core.errors import ConfigError
from fathom.core.seeds import stream
from fathom.sandbox.code.cgroup import find_cgroups
from fathom.sandbox.code.config import CodeLimits, CodeSandboxConfig
from fathom.sandbox.code.stage import left_folders

_LATEST_S = 2.0  # from the first sign of life to the kill
_GONE_S = 20.0
_CODE = (
    "import os, time\nos.fork()\ntime.sleep(5)",
    "print(1)",
    "while True: pass",
    "held = []\nwhile True:\n    held.append(bytearray(5_000_000))",
)


@dataclass(frozen=True)
class Left:
    """What there still was of supervisors that were killed, and of what they started."""

    processes: int
    groups: int
    folders: int

    @property
    def total(self) -> int:
        return self.processes + self.groups + self.folders


async def kill_supervisors(kind: str, kills: int, progress: Callable[[str], None]) -> Left:
    """What was left, in all, by `kills` supervisors that were killed, four at a time."""
    turns = asyncio.Semaphore(4)

    async def one(number: int) -> int:
        async with turns:
            left = await _kill_one(kind, number)
        if left or number % 50 == 49:
            progress(f"  supervisor {number + 1}: {left} left")
        return left

    processes = sum(await asyncio.gather(*(one(number) for number in range(kills))))
    groups, folders = set(left_groups()), set(left_folders())
    progress(f"  {len(groups)} groups and {len(folders)} folders for the next start to sweep")
    await _start_another(kind)
    groups &= set(left_groups())
    folders &= set(left_folders())
    for path in (*groups, *folders):
        progress(f"  left: {path}")
    return Left(processes, len(groups), len(folders))


def left_groups() -> list[Path]:
    """The control groups of processes that are gone; none where none can be made."""
    try:
        return find_cgroups().left()
    except ConfigError:
        return []


def _settings(mark: int) -> CodeSandboxConfig:
    limits = CodeLimits(timeout_s=30, memory_mb=128, processes=16, disk_mb=4, files_bytes=mark)
    return CodeSandboxConfig(limits=limits, preload=(), packages=(), warm=2, slots=4)


async def _start_another(kind: str) -> None:
    from fathom.sandbox.code.choose import make_sandbox

    sandbox = make_sandbox(kind, _settings(700_000))  # type: ignore[arg-type]
    try:
        await sandbox.run("pass")
    finally:
        await sandbox.close()


async def _kill_one(kind: str, number: int) -> int:
    from fathom.sandbox.code.battery.baits import processes_with
    from fathom.sandbox.code.landlock import children_of

    mark = 700_001 + number
    config = _settings(mark)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, kind, config.model_dump_json(), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    await asyncio.sleep(stream(number, "kill").uniform(0, _LATEST_S))
    killed = [process.pid, *(pid for pid, _ in children_of(process.pid) if number % 2)]
    for pid in killed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await process.wait()
    word = f'"files_bytes": {mark}'
    for _ in range(int(_GONE_S / 0.1)):
        if not (left := processes_with(word)):
            return 0
        await asyncio.sleep(0.1)
    return len(left)


async def _supervise(kind: str, config: str) -> None:
    from fathom.core.errors import ProviderFault
    from fathom.sandbox.code.choose import make_sandbox

    sys.stdout.write("begin\n")
    sys.stdout.flush()
    sandbox = make_sandbox(kind, CodeSandboxConfig.model_validate_json(config))  # type: ignore[arg-type]

    async def go_on(code: str, session: str) -> None:
        while True:
            with contextlib.suppress(ProviderFault):
                await sandbox.run(code, session)

    await asyncio.gather(*(go_on(code, "s" if n == 1 else "") for n, code in enumerate(_CODE)))


if __name__ == "__main__":
    asyncio.run(_supervise(sys.argv[1], sys.argv[2]))
