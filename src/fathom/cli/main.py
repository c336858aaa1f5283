"""The `fathom` command: a table of commands, each imported only when it is asked for.

`fathom --help` prints the table and imports nothing else, so it answers at once. What goes wrong is caught here and
nowhere else: an error of fathom's own tree becomes one line and a hint on stderr and the exit code of its class.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from fathom import __version__
from fathom.core.errors import FathomError

if TYPE_CHECKING:
    import typer

INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class Command(NamedTuple):
    """`target` is "module:name" of a typer app, or of a plain function that typer can make a command of."""

    target: str
    help: str


COMMANDS = {
    "ask": Command("fathom.cli.ask:ask", "Research a question and print the cited answer"),
    "corpus": Command("fathom.cli.corpus:app", "Add, list, search and remove corpora"),
    "doctor": Command("fathom.cli.doctor:doctor", "Measure a model endpoint before the first run"),
    "verify": Command("fathom.cli.verify:verify", "Check a report's citations again, offline"),
    "runs": Command("fathom.cli.runs:runs", "List the runs"),
    "resume": Command("fathom.cli.runs:resume", "Continue a run that was interrupted"),
    "replay": Command("fathom.cli.runs:replay", "Repeat a run from its records, without a model"),
    "eval": Command("fathom.cli.eval:evaluate", "Score an agent and a model on a question set"),
    "synth": Command("fathom.cli.synth:app", "Make questions, trajectories and training samples"),
    "train": Command("fathom.cli.train:app", "Fine-tune a model folder on samples of your own"),
    "loop": Command("fathom.cli.loop:loop", "Train an agent from nothing: world, questions, CPT, SFT, RL"),
    "compare": Command("fathom.cli.compare:compare", "Lay loops side by side: seeds with intervals, ablations"),
    "serve": Command("fathom.cli.serve:serve", "Offer a local model over HTTP, by token ids"),
    "bench": Command("fathom.bench.command:bench", "Run a measurement; `fathom bench list` shows them"),
}

USAGE = """\
Usage: fathom [--debug] COMMAND [ARGUMENTS]

A deep-research agent whose citations can be checked.

Commands:
{commands}

Options:
  --debug    show the traceback of an error
  --version  print the version
  --help     print this; `fathom COMMAND --help` tells about a command
"""


def usage() -> str:
    """The text of `fathom --help`."""
    width = max(map(len, COMMANDS)) + 2
    lines = (f"  {name:<{width}}{command.help}" for name, command in COMMANDS.items())
    return USAGE.format(commands="\n".join(lines))


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line `argv` (default: the process's own) and exit with its code."""
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code: 0, the error's own, 2 for wrong usage, 130 when interrupted."""
    debug, args = _take_debug(argv)
    name = args[0] if args else "--help"
    if name in ("--help", "-h", "help"):
        sys.stdout.write(usage())
        return 0 if args else 2
    if name in ("--version", "version"):
        sys.stdout.write(f"fathom {__version__}\n")
        return 0
    if name not in COMMANDS:
        return _say(f"there is no command {name!r}", _nearest(name), 2)
    try:
        return _invoke(name, args[1:])
    except FathomError as error:
        if debug:
            raise
        return _say(str(error), error.hint, error.exit_code)
    except OSError as error:
        # Of the data home or of standard output: a disk that is full, a folder that may not be written.
        if debug:
            raise
        where = f"{error.filename}: " if error.filename else ""
        return _say(f"{where}{error.strerror or error}", f"`fathom --debug {name} ...` shows where it happened", 1)
    except KeyboardInterrupt:
        return _interrupted(name)


def _take_debug(argv: Sequence[str]) -> tuple[bool, list[str]]:
    """`--debug` is understood before and after the command, but not behind a bare `--`."""
    args = list(argv)
    end = args.index("--") if "--" in args else len(args)
    kept = [arg for arg in args[:end] if arg != "--debug"]
    return len(kept) < end, kept + args[end:]


def _invoke(name: str, args: list[str]) -> int:
    import typer

    command = typer.main.get_command(_load(name))
    try:
        result = command.main(args=args, prog_name=f"fathom {name}", standalone_mode=False)
    except typer.Abort:
        return _interrupted(name)
    except typer.TyperException as error:
        message = error.format_message()
        # Empty when typer has just printed the help of a group that was called without a subcommand.
        return _say(message, f"`fathom {name} --help` shows what it takes", 2) if message else 2
    # typer turns an interrupt into this exit code by itself.
    if result == INTERRUPTED:
        return _interrupted(name)
    return result if isinstance(result, int) else 0


def _load(name: str) -> "typer.Typer":
    import typer

    module, _, attribute = COMMANDS[name].target.partition(":")
    target = getattr(import_module(module), attribute)
    if isinstance(target, typer.Typer):
        return target
    app = typer.Typer(add_completion=False)
    app.command(name, help=None if target.__doc__ else COMMANDS[name].help)(target)
    return app


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, n=1)
    return f"did you mean `fathom {near[0]}`?" if near else "`fathom --help` lists them"


def _interrupted(name: str) -> int:
    hint = "`fathom runs` lists the runs, `fathom resume RUN` continues one"
    if name in ("loop", "synth", "train"):
        hint = "the same command goes on where it broke off"
    return _say("interrupted", hint, INTERRUPTED)


def _say(message: str, hint: str, code: int) -> int:
    one_line = " ".join(message.split())
    sys.stderr.write(f"fathom: {one_line}\n" + (f"  {hint}\n" if hint else ""))
    return code


if __name__ == "__main__":
    main()
