"""`fathom synth`: questions from a closed world, trajectories that answer them, samples to train on."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from fathom.core.config import Environment, resolve
from fathom.core.errors import ConfigError

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Make questions, trajectories and training samples.")

Corpus = Annotated[str, typer.Argument(help="Name of a closed world; fathom corpus add closed --pages N makes one.")]


def _file(path: Path) -> Path:
    if not path.name or path.is_dir():
        raise typer.BadParameter(f"{path} is no name of a file")
    return path


Out = Annotated[Path, typer.Option("--out", help="File to write, JSON lines.", callback=_file)]
Seed = Annotated[int, typer.Option("--seed", help="Of all that is drawn.")]


@app.command("questions")
def questions(
    corpus: Corpus,
    out: Out,
    count: Annotated[int, typer.Option("--count", help="Questions wanted.")] = 1000,
    seed: Seed = 0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, as obfuscations=2; may be given several times.")
    ] = None,
    shapes: Annotated[
        str, typer.Option("--shapes", help="Kinds and weights, as chain1=3,chain2=3,both2=1,either2=1,fog5=1.")
    ] = "",
) -> None:
    """Draw questions with one exact answer each; prints the funnel. Goes on where it was interrupted."""
    from fathom.recipes.closed import closed_knowledge
    from fathom.recipes.synthesis import make_questions, write_tasks
    from fathom.synth.pipeline import PipelineConfig, funnel_table
    from fathom.synth.questions import QuestionConfig

    config = resolve(QuestionConfig(), overrides=settings or ())
    if shapes:
        weights = ", ".join(f"{json.dumps(shape)} = {weight}" for shape, weight in _weights(shapes).items())
        config = resolve(config, overrides=(f"shapes={{{weights}}}",))
    base = closed_knowledge(corpus, Environment.read().home)
    pipeline = resolve(PipelineConfig(), overrides=(f"count={count}", f"seed={seed}"))
    outcome = make_questions(base, config, pipeline, out.with_suffix(".shards"))
    if not outcome.items:
        raise ConfigError(
            f"no question came through\n{funnel_table(outcome.funnel)}", hint="other --shapes, more pages"
        )
    tasks = write_tasks(outcome, out)
    sys.stdout.write(f"{funnel_table(outcome.funnel)}\n{out}: {len(tasks):,} questions\n")


def _weights(text: str) -> dict[str, float]:
    found = {}
    for part in text.split(","):
        shape, _, weight = part.partition("=")
        try:
            found[shape.strip()] = float(weight or 1)
        except ValueError:
            raise ConfigError(f"--shapes {part!r} is not of the form chain2=1.5") from None
    return found


@app.command("trajectories")
def trajectories(
    corpus: Corpus,
    questions: Annotated[
        Path, typer.Option("--questions", help="File of questions, as fathom synth questions writes.")
    ],
    out: Out,
    model: Annotated[
        str, typer.Option("--model", help="oracle, which knows how a question was made, or any model.")
    ] = "oracle",
    agent: Annotated[str, typer.Option(help="How to research: brief, react, tongyi or guided.")] = "brief",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the agent, as limits.sampling.temperature=0.7.")
    ] = None,
    tries: Annotated[int, typer.Option("--tries", min=1, help="Attempts at each question.")] = 1,
    seed: Seed = 0,
) -> None:
    """Attempt the questions, keep what is correct and well formed; prints the funnel."""
    import asyncio

    from fathom.recipes.research import agent_name, research_config
    from fathom.recipes.synthesis import make_trajectories, read_tasks
    from fathom.synth.pipeline import funnel_table

    research = resolve(research_config(agent_name(agent)), overrides=settings or ())
    if research.model != research_config().model:
        raise ConfigError("a model is named by --model, not by --set")
    research = research.model_copy(update={"model": model})
    tasks = read_tasks(questions)
    sampled = asyncio.run(make_trajectories(corpus, tasks, research, out, tries=tries, seed=seed))
    sys.stdout.write(f"{funnel_table(sampled.funnel)}\n{out}: {len(sampled.kept):,} trajectories\n")


@app.command("export")
def export(
    questions: Annotated[Path, typer.Option("--questions", help="The questions the trajectories answer.")],
    trajectories: Annotated[Path, typer.Option("--trajectories", help="File of trajectories.")],
    out: Out,
    form: Annotated[str, typer.Option("--form", help="react, or iterresearch: one sample for each round.")] = "react",
) -> None:
    """Write trajectories as samples to fine-tune on, each with its mask."""
    from fathom.recipes.synthesis import export_samples

    count = export_samples(questions, trajectories, out, form)
    sys.stdout.write(f"{out}: {count:,} samples\n")
