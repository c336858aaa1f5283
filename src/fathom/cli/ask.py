"""`fathom ask`: research a question, live, and print the cited answer."""

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer


def ask(
    question: Annotated[list[str], typer.Argument(help="The question; - reads it from standard input.")],
    agent: Annotated[str, typer.Option(help="How to research: guided, react, tongyi or brief.")] = "guided",
    model: Annotated[str, typer.Option(help="embedded, a .gguf file, or MODEL@URL.")] = "",
    world: Annotated[
        str,
        typer.Option(
            "--world",
            "--corpus",
            help="Where to research: a corpus; the web as live:ENGINE,... (live:http://localhost:8080, live:serper); "
            "recorded:FILE; or one of these with something around it, as in faulty:0.3:vital.",
        ),
    ] = "",
    file: Annotated[
        list[Path] | None, typer.Option("--file", help="A file or folder that comes with the question; agent react.")
    ] = None,
    tool: Annotated[
        list[str] | None, typer.Option("--tool", help="A tool besides search and visit: python, scholar; agent react.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file with settings.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="A setting, as in search.k=5.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the run.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Research a question and print the answer with citations that `fathom verify` can check."""
    from fathom.cli.live import LiveView
    from fathom.core.config import Environment
    from fathom.grading.report_text import render_text
    from fathom.recipes.ask import ask as research_question
    from fathom.recipes.ask import configure

    text = _text(question)
    environment = Environment.read()
    research = configure(
        agent,
        model=model,
        world=world,
        files=file or [],
        tools=tool or [],
        environment=environment,
        toml=config,
        overrides=settings or [],
    )
    with LiveView(enabled=not quiet) as view:
        outcome = asyncio.run(research_question(text, research, environment, seed=seed, view=view))
    if as_json:
        sys.stdout.write((outcome.folder / "report.json").read_text(encoding="utf-8"))
    else:
        sys.stdout.write(f"\n{render_text(outcome.report)}\n{_where(outcome.folder)}")
    raise typer.Exit(outcome.exit_code)


def _text(question: list[str]) -> str:
    from fathom.core.errors import ConfigError

    text = " ".join(question).strip()
    try:
        text = sys.stdin.read().strip() if text == "-" else text
        text.encode()
    except UnicodeError:
        raise ConfigError("the question is not UTF-8 text") from None
    if not text:
        raise ConfigError("the question is empty")
    return text


def _where(folder: Path) -> str:
    """Where the report lies, relative to the current folder where it is below it, and how to check it."""
    here = Path.cwd()
    shown = folder.relative_to(here) if folder.is_relative_to(here) else folder
    # In an environment that is not activated (`make demo`) the command is only found by its path.
    program = "fathom" if shutil.which("fathom") else sys.argv[0]
    return f"Report   {shown / 'report.html'}\nCheck    {program} verify {shown}\n"
