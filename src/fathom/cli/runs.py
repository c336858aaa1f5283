"""`fathom runs`, `fathom resume`, `fathom replay`: what became of the runs, going on with one, repeating one."""

import asyncio
from typing import Annotated, Any

import typer

RunName = Annotated[str, typer.Argument(help="The run's id, or a part of it that no other has.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def runs(
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Show the newest N; 0 shows all.")] = 20,
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


def resume(run: RunName, as_json: AsJson = False) -> None:
    """Go on with a run that was interrupted or failed; nothing on record is done again."""
    from fathom.cli.live import LiveView
    from fathom.core.config import Environment
    from fathom.recipes.ask import go_on
    from fathom.rollout.catalogue import find_run
    from fathom.rollout.store import read_events

    environment = Environment.read()
    folder = find_run(environment.home / "runs", run)
    before = _steps(read_events(folder))
    typer.echo(f"run {folder.name}: {before} steps are on record", err=True)
    with LiveView(enabled=not as_json) as view:
        report = asyncio.run(go_on(folder, environment, view=view)).report
    done = _steps(read_events(folder)) - before
    if as_json:
        stop = report.stop.model_dump(mode="json")
        counts = {"steps_on_record": before, "steps_done": done}
        _print_json({"run_id": folder.name, **counts, "stop": stop, "answer": report.answer.text})
    else:
        typer.echo(f"run {folder.name}: {done} steps done, {report.stop.kind}; see {folder}", err=True)
        typer.echo(report.answer.text or "(no answer)")
    if report.failure is not None:
        raise typer.Exit(1)


def replay(run: RunName, as_json: AsJson = False) -> None:
    """Repeat a run from its records alone, without a model, and check that its trajectory is byte for byte the same."""
    from fathom.core.config import Environment
    from fathom.recipes.ask import repeat
    from fathom.rollout.catalogue import find_run

    environment = Environment.read()
    folder = find_run(environment.home / "runs", run)
    trajectory, steps = asyncio.run(repeat(folder, environment))
    if as_json:
        _print_json({"run_id": folder.name, "steps": steps, "identical": True, "answer": trajectory.answer})
    else:
        typer.echo(f"run {folder.name}: {steps} steps repeated from the record; the trajectory is byte-identical")


def _steps(events: list[Any]) -> int:
    return sum(event.kind.endswith("_finished") for event in events)


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
