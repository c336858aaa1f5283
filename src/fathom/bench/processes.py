"""What this process holds, as the operating system says: memory, descriptors, threads, processes. Linux only."""

import asyncio
import contextlib
import os
import re
import resource
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_NUMBER = re.compile(r":\[\d+\]|\b\d+\b")  # of a socket, a task: another one each time


class Process(NamedTuple):
    """A process: its parent, its state (a letter of ps), its command line; of a zombie the name only."""

    parent: int
    state: str
    command: str


def resident_bytes(process: int | str = "self") -> int:
    """Bytes of memory that a process has, 0 where it is gone."""
    with contextlib.suppress(OSError, IndexError):
        return int((_PROC / str(process) / "statm").read_text().split()[1]) * resource.getpagesize()
    return 0


def processes() -> dict[int, Process]:
    """All processes of this machine by their numbers."""
    found = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                before, _, after = (entry / "stat").read_text(errors="replace").rpartition(")")
                state, parent = after.split()[:2]
                words = (entry / "cmdline").read_bytes().decode("utf-8", "replace").replace("\0", " ")
                found[int(entry.name)] = Process(int(parent), state, words.strip() or before.partition("(")[2])
    return found


def descendants(known: dict[int, Process] | None = None) -> dict[int, Process]:
    """The processes that this one started, and those that they did."""
    known = processes() if known is None else known
    children = defaultdict(list)
    for number, process in known.items():
        children[process.parent].append(number)
    found: dict[int, Process] = {}
    left = list(children[os.getpid()])
    while left:
        number = left.pop()
        found[number] = known[number]
        left += children[number]
    return found


def open_descriptors() -> int:
    """How many there are."""
    return sum(1 for _ in (_PROC / "self" / "fd").iterdir()) - 1  # but for the one that the folder is read with


def running_threads() -> int:
    """How many there are, those of native libraries too."""
    return sum(1 for _ in (_PROC / "self" / "task").iterdir())


def is_readable() -> bool:
    """Whether this system tells of its processes in the way that is read here."""
    return (_PROC / "self" / "fd").is_dir()


@dataclass(frozen=True)
class Holding:
    """What is held at one moment, each counted by what it is."""

    descriptors: Counter[str]
    tasks: Counter[str]
    threads: Counter[str]
    processes: Counter[str]
    zombies: int

    def beyond(self, other: "Holding") -> "Holding":
        """What is held now and was not in `other`."""
        return Holding(
            self.descriptors - other.descriptors,
            self.tasks - other.tasks,
            self.threads - other.threads,
            self.processes - other.processes,
            max(0, self.zombies - other.zombies),
        )

    @property
    def nothing(self) -> bool:
        return not (self.descriptors or self.tasks or self.threads or self.processes or self.zombies)


def holding(marks: Sequence[str] = ()) -> Holding:
    """What is held now; to be asked from within the event loop. A process that got away from its parents is known by
    one of `marks` in its command line."""
    known = processes()
    own = descendants(known)
    astray = {
        number: process
        for number, process in known.items()
        if number not in own and number != os.getpid() and any(mark in process.command for mark in marks)
    }
    return Holding(
        descriptors=Counter(_plain(target) for target in _descriptors()),
        tasks=Counter(_plain(f"{task.get_name()} {task.get_coro()!r}".partition(" at 0x")[0]) for task in _tasks()),
        threads=Counter(_plain(name) for name in _threads()),
        processes=Counter(process.command[:200] for process in (*own.values(), *astray.values())),
        zombies=sum(process.state == "Z" for process in own.values()),
    )


def _tasks() -> "set[asyncio.Task[object]]":
    return asyncio.all_tasks()


def _descriptors() -> list[str]:
    """What each descriptor leads to, but for the one that this is read with."""
    found = []
    for entry in (_PROC / "self" / "fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(str(entry.readlink()))
    return found


def _threads() -> list[str]:
    found = []
    for entry in (_PROC / "self" / "task").iterdir():
        with contextlib.suppress(OSError):
            found.append((entry / "comm").read_text().strip())
    return found


def _plain(name: str) -> str:
    return _NUMBER.sub("", name)
