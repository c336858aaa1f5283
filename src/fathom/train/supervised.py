"""Supervised training, resumable to the bit: continual pre-training and fine-tuning differ in their rows only.

The plan of steps follows from rows and seed, the model has no dropout, so a checkpoint is weights, optimizer and step.
A run killed at any moment goes on from its last checkpoint with the losses it would have had.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import ConfigError
from fathom.llm.local.lm import CausalLM
from fathom.llm.render.renderer import Renderer
from fathom.train.checkpoint import load_checkpoint, save_checkpoint
from fathom.train.data.batches import plan_steps
from fathom.train.data.rows import Row
from fathom.train.metrics import MetricsLog
from fathom.train.optimize import OptimizerConfig, cross_entropy, learning_rate, make_optimizer, update

CHECKPOINT = "checkpoint"
OnStep = Callable[[int, int, dict[str, Any]], None]


class SupervisedConfig(Config):
    """One stage of supervised training."""

    optimizer: OptimizerConfig = OptimizerConfig()
    tokens_per_step: int = Field(
        default=2048, ge=16, description="tokens of one update; small models want many updates"
    )
    epochs: float = Field(default=1.0, gt=0, description="times each row is seen")
    ordered: bool = Field(default=False, description="rows in the order given, a curriculum, in place of shuffled")
    checkpoint_steps: int = Field(default=100, ge=1, description="steps between checkpoints")
    seed: int = Field(default=0, ge=0, description="of the order of rows")


def train_supervised(
    model: CausalLM,
    renderer: Renderer,
    rows: Sequence[Row],
    config: SupervisedConfig,
    folder: Path,
    *,
    on_step: OnStep = lambda step, steps, metrics: None,
) -> None:
    """Train `model` in place on `rows`; in `folder` are then `metrics.jsonl` and `checkpoint/`.

    Called again with the same arguments it goes on from the last checkpoint, or only loads the finished one. Raises
    `ConfigError` where the rows are empty or longer than the model's context.
    """
    _check(rows, model)
    optimizer = make_optimizer(model, config.optimizer)
    lengths = [len(row.ids) for row in rows]
    steps = plan_steps(lengths, config.tokens_per_step, config.epochs, None if config.ordered else config.seed)
    state = load_checkpoint(folder / CHECKPOINT, model, optimizer)
    first = state["step"] if state else 0
    if state and state["steps"] != len(steps):
        raise ConfigError(f"{folder} holds a run of {state['steps']} steps, this one has {len(steps)}")
    with MetricsLog(folder, from_step=first) as log:
        for step in range(first, len(steps)):
            began = time.perf_counter()
            lr = learning_rate(config.optimizer, step, len(steps))
            metrics: dict[str, Any] = update(
                model, optimizer, [rows[i] for i in steps[step]], cross_entropy, config.optimizer, lr
            )
            metrics["seconds"] = round(time.perf_counter() - began, 4)
            log.write(step, metrics)
            on_step(step, len(steps), metrics)
            if (step + 1) % config.checkpoint_steps == 0 or step + 1 == len(steps):
                counted = {"step": step + 1, "steps": len(steps)}
                save_checkpoint(folder / CHECKPOINT, model, renderer, optimizer, counted)


def _check(rows: Sequence[Row], model: CausalLM) -> None:
    if not rows:
        raise ConfigError("there is nothing to train on")
    longest = max(len(row.ids) for row in rows)
    if longest > model.config.context:
        raise ConfigError(f"a row has {longest} tokens, the model's context {model.config.context}")
