"""What the guides show works: their Python runs, and their command lines are ones that fathom takes."""

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from fathom.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> list[str]:
    return [text for language, text in _BLOCK.findall(page.read_text(encoding="utf-8")) if language in languages]


def command_lines() -> list[tuple[str, str]]:
    """(page, line) of every `fathom` command line in a console block, without what a shell does to it."""
    lines = [
        (page.name, line) for page in PAGES for text in blocks(page, "console", "sh") for line in text.splitlines()
    ]
    found = [(name, line.removeprefix("$ ")) for name, line in lines]
    return [(name, line) for name, line in found if line.startswith("fathom ")]


def parse(arguments: list[str]) -> None:
    """Read a command line as fathom does, without running it. Raises typer's error where it does not fit."""
    module, _, attribute = COMMANDS[arguments[0]].target.partition(":")
    target: Any = getattr(import_module(module), attribute)
    app = target
    if not isinstance(target, typer.Typer):
        app = typer.Typer(add_completion=False)
        app.command(arguments[0])(target)
    command: Any = typer.main.get_command(app)
    name, rest = arguments[0], arguments[1:]
    if hasattr(command, "commands"):
        assert rest and rest[0] in command.commands, f"fathom {name} has no command {rest[:1]}"
        command, name, rest = command.commands[rest[0]], rest[0], rest[1:]
    command.make_context(name, rest)


@pytest.mark.parametrize(("page", "line"), command_lines())
def test_command_lines_are_ones_that_fathom_takes(page: str, line: str) -> None:
    parse(shlex.split(line)[1:])


def test_a_line_that_does_not_fit_is_found() -> None:
    assert len(command_lines()) > 20
    for line in ("ask --no-such-option x", "corpus no-such-command", "eval"):
        with pytest.raises((typer.TyperException, AssertionError)):
            parse(line.split())


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.stem)
def test_python_of_a_guide_runs_as_one_program(page: Path, tmp_path: Path) -> None:
    program = "\n".join(blocks(page, "python"))
    if program:
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == 0, done.stderr[-2000:]


def test_links_between_documents_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", re.sub(r"`[^`]*`", "", page.read_text(encoding="utf-8")))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_tests_that_documents_name_exist() -> None:
    named = {
        (file, function)
        for page in sorted((ROOT / "docs").rglob("*.md"))
        for file, function in re.findall(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`", page.read_text(encoding="utf-8"))
    }
    assert len(named) > 40
    missing = [
        f"{file}::{function}"
        for file, function in sorted(named)
        if not (ROOT / file).is_file()
        or (function and f"def {function}(" not in (ROOT / file).read_text(encoding="utf-8"))
    ]
    assert missing == []
