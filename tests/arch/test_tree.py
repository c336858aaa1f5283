"""What lies in the repository: locks, paths, the published index of papers, the README's code."""

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
# Absolute paths that only exist on somebody's machine; the ones listed are part of every Linux.
MACHINE_PATH = re.compile(r"(?<![\w.~}\)/-])/(?:home|root|work|Users|mnt|data|tmp|opt|scratch)/[\w.-]+")


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


def locked(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return {match[1]: match[0] for match in re.finditer(r"^([a-z0-9._-]+)==.*(?:\n    --hash=.*)*", text, re.MULTILINE)}


def project() -> dict[str, list[str]]:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {"demo.txt": data["project"]["dependencies"], "dev.txt": data["dependency-groups"]["dev"]}


@pytest.mark.parametrize("lock", ["demo.txt", "dev.txt"])
def test_lock_fits_the_project_and_every_file_has_a_hash(lock: str) -> None:
    pins = locked(lock)
    assert [name for name, pin in pins.items() if "--hash=sha256:" not in pin] == []
    for text in project()[lock]:
        wanted = Requirement(text)
        name = wanted.name.lower().replace("_", "-")
        assert name in pins, f"{name} is not in {lock}: make lock"
        version = re.match(rf"{re.escape(name)}==(\S+)", pins[name])
        assert version is not None and wanted.specifier.contains(version[1]), f"{lock}: make lock"


def test_the_demo_needs_no_torch_and_no_tools_of_ours() -> None:
    demo = locked("demo.txt")
    dev = {Requirement(text).name.lower().replace("_", "-") for text in project()["dev.txt"]} - {"flit-core"}
    assert set(demo) & (dev | {"torch", "transformers", "faiss-cpu"}) == set()
    assert "flit-core" in demo


def test_the_locks_agree() -> None:
    # Versions only: what else is in dev.txt may ask for a package on more platforms than the demo does.
    demo, dev = ({name: pin.split()[0] for name, pin in locked(f"{lock}.txt").items()} for lock in ("demo", "dev"))
    assert demo.items() <= dev.items()


def test_no_path_of_one_machine() -> None:
    found = []
    for path in tracked():
        if path.suffix in {".py", ".md", ".toml", ".txt", ".json", ".cfg", ".yml", ""} and path != Path(__file__):
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in MACHINE_PATH.finditer(text)]
    assert found == []


def test_no_large_file() -> None:
    assert [path.name for path in tracked() if path.stat().st_size > 1_000_000] == []


def python_blocks(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_code_of_the_readme_runs(tmp_path: Path) -> None:
    for block in python_blocks(ROOT / "README.md"):
        done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, f"{block}\n{done.stderr[-2000:]}"


def test_commands_of_the_readme_exist() -> None:
    from fathom.cli.main import COMMANDS

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```(?:console|sh|bash|text)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    used = set(re.findall(r"^\s*\$?\s*(?:\.venv/bin/)?fathom ([a-z]+)", blocks, re.MULTILINE))
    assert used <= set(COMMANDS)


def index_rows() -> list[tuple[str, str]]:
    """(symbol, test) of each row of the paper index: the code spans `fathom.a.b:Name` and `tests/x.py::test_y`."""
    path = ROOT / "docs" / "paper_index.md"
    rows = [
        line for line in path.read_text(encoding="utf-8").splitlines() if "`fathom." in line and line.startswith("|")
    ]
    pairs = []
    for row in rows:
        symbols, tests = re.findall(r"`(fathom\.[\w.:]+)`", row), re.findall(r"`(tests/[\w/.]+(?:::\w+)?)`", row)
        assert symbols, f"a row without a symbol: {row}"
        assert tests, f"a row without a test: {row}"
        pairs += [(symbol, test) for symbol in symbols for test in tests]
    return pairs


def test_paper_index_points_to_what_exists() -> None:
    for symbol, test in index_rows():
        module, _, names = symbol.partition(":")
        target = import_module(module)
        for name in filter(None, names.split(".")):
            target = getattr(target, name)
        file, _, function = test.partition("::")
        assert (ROOT / file).is_file(), test
        assert not function or f"def {function}(" in (ROOT / file).read_text(encoding="utf-8"), test
