"""Fresh weights: normal ones, or a start from which a model learns to copy out of its context sooner.

Copying takes two steps that a model made of noise has to find one after the other: heads that look at the token before,
and heads of a later layer that look for what follows an earlier occurrence of the token at hand. The `recall` start
gives it the beginning of both. All of it is trained like any other weight.

Reference: Trockman and Kolter 2023, "Mimetic initialization of self-attention layers" (2305.09828): queries and keys
that agree, values and outputs that are each other's transpose. Olsson et al. 2022, "In-context learning and induction
heads" (2209.11895): previous-token heads.
Differs from the papers: one orthogonal matrix for all heads of a layer; previous-token heads by rotated biases.
"""

import torch
from torch import Tensor, nn

from fathom.llm.local.lm import Attention, CausalLM, LMConfig

_AGREE = 0.8  # size of queries and keys in their common basis
_NOISE = 0.5  # share of the normal numbers that stays in them
_CARRY = 0.7  # of what is attended to, how much goes into the stream
_LOOK_BACK = 4.0  # size of the biases in each of the fastest rotary pairs
_PAIRS = 5


def initialise(model: CausalLM, generator: torch.Generator) -> CausalLM:
    """Fill the weights as the model's configuration says, and give the model."""
    with torch.no_grad():
        _normal(model, generator)
        if model.config.start == "recall":
            attentions = [module for module in model.modules() if isinstance(module, Attention)]
            for attention in attentions:
                _mimetic(attention, model.config, generator)
            _look_back(attentions[0], model.frequencies)
    return model


def _normal(model: CausalLM, generator: torch.Generator) -> None:
    """Small normal numbers, in the projections back into the stream scaled down by depth."""
    std = model.config.init_std
    for name, parameter in model.named_parameters():
        if name.endswith(".bias"):
            nn.init.zeros_(parameter)
        elif parameter.dim() == 1:
            nn.init.ones_(parameter)
        else:
            back = name.endswith(("o_proj.weight", "down_proj.weight"))
            scale = (2 * model.config.layers) ** -0.5 if back else 1.0
            nn.init.normal_(parameter, std=std * scale, generator=generator)


def _mimetic(attention: Attention, config: LMConfig, generator: torch.Generator) -> None:
    """Each token looks for its like, and carries what it finds as it is."""
    group = attention.heads // attention.kv_heads
    rows = attention.kv_heads * attention.head_width
    for weight in (attention.q_proj.weight, attention.k_proj.weight):
        weight.mul_(_NOISE)
    like, carried = (_orthogonal(config.width, generator)[:rows] for _ in range(2))
    attention.q_proj.weight.add_(_for_queries(like, attention), alpha=_AGREE)
    attention.k_proj.weight.add_(like, alpha=_AGREE)
    attention.v_proj.weight.copy_(carried * _CARRY**0.5)
    attention.o_proj.weight.copy_(_for_queries(carried, attention).T * (_CARRY**0.5 / group))


def _for_queries(rows_KC_D: Tensor, attention: Attention) -> Tensor:
    """The rows of each key head for every query head that reads it, HC x D."""
    heads = rows_KC_D.view(attention.kv_heads, attention.head_width, -1)
    return heads.repeat_interleave(attention.heads // attention.kv_heads, dim=0).flatten(0, 1)


def _orthogonal(size: int, generator: torch.Generator) -> Tensor:
    found: Tensor = torch.linalg.qr(torch.randn(size, size, generator=generator)).Q
    return found


def _look_back(attention: Attention, frequencies: Tensor) -> None:
    """All heads but the last attend to the position before: their queries' bias is that of the keys, rotated back by
    one."""
    half = attention.head_width // 2
    bias = torch.zeros(half)
    bias[:_PAIRS] = _LOOK_BACK
    key = torch.cat((bias, torch.zeros(half)))
    query = torch.cat((bias * frequencies.cos(), -bias * frequencies.sin()))
    group = attention.heads // attention.kv_heads
    for head in range(max(1, attention.kv_heads - 1)):
        attention.k_proj.bias.view(attention.kv_heads, -1)[head] = key
        attention.q_proj.bias.view(attention.heads, -1)[head * group : (head + 1) * group] = query
