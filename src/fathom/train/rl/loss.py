"""The token-level clipped surrogate.

Reference: Tongyi DeepResearch report 2510.24701 eq. 4; clip-higher and token-level mean from DAPO 2503.14476. No KL,
no entropy bonus.
"""

from collections.abc import Callable

import torch
from pydantic import Field
from torch import Tensor

from fathom.core.config import Config
from fathom.llm.local.lm import CausalLM
from fathom.train.data.batches import TokenBatch
from fathom.train.optimize import target_logits


class SurrogateConfig(Config):
    """Bounds of the importance ratio; the papers give none, these are DAPO's."""

    clip_low: float = Field(default=0.2, gt=0, lt=1, description="how far below 1 the ratio counts")
    clip_high: float = Field(default=0.28, gt=0, description="how far above 1; more room for unlikely tokens")


def token_losses(logprobs_N: Tensor, old_logprobs_N: Tensor, advantages_N: Tensor, config: SurrogateConfig) -> Tensor:
    """-min(r A, clip(r) A) for each token, r = exp(logprob - old logprob)."""
    ratio_N = (logprobs_N - old_logprobs_N).exp()
    clipped_N = ratio_N.clamp(1 - config.clip_low, 1 + config.clip_high)
    return -torch.minimum(ratio_N * advantages_N, clipped_N * advantages_N)


def surrogate(config: SurrogateConfig) -> Callable[[CausalLM, TokenBatch], tuple[Tensor, dict[str, float]]]:
    """The loss of a batch: its sum over tokens, and sums of ratio, entropy, clipping and KL to the sampling policy."""

    def loss(model: CausalLM, batch: TokenBatch) -> tuple[Tensor, dict[str, float]]:
        logits_N_V, where = target_logits(model, batch)
        all_logprobs_N_V = logits_N_V.log_softmax(-1)
        logprobs_N = all_logprobs_N_V.gather(-1, batch.ids_B_T[where][:, None]).squeeze(-1)
        old_N, advantages_N = batch.logprobs_B_T[where], batch.advantages_B_T[where]
        losses_N = token_losses(logprobs_N, old_N, advantages_N, config)
        with torch.no_grad():
            log_ratio_N = logprobs_N - old_N
            ratio_N = log_ratio_N.exp()
            clipped_N = (ratio_N < 1 - config.clip_low) | (ratio_N > 1 + config.clip_high)
            sums = {
                "ratio": ratio_N.sum().item(),
                "ratio_error": (ratio_N - 1).abs().sum().item(),
                "clipped": clipped_N.sum().item(),
                "mismatch_kl": (ratio_N - 1 - log_ratio_N).sum().item(),
                "entropy": -(all_logprobs_N_V.exp() * all_logprobs_N_V).sum().item(),
                "seen_tokens": float(len(ratio_N)),
            }
        return (losses_N * batch.weights_B_T[where]).sum(), sums

    return loss
