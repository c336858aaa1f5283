"""How files that only a privileged user can reach are shown to an unprivileged one: bound into a folder they can reach.

The interpreter of a root user often lies in a folder that is closed to all others, and code in the sandbox runs as
another user. As long as this process has its privileges it makes a mount namespace of its own, and binds what is to be
seen, read-only, beneath a folder that is open. Nobody outside this process and its children sees the binds, and they
are gone with it. Standard library only.
"""

import contextlib
import ctypes
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fathom.core.errors import ConfigError
from fathom.sandbox.code.cgroup import PREFIX, of_the_dead, start_time
from fathom.sandbox.code.interpreter import Mount

_CLONE_NEWNS = 0x00020000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_COPIED = 1 << 20  # bytes of files that are copied instead of bound


def stage(mounts: Sequence[Mount], folder: Path) -> list[Mount]:
    """`mounts` with their sources bound beneath `folder`, where their targets say. Raises `ConfigError` where this
    process may not do that; `folder` is gone then."""
    try:
        _enter_own_namespace()
    except ConfigError:
        folder.rmdir()
        raise
    mount("tmpfs", folder, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755,size=32m")
    staged = []
    for item in mounts:
        source, place = Path(item.source), Path(f"{folder}{item.target}")
        staged.append(replace(item, source=str(place)))
        if source.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            if source.stat().st_size <= _COPIED:
                # What is bound cannot be bound again once it was replaced, as the loader's index is by every package.
                shutil.copy(source, place)
                continue
            place.touch()
        mount(item.source, place, "", _MS_BIND | _MS_REC)
        mount("none", place, "", _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)
    return staged


def unstage(folder: Path) -> None:
    """Take the binds and `folder` away. Nothing is ever deleted in it: what looks like its contents is elsewhere."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.umount2(str(folder).encode(), _MNT_DETACH)
    with contextlib.suppress(OSError):
        folder.rmdir()


def left_folders() -> list[Path]:
    """The folders of processes that are gone."""
    return [left for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") if of_the_dead(left.name)]


def sweep_folders() -> None:
    """Remove the folders of processes that are gone. What was in them went with the process."""
    for left in left_folders():
        if os.getuid() == 0:  # then it was only where something was mounted
            with contextlib.suppress(OSError):
                left.rmdir()
        else:
            shutil.rmtree(left, ignore_errors=True)


def open_folder() -> Path:
    """A new folder that every user can enter. Its name says which process made it."""
    sweep_folders()
    folder = Path(tempfile.gettempdir(), f"{PREFIX}{os.getpid()}-{start_time(os.getpid())}")
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    return folder


def sized_folder(folder: Path, size: int, owner: int) -> None:
    """Make `folder`, in memory, for at most `size` bytes of `owner`'s files. Needs the namespace that `stage` made."""
    folder.mkdir(exist_ok=True)
    mount("tmpfs", folder, "tmpfs", _MS_NOSUID | _MS_NODEV, f"mode=700,size={size},uid={owner},gid={owner}")


def _enter_own_namespace() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS):
        raise ConfigError(f"no mount namespace of its own: {os.strerror(ctypes.get_errno())}")
    mount("none", Path("/"), "", _MS_REC | _MS_PRIVATE)


def mount(source: str, target: Path, kind: str, flags: int, options: str = "") -> None:
    """The system call. Raises `ConfigError`."""
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (source.encode(), str(target).encode(), kind.encode() or None, flags, options.encode() or None)
    if libc.mount(arguments[0], arguments[1], arguments[2], ctypes.c_ulong(flags), arguments[4]):
        raise ConfigError(f"mount of {source} on {target}: {os.strerror(ctypes.get_errno())}")
