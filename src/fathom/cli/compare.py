"""`fathom compare`: loops side by side."""

from pathlib import Path
from typing import Annotated

import typer


def compare(
    folders: Annotated[list[Path], typer.Argument(help="Folders of loops: seeds of one recipe, or ablations.")],
    out: Annotated[Path, typer.Option("--out", help="HTML file to write.")] = Path("compare.html"),
) -> None:
    """Lay loops side by side: held-out accuracy with intervals over seeds, and their curves.

    Prints one JSON line for each loop. Where only their seeds differ one more has means, half widths of 95 %
    intervals, and over how many loops.
    """
    from fathom.core.model import canonical_json
    from fathom.evals.loop_figures import loop_commits, loop_figures, loop_names, mean_figures, repeat_each_other
    from fathom.evals.loop_report import write_loop_report

    names = loop_names(folders)
    figures = [loop_figures(folder) for folder in folders]
    for name, found in zip(names, figures, strict=True):
        typer.echo(canonical_json({"loop": name, **found}))
    commits = sorted({commit for folder in folders for commit in loop_commits(folder)})
    if repeat_each_other(folders):
        typer.echo(canonical_json({"mean_half_width_loops": mean_figures(figures), "commits": commits}))
    if len(commits) > 1:
        typer.echo(f"these loops were run by different code: {', '.join(commits)}", err=True)
    write_loop_report(folders, out)
    typer.echo(f"report: {out}", err=True)
