"""The starts of a fresh model: what the recall start has heads do before any training."""

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from fathom.llm.local.lm import Attention, LMConfig
from fathom.llm.local.load import fresh_model

CONFIG = LMConfig(
    vocab_size=200,
    width=64,
    layers=2,
    heads=4,
    kv_heads=2,
    mlp_width=96,
    rope_theta=500.0,
    attention_bias=True,
    start="recall",
)


def weights_H_T_T(attention: Attention, x_T_D: Tensor, frequencies: Tensor) -> Tensor:
    """Attention weights, written out anew from the definition of rotary positions."""
    T, C = len(x_T_D), attention.head_width
    q = attention.q_proj(x_T_D).view(T, attention.heads, C)
    k = attention.k_proj(x_T_D).view(T, attention.kv_heads, C)
    k = k.repeat_interleave(attention.heads // attention.kv_heads, dim=1)
    turn = torch.polar(torch.ones(T, C // 2), torch.arange(T)[:, None] * frequencies)[:, None]
    q, k = (torch.complex(x[..., : C // 2], x[..., C // 2 :]) * turn for x in (q, k))
    scores = torch.einsum("thc,shc->hts", q, k.conj()).real / C**0.5
    return scores.masked_fill(~torch.ones(T, T).tril().bool(), -torch.inf).softmax(-1)


def seen(start: str, layer: int) -> Tensor:
    """Attention weights of a layer on what it would see of random tokens of which none comes twice."""
    config = CONFIG.model_copy(update={"start": start})
    model = fresh_model(config, 1)
    ids = torch.randperm(200, generator=torch.Generator().manual_seed(2))[:60]
    with torch.no_grad():
        x = model.model.layers[layer].input_layernorm(model.model.embed_tokens(ids))
        return weights_H_T_T(model.model.layers[layer].self_attn, x, model.frequencies)


def test_heads_of_the_first_layer_look_at_the_token_before() -> None:
    before = seen("recall", 0).diagonal(-1, 1, 2)[:2].mean()  # those of the first of two key heads
    assert before > 0.25
    assert before > 3 * seen("normal", 0).diagonal(-1, 1, 2)[:2].mean()


def test_heads_look_for_the_like_of_a_token() -> None:
    model = fresh_model(CONFIG, 1)
    ids = torch.randperm(200, generator=torch.Generator().manual_seed(2))[:40]
    ids = torch.cat((ids, ids[-3:-2]))
    with torch.no_grad():
        x = model.model.layers[1].input_layernorm(model.model.embed_tokens(ids))
        last = weights_H_T_T(model.model.layers[1].self_attn, x, model.frequencies)[:, -1]
    assert (last[:, -4] > 3 * last[:, :-4].mean(1)).all()


def test_what_is_attended_to_is_carried_as_it_is() -> None:
    attention = fresh_model(CONFIG, 1).model.layers[0].self_attn
    x = torch.randn(50, 64, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        values = attention.v_proj(x).view(50, 2, 16).repeat_interleave(2, dim=1).flatten(1)
        carried = attention.o_proj(values)
    # Onto the 32 of 64 directions that two key heads of 16 hold.
    assert torch.nn.functional.cosine_similarity(carried, x).mean() > 0.6


def test_the_recall_start_needs_biases() -> None:
    with pytest.raises(ValidationError, match="needs attention_bias"):
        LMConfig(start="recall")
