"""What code in the sandbox sees of this machine: this Python with its standard library, some packages, shared
libraries. Nothing else of the file system is there.

The interpreter stands under `/python` and the packages under `/packages`, wherever they come from, so that a traceback
tells nothing of the machine.
"""

import csv
import re
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

HOME = "/python"
EXECUTABLE = f"{HOME}/bin/python3"
PACKAGES = "/packages"

# Shared libraries, where Linux distributions keep them, and the loader's index.
_SYSTEM = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/usr/share/zoneinfo")
_INSTALLERS = (".pth", ".dist-info", ".egg-info")
_REQUIREMENT_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Mount:
    """A folder or file `source` of this machine that is to be seen, read-only, as `target`."""

    source: str
    target: str


def interpreter_mounts() -> list[Mount]:
    """This interpreter, without any virtual environment."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = f"{HOME}/{sys.platlibdir}"
    executable = Path(getattr(sys, "_base_executable", "") or sys.executable).resolve()
    mounts = [Mount(str(executable), EXECUTABLE), Mount(_installed("stdlib"), f"{library}/{version}")]
    if (native := _installed("platstdlib")) != mounts[1].source and Path(native, "lib-dynload").is_dir():
        mounts.append(Mount(f"{native}/lib-dynload", f"{library}/{version}/lib-dynload"))
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        shared = Path(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME"))
        if shared.is_file():
            mounts.append(Mount(str(shared), f"{HOME}/lib/{shared.name}"))
    return mounts


def _installed(name: str) -> str:
    """The installation path `name` of the interpreter itself, not of the environment it runs in."""
    return sysconfig.get_path(name, vars={"base": sys.base_prefix, "platbase": sys.base_exec_prefix})


def system_mounts() -> tuple[list[Mount], list[tuple[str, str]]]:
    """(what of the system is seen, links as (what they hold, where they stand)): shared libraries and time zones."""
    mounts, links = [], []
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            links.append((str(path.readlink()), name))
        elif path.exists():
            mounts.append(Mount(name, name))
    return mounts, links


def package_mounts(names: Iterable[str]) -> list[Mount]:
    """The files of the distributions `names` and of all they require, as they stand in the folder of packages."""
    mounts: dict[str, Mount] = {}
    for distribution in _with_requirements(names):
        for top in _top_names(distribution):
            source = Path(str(distribution.locate_file(top)))
            if top not in mounts and source.exists():
                mounts[top] = Mount(str(source.resolve()), f"{PACKAGES}/{top}")
    return list(mounts.values())


def installed(names: Iterable[str]) -> tuple[str, ...]:
    """Those distributions among `names` that are installed here."""
    return tuple(name for name in names if _distribution(name) is not None)


def _distribution(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def _top_names(distribution: metadata.Distribution) -> list[str]:
    """The first parts of the names of a distribution's files, but for what only installers read."""
    # Of the text itself: an object for each of thousands of files takes a second.
    rows = csv.reader((distribution.read_text("RECORD") or "").splitlines())
    names = dict.fromkeys(row[0].partition("/")[0] for row in rows if row)
    return [name for name in names if name not in ("..", "__pycache__") and not name.endswith(_INSTALLERS)]


def _with_requirements(names: Iterable[str]) -> list[metadata.Distribution]:
    """The installed ones among `names` and, transitively, what they require without extras."""
    found: dict[str, metadata.Distribution] = {}
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found or (distribution := _distribution(name)) is None:
            continue
        found[name] = distribution
        for text in found[name].requires or ():
            match = _REQUIREMENT_NAME.match(text)
            if match and "extra ==" not in text:
                waiting.append(match.group())
    return list(found.values())
