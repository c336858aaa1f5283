"""Fresh weights: normal ones, or a start from which a model learns to copy out of its context much sooner.

Copying a name takes two steps that a model made of noise has to find one after the other: heads that look at the token
before, and heads of the next layer that look for what followed an earlier occurrence of the token at hand, and say it.
The `recall` start has the beginning of both. All of it is trained like any other weight.

Reference: Olsson et al. 2022, "In-context learning and induction heads" (2209.11895): the circuit. Trockman and Kolter
2023, "Mimetic initialization of self-attention layers" (2305.09828): queries and keys that agree, values and outputs
that are each other's transpose.
Differs from the papers: the circuit is put in, not found; previous-token heads by rotated biases.
"""

import torch
from torch import Tensor, nn

from fathom.llm.local.lm import Attention, CausalLM

_EMBEDDED = 0.2  # standard deviation of embeddings: what a block adds at first must not drown the token itself
_EARLIER, _FOUND = 1.5, 5.0  # what the first and second layer carry into the stream, in sizes of an embedding
_AGREE, _AGREE_LATER = 2.0, 0.8  # size of queries and keys in their common basis, in the second layer and after it
_NOISE = 0.3  # share of the normal numbers that stays in them
_SLOW = 0.02  # radians a position: rotary pairs that turn faster know no token two hundred positions away
_LOOK_BACK = 8.0  # size of the biases in each of the fastest rotary pairs
_PAIRS = 5


def initialise(model: CausalLM, generator: torch.Generator) -> CausalLM:
    """Fill the weights as the model's configuration says, and give the model."""
    with torch.no_grad():
        _normal(model, generator)
        if model.config.start == "recall":
            _recall(model, generator)
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


def _recall(model: CausalLM, generator: torch.Generator) -> None:
    """First layer: the token before comes into the stream, turned, so that it is not mistaken for the one at hand.
    Second layer: where the token before was the one at hand, take over what stands there. Later ones look for their
    like and say nothing yet."""
    config = model.config
    model.model.embed_tokens.weight.mul_(_EMBEDDED / config.init_std)
    attentions = [module for module in model.modules() if isinstance(module, Attention)]
    turn = _orthogonal(config.width, generator)
    straight = torch.eye(config.width)
    first, second, *later = attentions
    _look_back(first, model.frequencies)
    _carry(first, turn, _EARLIER * _EMBEDDED, generator)
    _seek(second, turn, _AGREE, model.frequencies <= max(_SLOW, float(model.frequencies[-1])), generator)
    _carry(second, straight, _FOUND * _EMBEDDED, generator)
    for attention in later:
        _seek(attention, straight, _AGREE_LATER, torch.ones_like(model.frequencies, dtype=torch.bool), generator)
        _carry(attention, straight, 0.0, generator)


def _seek(attention: Attention, turn_D_D: Tensor, size: float, pairs_C2: Tensor, generator: torch.Generator) -> None:
    """Queries meet the keys of positions whose stream, turned back, is like their own. `pairs_C2` says which of the C/2
    rotary pairs take part."""
    rows = attention.kv_heads * attention.head_width
    basis = _orthogonal(len(turn_D_D), generator)[:rows]
    basis *= pairs_C2.float().repeat(2 * attention.kv_heads)[:, None]
    attention.q_proj.weight.mul_(_NOISE).add_(_for_queries(basis, attention), alpha=size)
    attention.k_proj.weight.mul_(_NOISE).add_(basis @ turn_D_D.T, alpha=size)


def _carry(attention: Attention, turn_D_D: Tensor, size: float, generator: torch.Generator) -> None:
    """What is attended to comes into the stream, turned, at that size."""
    group = attention.heads // attention.kv_heads
    basis = _orthogonal(len(turn_D_D), generator)[: attention.kv_heads * attention.head_width]
    attention.v_proj.weight.copy_(basis)
    attention.o_proj.weight.copy_(turn_D_D @ _for_queries(basis, attention).T * (size / group))


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
