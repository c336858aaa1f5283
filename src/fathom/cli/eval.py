"""`fathom eval NAME`: score an agent and a model on a question set."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from fathom.core.task import Task
    from fathom.evals.protocol import AttemptRecord


def evaluate(
    name: Annotated[str, typer.Argument(help="A benchmark (twowiki), or a name for --questions.")],
    agent: Annotated[str, typer.Option(help="How to research: guided, react, tongyi or brief.")] = "guided",
    model: Annotated[str, typer.Option(help="embedded, a .gguf file, or MODEL@URL.")] = "",
    limit: Annotated[int | None, typer.Option(help="Only the first so many questions.", min=1)] = None,
    rounds: Annotated[int, typer.Option(help="Attempts at each question.", min=1)] = 1,
    questions: Annotated[Path | None, typer.Option(help="A file of questions: a JSON list or JSON lines.")] = None,
    corpus: Annotated[str, typer.Option(help="A corpus name, or a file or folder to make one of.")] = "",
    world: Annotated[str, typer.Option(help="A world in place of a corpus: recorded:FILE, live:brave.")] = "",
    around: Annotated[
        list[str] | None, typer.Option("--around", help="What stands around the corpus or world, as faulty:0.3.")
    ] = None,
    judge: Annotated[str, typer.Option(help="A model that judges the answers as well, as --model.")] = "",
    workers: Annotated[int, typer.Option(help="Attempts at the same time.", min=1)] = 1,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try failed attempts again.")] = False,
    data: Annotated[Path | None, typer.Option(help="Folder of data sets (../shared/data beside the checkout).")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of this evaluation (in the data home).")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file with settings.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, as in limits.budget.seconds=60.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the evaluation.")] = 0,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Score an agent and a model on a question set, resuming where an earlier call with the same settings stopped."""
    from fathom.core.config import Environment
    from fathom.core.model import canonical_json
    from fathom.core.provenance import find_shared_data
    from fathom.evals.report import render
    from fathom.evals.suite import SuiteConfig
    from fathom.recipes.ask import configure
    from fathom.recipes.evaluate import EvalConfig, run_eval

    environment = Environment.read()
    research = configure(agent, model=model, environment=environment, toml=config, overrides=settings or [])
    evaluation = EvalConfig(
        name=name,
        questions=questions,
        corpus=corpus,
        world=world,
        around=tuple(around or ()),
        data=data or find_shared_data(),
        judge=judge,
        suite=SuiteConfig(rounds=rounds, limit=limit, workers=workers, retry_failed=retry_failed),
        seed=seed,
    )
    with _Display() as display:
        done = asyncio.run(
            run_eval(evaluation, research, environment, out=out, on_progress=display.prepare, watch=display.attempt)
        )
    if json_:
        facts = {**done.report.model_dump(mode="json", by_alias=True), "folder": str(done.folder)}
        sys.stdout.write(canonical_json(facts) + "\n")
    else:
        sys.stdout.write(f"{render(done.report)}{'folder':<28}{done.folder}\n")
    # Scores of nothing but failures say that the model or the world is down.
    if sum(done.report.failures.values()) == done.report.items * done.report.rounds:
        raise typer.Exit(1)


class _Display:
    """Progress on stderr: preparation, then a line per attempt with the share that is right so far."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._status = self._console.status("opening questions, corpus and model")
        self._right = self._seen = 0

    def __enter__(self) -> "_Display":
        self._status.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._status.stop()

    def prepare(self, label: str, done: int, total: int) -> None:
        """Show how far the preparation is."""
        self._status.update(f"{label} {100 * done // total if total else done}{' %' if total else ''}")

    def attempt(self, task: "Task", record: "AttemptRecord", done: int, total: int) -> None:
        """Show one attempt, its answer and the right one."""
        from rich.markup import escape

        from fathom.grading.answers import short_answer

        grade = record.grades["exact"]
        self._seen += 1
        self._right += grade.label == "correct"
        colour = {"correct": "green", "failed": "red"}.get(grade.label, "yellow")
        said = short_answer(record.trajectory.answer or "")[:50] or record.trajectory.stop.kind
        gold = task.answers[0][:50] if task.answers else ""
        self._console.print(
            f"[dim]{done:>4}/{total} {record.measures.seconds:6.1f}s[/] [{colour}]{grade.label:<9}[/] "
            f"{escape(task.question[:70])} -> {escape(said)} [dim]({escape(gold)})[/]",
            soft_wrap=True,
        )
        self._status.update(f"{done} of {total}, {self._right / self._seen:.1%} right in this call")
