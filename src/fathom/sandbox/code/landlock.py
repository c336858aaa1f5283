"""Workers under Landlock and seccomp, by `sandlock`: needs neither namespaces nor control groups nor root.

Sandlock's supervisor, in this process, counts the memory, the processes and what is written of each sandbox. Where the
spawner is root it gives up root first, and folders that can be written to are small file systems in memory; else
sandlock counts what is written whenever a file is opened, and no file may grow beyond an eighth of the limit.

Kernel 6.12 or later. A worker sees the machine's process ids and host name, which bubblewrap hides.
Reference: github.com/multikernel/sandlock.
"""

import contextlib
import ctypes
import itertools
import json
import os
import queue
import secrets
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.core.errors import ConfigError
from fathom.sandbox.code.cgroup import find_cgroups
from fathom.sandbox.code.interpreter import EXECUTABLE, HOME, PACKAGES, Mount
from fathom.sandbox.code.plan import PYTHON_FLAGS, Exit, SpawnPlan, limit_process, python_environment
from fathom.sandbox.code.seccomp import SYSCALLS
from fathom.sandbox.code.stage import open_folder, sized_folder, stage
from fathom.sandbox.code.users import claim_users

if TYPE_CHECKING:
    from sandlock import Sandbox
    from sandlock.sandbox import Process

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_OPEN_FILES = 64
_ORPHANS_S = 0.5
_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36


