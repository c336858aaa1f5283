"""The RL trainer: groups of graded rollouts in, one update and its metrics out; and the loop around it.

Strictly on-policy with staleness 0: one update for each batch, ratio 1 everywhere. The loop is resumable: a checkpoint
has model, optimizer, step, the pool of tasks, and of the scheduler what was under way or not trained on yet.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pydantic import Field

from fathom.core.config import Config
from fathom.llm.local.lm import CausalLM
from fathom.llm.render.renderer import Renderer
from fathom.rollout.group import Group, met_infrastructure
from fathom.rollout.pool import TaskPool
from fathom.rollout.scheduler import RolloutScheduler
from fathom.train.checkpoint import load_checkpoint, save_checkpoint
from fathom.train.metrics import MetricsLog
from fathom.train.optimize import OptimizerConfig, learning_rate, make_optimizer, update
from fathom.train.rl.loss import SurrogateConfig, surrogate
from fathom.train.rl.select import SelectConfig, Selected, select
from fathom.train.supervised import CHECKPOINT

# A constant rate, since one does not know beforehand how long is enough.
_OPTIMIZER = OptimizerConfig(lr=3e-4, warmup_steps=5, final_lr=1.0, weight_decay=0.0, betas=(0.9, 0.99))
_RECENT = 10  # steps whose mean reward may end the training


class RLConfig(Config):
    """Settings of RL."""

    steps: int = Field(default=60, ge=1, description="updates")
    optimizer: OptimizerConfig = _OPTIMIZER
    surrogate: SurrogateConfig = SurrogateConfig()
    select: SelectConfig = SelectConfig()
    checkpoint_steps: int = Field(default=5, ge=1, description="steps between checkpoints")
    stop_reward: float = Field(default=1.1, gt=0, description="end when the mean reward of ten steps reaches this")


class Policy(Protocol):
    """What samples from the weights being trained. `policy_version` goes up by one with every update."""

    policy_version: int

    def updating(self) -> AbstractContextManager[None]: ...


class RLTrainer:
    """One update for each batch of groups."""

    def __init__(self, model: CausalLM, config: RLConfig, policy: Policy) -> None:
        self.model, self.config, self.policy = model, config, policy
        self.optimizer = make_optimizer(model, config.optimizer)

    def step(self, groups: Sequence[Group], step: int) -> dict[str, Any]:
        """Update the weights and give the metrics. A batch without any signal leaves the weights as they are."""
        chosen = select(groups, self.config.select)
        metrics = batch_metrics(groups, chosen)
        if chosen.rows:
            lr = learning_rate(self.config.optimizer, step, self.config.steps)
            metrics |= update(
                self.model,
                self.optimizer,
                chosen.rows,
                surrogate(self.config.surrogate),
                self.config.optimizer,
                lr,
                trained=chosen.trained_tokens,
                guard=self.policy.updating(),
            )
        return metrics


def batch_metrics(groups: Sequence[Group], chosen: Selected) -> dict[str, Any]:
    """What there is to know of a batch besides the loss. `policy_entropy` is the mean of -log p over sampled tokens."""
    done = [r for group in groups for r in group.rollouts if r.outcome != "failed"]
    turns = [t for r in done for s in r.trajectory.segments for t in s.turns if t.logprobs is not None]
    logprobs = [value for turn in turns for value in turn.logprobs or ()]
    versions = [turn.policy_version for turn in turns]
    rates = [group.pass_rate for group in groups]
    return {
        "reward": _mean([r.reward for r in done]),
        "pass_histogram": np.histogram(rates, bins=[0, 1e-9, 0.25, 0.5, 0.75, 1 - 1e-9, 1.1])[0].tolist(),
        "policy_entropy": -_mean(logprobs),
        "turn_tokens": _mean([len(turn.token_ids or ()) for turn in turns]),
        "rollout_tokens": _mean([r.trajectory.usage.completion_tokens for r in done]),
        "llm_calls": _mean([r.trajectory.usage.llm_calls for r in done]),
        "tool_calls": _mean([r.trajectory.usage.tool_calls for r in done]),
        "answered": _mean([r.trajectory.stop.kind == "answered" for r in done]),
        "masked_share": chosen.masked / max(1, chosen.rollouts),
        "negative_share": _mean([r.outcome == "masked" for r in done]),
        "failed_share": chosen.failed / max(1, chosen.rollouts),
        "infra_share": _mean([met_infrastructure(r.trajectory) for group in groups for r in group.rollouts]),
        "signal_groups": chosen.signal,
        "forks": chosen.forks,
        "dropped_ids": chosen.dropped_ids,
        "oldest_version": min(versions, default=0),
        "newest_version": max(versions, default=0),
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _reached(recent: Sequence[float], config: RLConfig) -> bool:
    return len(recent) == _RECENT and _mean(recent) >= config.stop_reward


OnRLStep = Callable[[int, dict[str, Any], list[Group]], None]


async def train_rl(
    trainer: RLTrainer,
    renderer: Renderer,
    pool: TaskPool,
    scheduler: Callable[[Callable[[], Any]], RolloutScheduler],
    folder: Path,
    *,
    on_step: OnRLStep = lambda step, metrics, groups: None,
) -> None:
    """Train until `steps` or `stop_reward`; in `folder` are then `metrics.jsonl` and `checkpoint/`.

    `scheduler` makes the scheduler over a function that gives tasks. Called again, it goes on from the last checkpoint.
    """
    config = trainer.config
    state = load_checkpoint(folder / CHECKPOINT, trainer.model, trainer.optimizer)
    rollouts = scheduler(pool.take)
    recent: list[float] = []
    first = version = 0
    if state:
        first, recent, version = state["step"], state["recent"], state["version"]
        pool.restore(state["pool"])
        rollouts.restore(state["scheduler"])
    with trainer.policy.updating():  # what the sampler cached belongs to other weights
        pass
    trainer.policy.policy_version = version
    try:
        # One thread for all updates: memory that glibc frees in a thread is kept for that thread, gigabytes in each.
        with MetricsLog(folder, from_step=first) as log, ThreadPoolExecutor(1, "updates") as updates:
            for step in range(first, config.steps):
                if _reached(recent, config):
                    break
                began = time.perf_counter()
                groups = await rollouts.batch(step)
                sampled = time.perf_counter()
                # In a thread, so that rollouts which may be ahead of this update go on meanwhile.
                metrics = await asyncio.get_running_loop().run_in_executor(updates, trainer.step, groups, step)
                for group in groups:
                    pool.record(group.task.id, group.pass_rate)
                metrics["active_histogram"] = pool.histogram()
                metrics["exchanged"] = pool.refresh(step + 1)
                metrics["sample_seconds"] = round(sampled - began, 3)
                metrics["seconds"] = round(time.perf_counter() - began, 3)
                recent = [*recent, metrics["reward"]][-_RECENT:]
                log.write(step, metrics)
                on_step(step, metrics, groups)
                last = step + 1 == config.steps or _reached(recent, config)
                if (step + 1) % config.checkpoint_steps == 0 or last:
                    kept = {
                        "step": step + 1,
                        "version": trainer.policy.policy_version,
                        "recent": recent,
                        "pool": pool.state(),
                        "scheduler": rollouts.state(),
                    }
                    save_checkpoint(folder / CHECKPOINT, trainer.model, renderer, trainer.optimizer, kept)
    finally:
        await rollouts.close()
