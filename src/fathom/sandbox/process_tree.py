"""A process with all that it started: how much memory they take, and their end. Linux only.

A process that has made itself the subreaper of its descendants keeps them in its tree whatever becomes of those
between; so all of them can be found, and killed for sure, without namespaces or cgroups.
"""

import contextlib
import ctypes
import os
import re
import signal
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_STAT = re.compile(rb"(\d+) \(.*\) (\S) (\d+) ", re.DOTALL)  # pid, state, parent; the name may hold anything
_ANONYMOUS = re.compile(rb"^RssAnon:\s+(\d+) kB", re.MULTILINE)


def become_subreaper() -> None:
    """Let descendants of this process whose parents die become its children. Raises `OSError`."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def descendants(root: int) -> list[int]:
    """All living processes below `root`, without it."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found = _STAT.match((path / "stat").read_bytes())
            if found and found[2] not in (b"Z", b"X"):
                children.setdefault(int(found[3]), []).append(int(found[1]))
    below, waiting = [], [root]
    while waiting:
        new = children.get(waiting.pop(), [])
        below += new
        waiting += new
    return below


def tree_bytes(root: int) -> int:
    """Memory of `root` and all below it, in bytes, without what they share with files."""
    total = 0
    for pid in (root, *descendants(root)):
        with contextlib.suppress(OSError):
            found = _ANONYMOUS.search(Path(f"/proc/{pid}/status").read_bytes())
            total += 1024 * int(found[1]) if found else 0
    return total


def kill_below(root: int, patience_s: float = 5.0) -> None:
    """Kill all below `root`, which lives on, until there are none; what is forked meanwhile too."""
    deadline = time.monotonic() + patience_s
    while (below := descendants(root)) and time.monotonic() < deadline:
        for pid in below:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
