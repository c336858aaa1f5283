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
    from fathom.core.config import Environment
    from fathom.rollout.catalogue import find_run

    # The agent and all it needs are imported only once there is a run to go on with.
    folder = find_run(Environment.read().home / "runs", run)
    from fathom.recipes.research import rebuild
    from fathom.rollout.runner import resume as resume_run
    from fathom.rollout.store import read_events

    before = _steps(read_events(folder))
    typer.echo(f"run {folder.name}: {before} steps are on record", err=True)
    trajectory = asyncio.run(resume_run(folder, rebuild(folder)))
    done = _steps(read_events(folder)) - before
    if as_json:
        stop = trajectory.stop.model_dump(mode="json")
        _print_json(
            {
                "run_id": folder.name,
                "steps_on_record": before,
                "steps_done": done,
                "stop": stop,
                "answer": trajectory.answer,
            }
        )
    else:
        typer.echo(f"run {folder.name}: {done} steps done, {trajectory.stop.kind}; see {folder}", err=True)
        typer.echo(trajectory.answer or "(no answer)")
    if trajectory.failure is not None:
        raise typer.Exit(1)


def replay(run: RunName, as_json: AsJson = False) -> None:
    """Repeat a run from its records alone, without a model, and check that its trajectory is byte for byte the same."""
    from fathom.core.config import Environment
    from fathom.rollout.catalogue import find_run

    folder = find_run(Environment.read().home / "runs", run)
    from fathom.recipes.research import rebuild
    from fathom.rollout.replay import replay as replay_run

    trajectory, steps = asyncio.run(replay_run(folder, rebuild(folder)))
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