class LandlockLauncher:
    """Starts workers under sandlock. Raises `ConfigError` where this machine lacks what that needs."""

    def __init__(self, plan: SpawnPlan, wake: Callable[[], None]) -> None:
        _require_sandlock()
        # Groups are bubblewrap's, but whoever comes next removes what was left.
        with contextlib.suppress(ConfigError, OSError):
            find_cgroups().sweep()
        self._plan, self._wake = plan, wake
        self._running: dict[int, tuple[Process, int]] = {}
        self._free = list(range(plan.slots))
        self._gone: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        self._killed: set[int] = set()
        self._over: list[tuple[int, int, float]] = []  # worker, status, when it is said to be gone in any case
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._folder = open_folder()
        own = [item for item in plan.mounts if item.source != item.target]
        self._sized = os.getuid() == 0
        self._tree = self._folder / "tree"
        if self._sized:
            own = self._prepare_as_root(own)
        else:
            link_tree(self._tree, own)
        for slot in self._free:
            self._work(slot).mkdir(exist_ok=True)
        for item in own:
            if not os.access(item.source, os.R_OK):
                raise ConfigError(f"{item.source} cannot be read without root, which code in the sandbox does not have")
        system = [item.source for item in plan.mounts if item.source == item.target]
        self._readable = [str(self._tree), *(item.source for item in own), *system, *_DEVICES]
        limit_process(file_bytes=plan.disk if self._sized else max(1, plan.disk // 8), open_files=4096)

    def _prepare_as_root(self, own: list[Mount]) -> list[Mount]:
        """Bind what only root can reach, make the folders that can be written to, and give up root."""
        self._users = claim_users(self._plan.user, 1)  # kept for as long as this process lives
        user = self._users.first
        staged = stage([replace(item, target=f"/tree{item.target}") for item in own], self._folder)
        for slot in self._free:
            sized_folder(self._work(slot), self._plan.disk, user)
        os.chown(self._folder, user, user)
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        # Whoever changed its user may not be looked into, not even by sandlock, which fetches a descriptor from the
        # process that it starts. Landlock keeps the workers from looking into this one.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
        return staged

    def _work(self, slot: int) -> Path:
        return self._folder / f"work-{slot}"

    def spawn(self, worker: int, stdio: tuple[int, int, int]) -> None:
        from sandlock.sandbox import StdioMode

        if not self._free:
            raise OSError("no folder is free for another worker")
        slot = self._free.pop(0)
        settings = {**self._plan.settings, "packages": f"{self._tree}{PACKAGES}", "work": str(self._work(slot))}
        command = [f"{self._tree}{EXECUTABLE}", *PYTHON_FLAGS, "-c", self._plan.worker, json.dumps(settings)]
        box = self._box(worker, slot)
        with _standard_streams(stdio):
            try:
                process = box.popen(command, *[StdioMode.INHERIT] * 3)
            except RuntimeError as error:
                self._free.append(slot)
                raise OSError(f"sandlock: {error}") from None
        self._running[worker] = process, slot
        threading.Thread(target=self._wait, args=(worker, process), daemon=True).start()

    def _box(self, worker: int, slot: int) -> "Sandbox":
        from sandlock import BranchAction, Sandbox

        work = str(self._work(slot))
        home = f"{self._tree}{HOME}"
        quota: dict[str, Any] = {}
        if not self._sized:
            quota = {
                "workdir": work,
                "max_disk": self._plan.disk,
                "max_open_files": _OPEN_FILES,
                "on_exit": BranchAction.ABORT,
                "on_error": BranchAction.ABORT,
            }
        return Sandbox(
            name=f"sandbox-{os.getpid()}-{worker}",  # sandlock wants names that are not taken
            fs_readable=self._readable,
            fs_writable=[work, "/dev/null"],
            cwd=work,
            extra_deny_syscalls=tuple(SYSCALLS),
            max_memory=self._plan.memory,
            max_processes=self._plan.processes,
            clean_env=True,
            env=python_environment(home, f"{home}/lib", work),
            no_coredump=True,
            **quota,
        )

    def _wait(self, worker: int, process: "Process") -> None:
        result = process.wait()
        self._gone.put((worker, -result.signal if result.signal > 0 else result.exit_code))
        self._wake()

    def kill(self, worker: int) -> None:
        if worker in self._running:
            self._killed.add(worker)
            with contextlib.suppress(OSError, RuntimeError):
                self._running[worker][0].kill()

    @property
    def ending(self) -> bool:
        return bool(self._over)

    def reap(self) -> list[Exit]:
        while not self._gone.empty():
            worker, status = self._gone.get()
            self._over.append((worker, status, time.monotonic() + _ORPHANS_S))
        gone = []
        while self._over and (not self._orphans() or time.monotonic() > self._over[0][2]):
            worker, status, _ = self._over.pop(0)
            slot = self._running.pop(worker)[1]
            # Sandlock ends with SIGKILL, and without a code of its own, what wants more memory than it may have.
            starved = status in (-1, -signal.SIGKILL) and worker not in self._killed
            self._killed.discard(worker)
            if empty_folder(self._work(slot)):  # else it is not used again
                self._free.append(slot)
            gone.append(Exit(worker, status, starved))
        return gone

    def _orphans(self) -> bool:
        """Whether there are processes that their parents left, which come to this one. Sandlock ends those of a worker
        a moment after the worker; those of a worker that still runs may stay."""
        known, left = {process.pid for process, _ in self._running.values()}, False
        for pid, state in children_of(os.getpid()):
            if pid in known:
                continue
            if state == "Z":
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            else:
                left = True
        return left

    def close(self) -> None:
        for worker in list(self._running):
            self.kill(worker)
        while self._running:
            self.reap()
            time.sleep(0.005)
        if not self._sized:  # else the folder is in memory, full of binds, and goes with this process
            shutil.rmtree(self._folder, ignore_errors=True)


def children_of(parent: int) -> list[tuple[int, str]]:
    """(id, state) of the processes whose parent is `parent`."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, ppid = Path(entry.path, "stat").read_text().rpartition(")")[2].split()[:2]
                if int(ppid) == parent:
                    found.append((int(entry.name), state))
    return found


def link_tree(folder: Path, mounts: list[Mount]) -> None:
    """Make `folder` with a link to the source of each mount where its target says."""
    for item in mounts:
        place = Path(f"{folder}{item.target}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(item.source)


def empty_folder(folder: Path) -> bool:
    """Remove all that is in `folder`, following no links; whether that could be done. However deep folders stand in
    each other: what is in one is moved up before it is removed."""
    mark, numbers = f"moved-{secrets.token_hex(8)}-", itertools.count()
    try:
        while entries := list(folder.iterdir()):
            for entry in entries:
                if entry.is_symlink() or not entry.is_dir():
                    entry.unlink()
                    continue
                entry.chmod(0o700)
                for inner in list(entry.iterdir()):
                    inner.rename(folder / f"{mark}{next(numbers)}")
                entry.rmdir()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _standard_streams(stdio: tuple[int, int, int]) -> Iterator[None]:
    """Have these descriptors as this process's standard streams, which sandlock hands on."""
    kept = [os.dup(number) for number in range(3)]
    try:
        for target, number in enumerate(stdio):
            os.dup2(number, target)
        yield
    finally:
        for target, number in enumerate(kept):
            os.dup2(number, target)
            os.close(number)


def _require_sandlock() -> None:
    try:
        import sandlock
    except ImportError:
        raise ConfigError("sandlock is not installed") from None
    have, need = sandlock.landlock_abi_version(), sandlock.min_landlock_abi()
    if have < need:
        raise ConfigError(f"this kernel's Landlock has version {have}, and {need} is needed (Linux 6.12)")
