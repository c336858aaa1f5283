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


def recalled(start: str) -> float:
    """Share of the second half of a list of random tokens, said twice, that a fresh model foretells."""
    config = LMConfig(vocab_size=500, width=160, layers=3, heads=5, kv_heads=5, attention_bias=True)
    model = fresh_model(config.model_copy(update={"start": start}), 1)
    right = 0
    for seed in range(5):
        ids = torch.randperm(500, generator=torch.Generator().manual_seed(seed))[:40].repeat(2)
        with torch.no_grad():
            right += int((model(ids[None, :-1])[0, 40:].argmax(-1) == ids[41:]).sum())
    return right / (5 * 39)


def test_a_fresh_model_already_copies_what_followed() -> None:
    assert recalled("recall") > 0.2
    assert recalled("normal") < 0.05


def test_what_the_first_layer_attends_to_is_carried_turned() -> None:
    attention = fresh_model(CONFIG, 1).model.layers[0].self_attn
    x = torch.randn(50, 64, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        values = attention.v_proj(x).view(50, 2, 16).repeat_interleave(2, dim=1).flatten(1)
        carried = attention.o_proj(values)
    # Half of the directions are held by two key heads of 16; as a token of its own it is not to be recognised.
    assert carried.norm() / x.norm() == pytest.approx(1.5 * 0.2 / 2**0.5, rel=0.1)
    assert torch.nn.functional.cosine_similarity(carried, x).mean().abs() < 0.1


def test_later_layers_say_nothing_yet() -> None:
    attention = fresh_model(CONFIG.model_copy(update={"layers": 3}), 1).model.layers[2].self_attn
    assert not attention.o_proj.weight.any()


@pytest.mark.parametrize("missing", [{"attention_bias": False}, {"tied": False}, {"layers": 1}], ids=str)
def test_the_recall_start_needs_biases_tied_embeddings_and_two_layers(missing: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="attention_bias, tied embeddings and at least two layers"):
        LMConfig.model_validate({"start": "recall", "attention_bias": True, **missing})
