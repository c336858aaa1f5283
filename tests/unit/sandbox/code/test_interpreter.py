"""What code sees of this machine."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from fathom.sandbox.code.interpreter import (
    EXECUTABLE,
    PACKAGES,
    installed,
    interpreter_mounts,
    package_mounts,
    system_mounts,
)


def test_the_interpreter_is_whole_and_stands_where_it_tells_nothing() -> None:
    mounts = {item.target: Path(item.source) for item in interpreter_mounts()}
    assert mounts[EXECUTABLE].is_file()
    library = mounts[f"/python/{sys.platlibdir}/python3.{sys.version_info.minor}"]
    assert (library / "os.py").is_file() and "site-packages" not in library.parts
    assert all(target.startswith("/python/") and source.exists() for target, source in mounts.items())


def test_a_package_comes_with_what_it_requires_and_nothing_else() -> None:
    if not (find_spec("pandas") and find_spec("sympy")):
        pytest.skip("the extra `sandbox` is not installed")
    mounts = {item.target: Path(item.source) for item in package_mounts(["Pandas", "no-such-package", "sympy"])}
    names = {target.removeprefix(f"{PACKAGES}/") for target in mounts}
    assert {"pandas", "numpy", "dateutil", "sympy", "mpmath"} <= names
    assert not names & {"pytest", "fathom", "pip", "..", "__pycache__"}
    assert not any(name.endswith((".pth", ".dist-info")) for name in names)
    assert all(source.exists() for source in mounts.values())
    assert package_mounts([]) == []


def test_of_the_system_there_are_shared_libraries_only() -> None:
    mounts, links = system_mounts()
    assert all(item.source == item.target and Path(item.source).exists() for item in mounts)
    assert not {item.target for item in mounts} & {"/", "/etc", "/usr", "/home", "/root", "/usr/bin"}
    assert all(Path(place).is_symlink() for _, place in links)


def test_of_packages_those_are_named_that_are_installed() -> None:
    assert installed(("no-such-package", "pytest", "Pydantic")) == ("pytest", "Pydantic")
