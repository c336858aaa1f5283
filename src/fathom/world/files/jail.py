"""Opening files inside a folder and nowhere else.

A path is walked from a handle of the folder, one name at a time, and no symbolic link is ever followed, so there is no
moment at which a swapped name could lead out. What the kernel's `openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)` does,
in a way that every POSIX system has.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

_STEP = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_DEPTH = 16


def open_beneath(root: Path, parts: Sequence[str]) -> int:
    """A descriptor of the regular file at `parts` below `root`, to be closed by the caller. Raises `OSError`: for a
    link on the way, for what is no regular file, and for all that the system has against it."""
    if not parts or any(part in ("", ".", "..") or "/" in part or "\0" in part for part in parts):
        raise PermissionError(f"not a path inside a folder: {'/'.join(parts)!r}")
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        try:
            # Without O_NONBLOCK opening a pipe that nobody writes to would wait for ever.
            inner = os.open(part, _STEP | (os.O_NONBLOCK if last else os.O_DIRECTORY), dir_fd=handle)
        finally:
            os.close(handle)
        handle = inner
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise PermissionError("not a regular file")
    return handle


def files_beneath(root: Path) -> Iterator[tuple[str, ...]]:
    """The paths of the regular files below `root`, sorted, at most 16 folders deep; links and hidden names are passed
    over. Raises `OSError` where `root` cannot be listed; of a folder below it that cannot, the files are left out."""
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield from _below(handle, ())
    finally:
        os.close(handle)


def _below(handle: int, parts: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    with os.scandir(handle) as listing:
        entries = sorted((entry.name, entry.stat(follow_symlinks=False).st_mode) for entry in listing)
    for name, mode in entries:
        if name.startswith("."):
            continue
        if stat.S_ISREG(mode):
            yield (*parts, name)
        elif stat.S_ISDIR(mode) and len(parts) < _MAX_DEPTH:
            try:
                inner = os.open(name, _STEP | os.O_DIRECTORY, dir_fd=handle)
            except OSError:
                continue
            try:
                yield from _below(inner, (*parts, name))
            finally:
                os.close(inner)
