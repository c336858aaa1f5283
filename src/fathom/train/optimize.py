"""The optimizer, the learning rate over time, and one update: gradients over micro-batches, clipped, applied."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from pydantic import Field

from fathom.core.config import Config
from fathom.llm.local.lm import CausalLM
from fathom.train.data.batches import TokenBatch, micro_batches, padded
from fathom.train.data.rows import Row

BatchLoss = Callable[[CausalLM, TokenBatch], tuple[torch.Tensor, dict[str, float]]]
"""Sum of a batch's token losses (to be differentiated), and sums of what is worth knowing."""


class OptimizerConfig(Config):
    """AdamW with warm-up and decay."""

    lr: float = Field(default=3e-3, gt=0, description="highest learning rate")
    warmup_steps: int = Field(default=50, ge=0, description="steps of linear rise")
    final_lr: float = Field(default=0.1, ge=0, le=1, description="share of the learning rate at the last step")
    betas: tuple[float, float] = Field(default=(0.9, 0.95), description="AdamW's averages")
    weight_decay: float = Field(default=0.1, ge=0, description="on matrices, not on norms")
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    micro_tokens: int = Field(default=8192, ge=64, description="padded tokens that go through the model at once")


def make_optimizer(model: CausalLM, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW over the model's parameters; the fused kernel is ten times as fast on a CPU."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    norms = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": norms, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=True)


def learning_rate(config: OptimizerConfig, step: int, steps: int) -> float:
    """Linear rise, then half a cosine down to `final_lr` of the top at the last of `steps`."""
    if step < config.warmup_steps:
        return config.lr * (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, steps - 1 - config.warmup_steps)
    down = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return config.lr * (config.final_lr + (1 - config.final_lr) * down)


def update(
    model: CausalLM,
    optimizer: torch.optim.Optimizer,
    rows: Sequence[Row],
    loss: BatchLoss,
    config: OptimizerConfig,
    lr: float,
    *,
    trained: int | None = None,
    guard: AbstractContextManager[None] | None = None,
) -> dict[str, float]:
    """One update from all `rows`: the sum of their token losses over the number of trained tokens, or over `trained`
    where rows without gradient were left out. `guard` is held while the weights change.

    Gives `loss`, `grad_norm`, `lr`, `tokens`, `trained_tokens` and the means of what `loss` sums up. The result does
    not depend on how rows fall into micro-batches, but for rounding.
    """
    trained = trained or sum(row.trained for row in rows)
    sums: dict[str, float] = {}
    total = 0.0
    for batch in map(padded, micro_batches(rows, config.micro_tokens)):
        value, extra = loss(model, batch)
        (value / max(1, trained)).backward()  # type: ignore[no-untyped-call]
        total += value.item()
        for name, number in extra.items():
            sums[name] = sums.get(name, 0.0) + number
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
    for group in optimizer.param_groups:
        group["lr"] = lr
    with guard or nullcontext():
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    seen = sums.pop("seen_tokens", trained)
    means = {name: number / max(1, seen) for name, number in sums.items()}
    tokens = sum(len(row.ids) for row in rows)
    return {
        "loss": total / max(1, trained),
        "grad_norm": float(norm),
        "lr": lr,
        "tokens": tokens,
        "trained_tokens": trained,
        **means,
    }


def target_logits(model: CausalLM, batch: TokenBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """(logits_N_V, where_B_T): the logits that predict the N tokens with weight, and where those tokens stand.

    The output matrix is applied to those positions only: in an agent's rows most tokens are observations.
    """
    where = batch.weights_B_T != 0
    where[:, 0] = False  # nothing comes before it
    hidden = model.hidden(
        batch.ids_B_T[:, :-1],
        None if batch.positions_B_T is None else batch.positions_B_T[:, :-1],
        None if batch.mask_B_1_T_T is None else batch.mask_B_1_T_T[:, :, :-1, :-1],
    )
    return model.logits(hidden[where[:, 1:]]), where


def cross_entropy(model: CausalLM, batch: TokenBatch) -> tuple[torch.Tensor, dict[str, float]]:
    """The weighted sum of -log p(token | tokens before it), for CPT and SFT.

    Reference: WebDancer 2505.22648 eq. 2 (observation tokens carry no loss).
    """
    logits, where = target_logits(model, batch)
    losses = torch.nn.functional.cross_entropy(logits, batch.ids_B_T[where], reduction="none")
    return (losses * batch.weights_B_T[where]).sum(), {}
