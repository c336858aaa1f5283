"""`fathom loop`: train a researching agent from nothing, resumable, with a report at the end."""

from pathlib import Path
from typing import Annotated

import typer


def loop(
    recipe: Annotated[str, typer.Option("--recipe", help="nano, or nano-short to see the circle turn.")] = "nano",
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of worlds, questions, weights and all that is drawn; 0 by default.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the loop; loops/RECIPE-SEED in the home by default.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, as rl.steps=40; may be given several times.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--branch-from", help="Folder of a loop to take all up to SFT from, to vary RL."),
    ] = None,
    toml: Annotated[Path | None, typer.Option("--config", help="TOML file of settings.")] = None,
) -> None:
    """Documents to a better agent and round again; the same command goes on where it was interrupted.

    A world of invented pages, questions over it, an oracle's trajectories, continual pre-training, fine-tuning, RL,
    then fine-tuning on the agent's own trajectories. Needs the extra `train`.
    """
    from fathom.core.config import Environment, resolve, torch_defaults
    from fathom.core.errors import ConfigError
    from fathom.core.model import canonical_json

    # Without it torch's threads spin while they wait for each other: up to 20 times slower on a shared machine.
    torch_defaults()
    try:
        from fathom.recipes.loop import run_loop
        from fathom.recipes.loop_config import RECIPES
    except ModuleNotFoundError as error:
        raise ConfigError(f"training needs {error.name}", hint="pip install 'fathom-research[train]'") from None

    if recipe not in RECIPES:
        raise ConfigError(f"there is no recipe {recipe!r}; there is {', '.join(RECIPES)}")
    given = [] if seed is None else [f"seed={seed}"]
    config = resolve(RECIPES[recipe](), toml=toml, overrides=[*given, *(settings or ())])
    folder = out or Environment.read().home / "loops" / f"{recipe}-{config.seed}"
    accuracy = run_loop(config, folder, lambda line: typer.echo(line, err=True), source=source)
    typer.echo(canonical_json({"folder": str(folder), "held_out_accuracy": accuracy}))
