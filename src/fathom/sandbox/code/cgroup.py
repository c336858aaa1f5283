"""Control groups: what bounds memory and processes of a whole sandbox, whoever its children are.

Groups are made inside the one this process is in (version 1), or beneath the nearest writable ancestor that hands
out the controllers (version 2, where a group with processes in it may not have groups with limits). Both versions are
known; CPU time is bounded where the controller is there, memory and processes must be.

A name says which process made a group (its id and start time), so that what a dead one left is found and swept.
Standard library only.
"""

import contextlib
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from fathom.core.errors import ConfigError

PREFIX = "fathom-code-"
_CPU_PERIOD_US = 100_000
_KILL_ROUNDS = 400


@dataclass(frozen=True)
class GroupLimits:
    """Bytes of memory, processes at once, CPU seconds per second."""

    memory: int
    processes: int
    cpus: float


@dataclass(frozen=True)
class Group:
    """The groups of one sandbox, one per hierarchy: `memory` and `pids` may be the same folder."""

    folders: tuple[Path, ...]
    memory: Path
    unified: bool

    def join(self) -> None:
        """Put the calling process in. What it starts from now on is in as well."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text("0")

    def kill(self) -> None:
        """Send SIGKILL to every process inside."""
        with contextlib.suppress(OSError):
            if self.unified and (self.memory / "cgroup.kill").exists():
                (self.memory / "cgroup.kill").write_text("1")
                return
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def processes(self) -> list[int]:
        """The ids of all processes inside, as seen from here."""
        found: set[int] = set()
        for folder in self.folders:
            with contextlib.suppress(OSError):
                found.update(int(line) for line in (folder / "cgroup.procs").read_text().split())
        return sorted(found - {0})

    def oom_kills(self) -> int:
        """How many processes inside the kernel killed for want of memory."""
        file = self.memory / ("memory.events" if self.unified else "memory.oom_control")
        with contextlib.suppress(OSError):
            for line in file.read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
        return 0

    def remove(self) -> bool:
        """Take the groups away; whether they are gone. They stay as long as a process is inside."""
        gone = True
        for folder in self.folders:
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
        return gone


@dataclass
class Cgroups:
    """Where groups can be made: the parent folder of each controller."""

    parents: dict[str, Path]
    unified: bool
    label: str = field(default_factory=lambda: f"{PREFIX}{os.getpid()}-{start_time(os.getpid())}")

    def create(self, name: str, limits: GroupLimits) -> Group:
        """A new group `name` with its limits in force. Raises `ConfigError` where the system does not take them."""
        folders = {controller: parent / f"{self.label}-{name}" for controller, parent in self.parents.items()}
        group = Group(tuple(dict.fromkeys(folders.values())), folders["memory"], self.unified)
        try:
            for folder in group.folders:
                folder.mkdir(exist_ok=True)
            self._limit(folders, limits)
        except OSError as error:
            group.remove()
            raise ConfigError(f"control group {error.filename}: {error.strerror}") from None
        return group

    def _limit(self, folders: dict[str, Path], limits: GroupLimits) -> None:
        memory, pids, cpu = folders["memory"], folders["pids"], folders.get("cpu")
        (pids / "pids.max").write_text(str(limits.processes))
        if self.unified:
            (memory / "memory.max").write_text(str(limits.memory))
            _optionally(memory / "memory.swap.max", "0")
            _optionally(memory / "memory.oom.group", "1")
            if cpu:
                (cpu / "cpu.max").write_text(f"{int(limits.cpus * _CPU_PERIOD_US)} {_CPU_PERIOD_US}")
            in_force = memory / "memory.max"
        else:
            in_force = memory / "memory.limit_in_bytes"
            in_force.write_text(str(limits.memory))
            _optionally(memory / "memory.memsw.limit_in_bytes", str(limits.memory))
            if cpu:
                (cpu / "cpu.cfs_quota_us").write_text(str(int(limits.cpus * _CPU_PERIOD_US)))
        if int(in_force.read_text()) > limits.memory or int((pids / "pids.max").read_text()) > limits.processes:
            raise OSError(0, "the limit was not taken", str(in_force))

    def left(self) -> list[Path]:
        """The groups of processes that are gone."""
        parents = dict.fromkeys(self.parents.values())
        return [folder for parent in parents for folder in parent.glob(f"{PREFIX}*") if of_the_dead(folder.name)]

    def sweep(self) -> int:
        """End and remove what processes that are gone have left; how many groups there were."""
        return sum(remove_by_force(Group((folder,), folder, self.unified)) for folder in self.left())


def of_the_dead(name: str) -> bool:
    """Whether a group or folder of that name was made by a process that is gone."""
    pid, _, rest = name.removeprefix(PREFIX).partition("-")
    return pid.isdigit() and start_time(int(pid)) != rest.partition("-")[0]


def remove_by_force(group: Group) -> bool:
    """Kill what is in `group` and remove it; whether it is gone, within some two seconds."""
    for _ in range(_KILL_ROUNDS):
        if group.remove():
            return True
        group.kill()
        time.sleep(0.005)
    return False


def start_time(pid: int) -> str:
    """When process `pid` started, in clock ticks since boot; empty where there is none, or one that is dead and only
    not waited for yet. With the id it names a process for good, since ids are used again."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return fields[19] if fields[0] != "Z" else ""


