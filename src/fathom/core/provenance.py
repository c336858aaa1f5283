"""Which code is running: the commit where it runs out of a checkout, else the version; and on top of what."""

import contextlib
import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import fathom

_SHAPING = ("xllamacpp", "openai", "tantivy", "selectolax", "pydantic", "torch", "tokenizers")


def source_root() -> Path:
    """The folder that holds `src/fathom` in a checkout. Of an installed package it is some folder without a meaning."""
    return Path(fathom.__file__).resolve().parents[2]


def find_shared_data() -> Path | None:
    """`../shared/data` beside the checkout, where benchmarks' data sets lie, if it is there."""
    folder = source_root().parent / "shared" / "data"
    return folder if folder.is_dir() else None


@cache
def code_version() -> str:
    """The commit of the checkout, with `+dirty` where tracked files differ from it; else `v<version>`.

    Asked once per process: what is running was loaded then.
    """
    root = source_root()
    found = _git(root, "rev-parse", "--show-toplevel", "HEAD")
    # An installed package may lie inside somebody else's repository: only the checkout's own root counts.
    if found is None or len(found.split()) != 2 or Path(found.split()[0]) != root:
        return f"v{fathom.__version__}"
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return found.split()[1][:12] + ("+dirty" if changed else "")


def commits_of(identity: Mapping[str, Any]) -> list[str]:
    """The commits by which something came about, the first first, as its record has them."""
    return [str(each) for each in identity.get("commits") or [identity.get("commit", "")]]


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that shape what a run gives, for its record."""
    found = {"fathom": fathom.__version__, "python": platform.python_version(), "system": platform.platform()}
    for package in _SHAPING:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def _git(root: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
