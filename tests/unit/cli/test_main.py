"""The entry point: table, errors as one line, exit codes, and that asking for help is cheap."""

import os
import re
import subprocess
import sys

import pytest
import typer

from fathom import __version__
from fathom.cli import main as cli
from fathom.core.errors import ConfigError, FathomError, InputError, ModelFault

group = typer.Typer()


@group.command()
def one(number: int) -> None:
    typer.echo(number + 1)


@group.command()
def two() -> None:
    raise InputError("a.zim", "truncated", "ends in the middle", offset=12, hint="fetch it again")


@group.command()
def echo(text: str) -> None:
    typer.echo(text)


def failing(kind: str) -> None:
    """Fails in the way asked for."""
    errors = {
        "config": ConfigError("two\nlines", hint="mend it"),
        "fault": ModelFault("refused"),
        "interrupt": KeyboardInterrupt(),
        "exit": typer.Exit(7),
        "bug": ZeroDivisionError("a bug"),
    }
    raise errors[kind]


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cli.COMMANDS, "group", cli.Command(f"{__name__}:group", "A group"))
    monkeypatch.setitem(cli.COMMANDS, "failing", cli.Command(f"{__name__}:failing", "Fails"))


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(re.search(rf"^  {name} +\S", out, re.MULTILINE) for name in cli.COMMANDS)
    assert all(len(line) <= 80 for line in out.splitlines())


def test_no_command_shows_the_help_and_says_it_was_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([]) == 2
    assert capsys.readouterr().out == cli.usage()


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"fathom {__version__}\n"


def test_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["verfy"]) == 2
    assert capsys.readouterr().err == "fathom: there is no command 'verfy'\n  did you mean `fathom verify`?\n"


def test_result_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["group", "one", "4"]) == 0
    assert capsys.readouterr() == ("5\n", "")


@pytest.mark.parametrize(
    ("args", "code", "err"),
    [
        (["group", "two"], 2, "fathom: a.zim at byte 12: truncated: ends in the middle\n  fetch it again\n"),
        (["failing", "config"], 2, "fathom: two lines\n  mend it\n"),
        (["failing", "fault"], 1, "fathom: refused\n"),
        (["failing", "exit"], 7, ""),
    ],
)
def test_errors_of_the_tree_are_one_line_and_a_hint(
    args: list[str], code: int, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(args) == code
    assert capsys.readouterr() == ("", err)


def test_interrupt_tells_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["failing", "interrupt"]) == 130
    assert "fathom resume" in capsys.readouterr().err


@pytest.mark.parametrize("args", [["group", "one"], ["group", "one", "x"], ["group", "one", "1", "--no"], ["failing"]])
def test_wrong_usage(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(args) == 2
    assert capsys.readouterr().err.startswith("fathom: ")


@pytest.mark.parametrize("args", [["--debug", "failing", "config"], ["failing", "config", "--debug"]])
def test_debug_lets_the_error_through(args: list[str]) -> None:
    with pytest.raises(FathomError):
        cli.run(args)


def test_debug_behind_two_dashes_is_an_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["group", "echo", "--", "--debug"]) == 0
    assert capsys.readouterr().out == "--debug\n"


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        cli.run(["failing", "bug"])


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([name, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_help_takes_at_most_three_tenths_of_a_second() -> None:
    """The median of five processes, in CPU seconds so that a busy machine does not decide."""
    times = []
    for _ in range(5):
        began = os.times()
        subprocess.run([sys.executable, "-m", "fathom.cli.main", "--help"], check=True, capture_output=True)
        ended = os.times()
        times.append(ended.children_user + ended.children_system - began.children_user - began.children_system)
    assert sorted(times)[2] <= 0.3


def test_the_entry_point_is_light() -> None:
    heavy = "pydantic typer rich openai httpx2 numpy tantivy xllamacpp trafilatura"
    code = f"import sys, fathom.cli.main; print([m for m in {heavy.split()} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
