"""`fathom train`: train a model folder on samples of one's own."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Train a model on samples of your own.")


@app.callback()
def train() -> None:
    """Train a model on samples of your own. Needs the extra `train`."""


@app.command("sft")
def sft(
    samples: Annotated[Path, typer.Argument(help="File of samples, as fathom synth export writes.")],
    model: Annotated[
        str, typer.Option("--model", help="Folder of the model to begin with, a Llama; local: may stand before it.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder to train in; checkpoint/ in it is the model.")],
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of torch.")] = 2,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting, as optimizer.lr=1e-4 or epochs=2; may be given several times."),
    ] = None,
) -> None:
    """Fine-tune on the turns that the samples mark; the same command goes on where it was interrupted."""
    from fathom.core.config import resolve, torch_defaults
    from fathom.core.errors import ConfigError

    # Without it torch's threads spin while they wait for each other: up to 20 times slower on a shared machine.
    torch_defaults()
    try:
        from fathom.recipes.models import LOCAL
        from fathom.recipes.tuning import TUNING, fine_tune
    except ModuleNotFoundError as error:
        raise ConfigError(f"training needs {error.name}", hint="pip install 'fathom-research[train]'") from None

    config = resolve(TUNING, overrides=settings or ())
    base = Path(model.removeprefix(LOCAL)).expanduser()
    folder = fine_tune(samples, base, out, config, lambda line: typer.echo(line, err=True), threads=threads)
    typer.echo(f"{folder}: use it as --model local:{folder}")
