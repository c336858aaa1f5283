"""`fathom verify`: check a report again, offline, from its own stored pages."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fathom.grading.verify import Line


def verify(
    report: Annotated[Path, typer.Argument(help="A report.json, the run folder that holds it, or the run's id.")],
    json_: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Repeat every check of a report: pages, spans, verdicts, sources. Ends with status 1 if anything does not hold."""
    from fathom.grading.report_files import find_report
    from fathom.grading.verify import verify_folder

    path = find_report(report if report.exists() else _run_folder(report))
    lines = verify_folder(path)
    failed = next((line for line in lines if line.problem), None)
    if json_:
        _print_json(path, lines)
    else:
        _print_table(path, lines)
    if failed is not None:
        sys.stderr.write(f"fathom: {failed.subject}: {' '.join(failed.problem.split())}\n")
        raise typer.Exit(1)


def _run_folder(name: Path) -> Path:
    """The folder of the run of that name; `name` itself where it can only be meant as a path."""
    from fathom.core.config import Environment
    from fathom.rollout.catalogue import find_run

    if len(name.parts) != 1 or name.suffix:
        return name
    return find_run(Environment.read().home / "runs", str(name))


def _print_json(path: Path, lines: "list[Line]") -> None:
    from fathom.core.model import canonical_json

    failed = [line for line in lines if line.problem]
    result = {
        "report": str(path),
        "holds": not failed,
        "first_failure": failed[0].subject if failed else None,
        "checks": [line._asdict() for line in lines],
    }
    sys.stdout.write(canonical_json(result) + "\n")


def _print_table(path: Path, lines: "list[Line]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "what", "check", "problem"):
        table.add_column(column, overflow="fold")
    for line in lines:
        sign = Text("x", style="bold red") if line.problem else Text("ok", style="green")
        table.add_row(sign, Text(line.subject), Text(line.checked), Text(line.problem, style="red"))
    console = Console(file=sys.stdout, highlight=False)
    console.print(table)
    failed = sum(bool(line.problem) for line in lines)
    end = f"{failed} of {len(lines)} checks failed" if failed else f"all {len(lines)} checks hold"
    console.print(Text(f"{path}: {end}", style="bold red" if failed else "bold green"), soft_wrap=True)
