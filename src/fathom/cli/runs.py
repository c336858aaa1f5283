"""`fathom runs`, `fathom resume`, `fathom replay`: what became of the runs, going on with one, repeating one."""

import asyncio
from typing import Annotated, Any

import typer

RunName = Annotated[str, typer.Argument(help="The run's id, or a part of it that no other has.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def runs(
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="Show the newest N; 0 shows all.")] = 20,
) -> None:
    """List the runs, newest first: finished, failed, interrupted, running or damaged."""
    from fathom.core.config import Environment
    from fathom.rollout.catalogue import list_runs

    root = Environment.read().home / "runs"
    found = list_runs(root)
    shown = found[:limit] if limit else found
    if as_json:
        _print_json({"folder": str(root), "runs": [info.model_dump(mode="json") for info in shown]})
        return
    if not found:
        typer.echo(f"there are no runs in {root}", err=True)
        return
    for info in shown:
        text = info.problem or info.question
        typer.echo(f"{info.run_id}  {info.state:<11}  {info.steps:>4} steps  {_age(info.age_s):>7}  {_short(text)}")
    if len(shown) < len(found):
        typer.echo(f"{len(found) - len(shown)} older runs are not shown; --limit 0 shows all", err=True)


def resume(
    run: RunName,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Go on with a run that was interrupted or failed, and print its report; nothing on record is done again."""
    from fathom.core.config import Environment
    from fathom.rollout.catalogue import find_run

    # The agent and all it needs are imported only once there is a run to go on with.
    environment = Environment.read()
    folder = find_run(environment.home / "runs", run)
    from fathom.cli.live import LiveView
    from fathom.recipes.ask import go_on

    with LiveView(enabled=not quiet) as view:
        outcome = asyncio.run(go_on(folder, environment, view=view))
    typer.echo((folder / ("report.json" if as_json else "report.md")).read_text(encoding="utf-8").rstrip())
    raise typer.Exit(outcome.exit_code)


def replay(run: RunName, as_json: AsJson = False) -> None:
    """Repeat a run from its records alone, without a model, and check that its trajectory is byte for byte the same."""
    from fathom.core.config import Environment
    from fathom.rollout.catalogue import find_run

    environment = Environment.read()
    folder = find_run(environment.home / "runs", run)
    from fathom.recipes.ask import repeat

    trajectory, steps = asyncio.run(repeat(folder, environment))
    if as_json:
        _print_json({"run_id": folder.name, "steps": steps, "identical": True, "answer": trajectory.answer})
    else:
        typer.echo(f"run {folder.name}: {steps} steps repeated from the record; the trajectory is byte-identical")


def _print_json(value: Any) -> None:
    from fathom.core.model import canonical_json

    typer.echo(canonical_json(value))


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _short(text: str, width: int = 70) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 3] + "..."