def find_cgroups(mountinfo: str | None = None, own: str | None = None) -> Cgroups:
    """Where this process can make groups with limits of memory and processes. `mountinfo` and `own` are the texts of
    those files under `/proc/self`. Raises `ConfigError` with the reason where it cannot."""
    mounts = _mounts(Path("/proc/self/mountinfo").read_text() if mountinfo is None else mountinfo)
    paths = _own_paths(Path("/proc/self/cgroup").read_text() if own is None else own)
    parents: dict[str, Path] = {
        name: _within(mounts[name], paths[name])
        for name in ("memory", "pids", "cpu")
        if name in mounts and name in paths
    }
    if "memory" in parents and "pids" in parents:
        for name, folder in parents.items():
            if not os.access(folder, os.W_OK):
                raise ConfigError(f"the control group {folder} cannot be written to ({name})")
        return Cgroups(parents, unified=False)
    if "" not in mounts or "" not in paths:
        raise ConfigError("no control groups with the controllers memory and pids are mounted")
    top = mounts[""][1]
    folder = _within(mounts[""], paths[""])
    for candidate in (folder, *folder.parents):
        handed_out = _words(candidate / "cgroup.subtree_control")
        if {"memory", "pids"} <= handed_out and os.access(candidate, os.W_OK):
            return Cgroups({name: candidate for name in ("memory", "pids", "cpu") if name in handed_out}, unified=True)
        if candidate == top:
            break
    raise ConfigError("no writable control group above this process hands out the controllers memory and pids")


def _mounts(mountinfo: str) -> dict[str, tuple[str, Path]]:
    """Controller -> (root of the mount inside the hierarchy, where it is mounted); the unified hierarchy is ''."""
    found: dict[str, tuple[str, Path]] = {}
    for line in mountinfo.splitlines():
        fields, _, tail = line.partition(" - ")
        parts, (kind, _, options) = fields.split(), [*tail.split(), "", "", ""][:3]
        if kind == "cgroup2":
            found.setdefault("", (parts[3], Path(parts[4])))
        elif kind == "cgroup":
            for name in options.split(","):
                found.setdefault(name, (parts[3], Path(parts[4])))
    return found


def _own_paths(own: str) -> dict[str, str]:
    """Controller -> path of this process's group in its hierarchy."""
    paths: dict[str, str] = {}
    for line in own.splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        paths.update(dict.fromkeys(names.split(","), path))
    return paths


def _within(mount: tuple[str, Path], path: str) -> Path:
    root, folder = mount
    inner = path.removeprefix(root) if root != "/" else path
    return folder / inner.lstrip("/") if ".." not in inner.split("/") else folder


def _words(file: Path) -> set[str]:
    try:
        return set(file.read_text().split())
    except OSError:
        return set()


def _optionally(file: Path, text: str) -> None:
    if file.exists():
        file.write_text(text)
