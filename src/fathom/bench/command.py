"""`fathom bench NAME`: run a measurement; `fathom bench list`: name them all."""

from pathlib import Path
from typing import Annotated

import typer


def bench(
    name: Annotated[str, typer.Argument(help="Which measurement, or `list` for all of them.")],
    quick: Annotated[bool, typer.Option("--quick", help="Smaller sizes: ends within 50 seconds.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the shared data sets [../shared/data beside the checkout].")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="A file for the curves of benches that have some (rollout).")
    ] = None,
) -> None:
    """Measure a part of fathom; the last line of the output is one JSON object with figures and goals."""
    from fathom.bench import harness
    from fathom.core.config import Environment
    from fathom.core.model import canonical_json
    from fathom.core.provenance import find_shared_data

    if name == "list":
        known = harness.summaries()
        width = max((len(entry) for entry in known), default=0)
        for entry, (_, summary) in known.items():
            typer.echo(f"{entry:<{width}}  {summary}")
        return
    result = harness.measure(
        harness.load(name),
        quick=quick,
        progress=lambda line: typer.echo(line, err=True),
        shared_data=data or find_shared_data(),
        home=Environment.read().home,
        page=page,
    )
    typer.echo(canonical_json(result))
