"""User ids for code where root starts it, claimed so that no two processes hand out the same.

What one user may have (processes, signals it may send, pending locks) is counted over the whole machine: sandboxes of
two supervisors under one user id would starve and could signal each other. A claim is a lock on those bytes of a file
whose numbers are the ids, which the kernel drops when the process ends, however that comes about. It is seen by those
who see the file: containers that share user ids with the machine, but not the file, need another `uid_base` each.

Standard library only.
"""

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fathom.core.errors import ConfigError

_IDS = 200_000  # looked at before it is given up
_LAST = 2**31 - 1  # beyond it some systems take an id for a negative number


class UserRange:
    """`count` user ids from `first` on, which are this process's until it ends or `close`."""

    def __init__(self, first: int, count: int, lock: int) -> None:
        self.first, self.count, self._lock = first, count, lock

    def close(self) -> None:
        """Give them back."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def claim_users(base: int, count: int, folder: Path | None = None) -> UserRange:
    """`count` user ids from `base` on that no other process has claimed. Locks are in `folder`: `/run/fathom` unless
    given, or a folder of that name beside temporary files where nothing can be written there. They belong to a process:
    a second claim of the same one knows nothing of the first, and closing either gives both back. Raises `ConfigError`
    where there are no ids left, or no such folder."""
    lock = _lock_file((folder,) if folder else (Path("/run/fathom"), Path(tempfile.gettempdir()) / "fathom"))
    for first in range(base, min(base + _IDS, _LAST - count + 2), count):
        with contextlib.suppress(BlockingIOError, PermissionError):  # the one or the other, as systems like
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB, count, first)
            return UserRange(first, count, lock)
    os.close(lock)
    raise ConfigError(f"every user id for code from {base} on is taken", hint="set uid_base")


def _lock_file(folders: Sequence[Path]) -> int:
    """A descriptor of the file with the locks, in the first of `folders` that is this user's alone and can be written
    to: they hold what is true until the machine is started anew."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            state = folder.lstat()
            if stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid() and not state.st_mode & 0o022:
                return os.open(folder / "user-ids", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    raise ConfigError(
        f"user ids for code cannot be claimed: no file can be written in {' or '.join(map(str, folders))}"
    )
