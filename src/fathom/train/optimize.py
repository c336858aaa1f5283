"""The optimizer, the learning rate over time, and one update: gradients over micro-batches, clipped, applied."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import TrainingFault
from fathom.llm.local.lm import CausalLM
from fathom.train.data.batches import TokenBatch, micro_batches, packed, padded
from fathom.train.data.rows import Row
from fathom.train.muon import Muon

BatchLoss = Callable[[CausalLM, TokenBatch], tuple[torch.Tensor, dict[str, float]]]
"""Sum of a batch's token losses (to be differentiated), and sums of what is worth knowing."""


class OptimizerConfig(Config):
    """An optimizer with warm-up and decay: AdamW for everything, or Muon for the matrices inside the blocks."""

    kind: Literal["adamw", "muon"] = Field(default="adamw", description="what moves the matrices inside the blocks")
    lr: float = Field(default=3e-3, gt=0, description="highest learning rate of AdamW")
    matrix_lr: float = Field(default=0.02, gt=0, description="highest learning rate of Muon")
    warmup_steps: int = Field(default=50, ge=0, description="steps of linear rise")
    final_lr: float = Field(default=0.1, ge=0, le=1, description="share of the learning rate at the last step")
    betas: tuple[float, float] = Field(default=(0.9, 0.95), description="AdamW's averages")
    weight_decay: float = Field(default=0.1, ge=0, description="share of a matrix that a learning rate of 1 takes off")
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    micro_tokens: int = Field(default=8192, ge=64, description="padded tokens that go through the model at once")
    packing: int = Field(
        default=0, ge=0, description="tokens of the sequences that rows are packed in end to end; 0: rows are padded"
    )


class Optimizer:
    """One or two torch optimizers that step together. A group's `lr_ratio` is its learning rate over AdamW's."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self._parts = parts

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of all parts."""
        return [group for part in self._parts for group in part.param_groups]

    def step(self, lr: float) -> None:
        """One update at this learning rate of AdamW; gradients are forgotten afterwards."""
        for group in self.param_groups:
            group["lr"] = lr * group["lr_ratio"]
        for part in self._parts:
            part.step()
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """The state of all parts."""
        return {str(number): part.state_dict() for number, part in enumerate(self._parts)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be as when `state` was taken."""
        for number, part in enumerate(self._parts):
            part.load_state_dict(state[str(number)])


def make_optimizer(model: CausalLM, config: OptimizerConfig) -> Optimizer:
    """The optimizer of the configuration over the model's parameters; AdamW's fused kernel is ten times as fast on a
    CPU."""
    inside = [p for p in model.model.layers.parameters() if p.dim() > 1]
    outside = [p for name, p in model.named_parameters() if p.dim() > 1 and not name.startswith("model.layers.")]
    norms = [p for p in model.parameters() if p.dim() == 1]
    decayed = outside if config.kind == "muon" else [*outside, *inside]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay, "lr_ratio": 1.0},
        {"params": norms, "weight_decay": 0.0, "lr_ratio": 1.0},
    ]
    adamw = torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=True)
    if config.kind == "adamw":
        return Optimizer(adamw)
    ratio = config.matrix_lr / config.lr
    matrices = [{"params": inside, "lr_ratio": ratio}]
    return Optimizer(adamw, Muon(matrices, config.matrix_lr, weight_decay=config.weight_decay))


def learning_rate(config: OptimizerConfig, step: int, steps: int) -> float:
    """Linear rise, then half a cosine down to `final_lr` of the top at the last of `steps`."""
    if step < config.warmup_steps:
        return config.lr * (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, steps - 1 - config.warmup_steps)
    down = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return config.lr * (config.final_lr + (1 - config.final_lr) * down)


def update(
    model: CausalLM,
    optimizer: Optimizer,
    rows: Sequence[Row],
    loss: BatchLoss,
    config: OptimizerConfig,
    lr: float,
    *,
    trained: int | None = None,
    guard: AbstractContextManager[None] | None = None,
) -> dict[str, float]:
    """One update from all `rows`: the sum of their token losses over the number of trained tokens, or over `trained`
    where rows without gradient were left out. `guard` is held while the weights change. Raises `TrainingFault`,
    with the weights as they were, where the gradient is not finite.

    Gives `loss`, `grad_norm`, `lr`, `tokens`, `trained_tokens` and the means of what `loss` sums up. The result does
    not depend on how rows fall into micro-batches, but for rounding.
    """
    trained = trained or sum(row.trained for row in rows)
    sums: dict[str, float] = {}
    total = 0.0
    for batch in _batches(rows, config):
        value, extra = loss(model, batch)
        (value / max(1, trained)).backward()  # type: ignore[no-untyped-call]
        total += value.item()
        for name, number in extra.items():
            sums[name] = sums.get(name, 0.0) + number
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
    if not torch.isfinite(norm):
        raise TrainingFault(
            f"the gradient is {float(norm)} at a learning rate of {lr:.2g}", hint="lower the optimizer's lr"
        )
    with guard or nullcontext():
        optimizer.step(lr)
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


def _batches(rows: Sequence[Row], config: OptimizerConfig) -> Iterator[TokenBatch]:
    for group in micro_batches(rows, config.micro_tokens):
        yield packed(group, config.packing) if config.packing else padded(group)


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
