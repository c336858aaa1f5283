"""`CausalLM`: a Llama-shaped language model in plain torch, small enough to read on one screen.

Its parameters have the names that `transformers` gives those of `LlamaForCausalLM`, so a state dict goes both ways as
it is. Written out here because the same weights are trained, and sampled with a key-value cache that requests enter and
leave at any step; transformers' own module is the oracle in the tests.

Axes: B rows, T positions, S positions attended to, D width, K key-value heads, C width of a head, V vocabulary.
"""

from typing import Literal, Protocol, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from fathom.core.config import Config


class LMConfig(Config):
    """The shape of a model. With the defaults it has 1.2 M parameters; recipes choose their own."""

    vocab_size: int = Field(default=2048, ge=8, description="token ids")
    width: int = Field(default=128, ge=8, description="size of the residual stream")
    layers: int = Field(default=5, ge=1, description="transformer blocks")
    heads: int = Field(default=4, ge=1, description="query heads; the width must be a multiple")
    kv_heads: int = Field(default=4, ge=1, description="key-value heads; the heads must be a multiple")
    mlp_width: int = Field(default=344, ge=8, description="inner size of the gated MLP; 8/3 of the width, as Llama")
    context: int = Field(default=2048, ge=16, description="longest sequence, in tokens")
    rope_theta: float = Field(default=10_000.0, gt=1, description="base of the rotary frequencies")
    norm_eps: float = Field(default=1e-5, gt=0, description="added to the mean square in RMSNorm")
    attention_bias: bool = Field(default=False, description="biases in attention, as Llama may have")
    tied: bool = Field(default=True, description="the output matrix is the embedding")
    init_std: float = Field(
        default=0.02,
        gt=0,
        description="of fresh weights; 0.02 as Llama and GPT-2, narrow ones want more; recall has its own",
    )
    start: Literal["normal", "recall"] = Field(
        default="normal", description="fresh weights; recall has the beginnings of copying"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.width % self.heads or self.heads % self.kv_heads or self.width // self.heads % 2:
            raise ValueError(
                f"{self.heads} heads do not divide a width of {self.width} into even parts, or are no multiple of "
                f"{self.kv_heads} key-value heads"
            )
        if self.start == "recall" and not (self.attention_bias and self.tied and self.layers > 1):
            raise ValueError("start = recall needs attention_bias, tied embeddings and at least two layers")
        return self


class LayerCache(Protocol):
    """Keys and values of earlier positions. `attend` takes those of the new ones, B x K x T x C, and gives what the
    queries (B x H x T x C) find in all of them; `store` only takes them."""

    def attend(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor: ...

    def store(self, layer: int, keys: Tensor, values: Tensor) -> None: ...


class Attention(nn.Module):
    """Causal self-attention with rotary positions."""

    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_width = config.heads, config.kv_heads, config.width // config.heads
        inner, kv_inner = config.heads * self.head_width, config.kv_heads * self.head_width
        self.q_proj = nn.Linear(config.width, inner, bias=config.attention_bias)
        self.k_proj = nn.Linear(config.width, kv_inner, bias=config.attention_bias)
        self.v_proj = nn.Linear(config.width, kv_inner, bias=config.attention_bias)
        self.o_proj = nn.Linear(inner, config.width, bias=config.attention_bias)

    def forward(
        self, x_B_T_D: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor | None, layer: int, cache: LayerCache | None
    ) -> Tensor:
        B, T, _ = x_B_T_D.shape
        q = _rotate(self.q_proj(x_B_T_D).view(B, T, self.heads, self.head_width).transpose(1, 2), *rotary)
        k, v = self.keys_values(x_B_T_D, rotary)
        if cache is not None:
            y = cache.attend(layer, q, k, v)
        else:
            grouped, causal = self.kv_heads != self.heads, mask is None
            y = functional.scaled_dot_product_attention(q, k, v, mask, is_causal=causal, enable_gqa=grouped)
        out: Tensor = self.o_proj(y.transpose(1, 2).reshape(B, T, -1))
        return out

    def keys_values(self, x_B_T_D: Tensor, rotary: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """What later positions attend to, each B x K x T x C."""
        B, T, _ = x_B_T_D.shape
        k = self.k_proj(x_B_T_D).view(B, T, self.kv_heads, self.head_width).transpose(1, 2)
        v = self.v_proj(x_B_T_D).view(B, T, self.kv_heads, self.head_width).transpose(1, 2)
        return _rotate(k, *rotary), v


class MLP(nn.Module):
    """Llama's gated MLP."""

    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.width, config.mlp_width, bias=False)
        self.up_proj = nn.Linear(config.width, config.mlp_width, bias=False)
        self.down_proj = nn.Linear(config.mlp_width, config.width, bias=False)

    def forward(self, x_B_T_D: Tensor) -> Tensor:
        out: Tensor = self.down_proj(functional.silu(self.gate_proj(x_B_T_D)) * self.up_proj(x_B_T_D))
        return out


class Block(nn.Module):
    """Attention, then the MLP, each on the normalised stream and added to it."""

    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = MLP(config)
        self.input_layernorm = nn.RMSNorm(config.width, eps=config.norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(config.width, eps=config.norm_eps)

    def forward(
        self, x_B_T_D: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor | None, layer: int, cache: LayerCache | None
    ) -> Tensor:
        x_B_T_D = x_B_T_D + self.self_attn(self.input_layernorm(x_B_T_D), rotary, mask, layer, cache)
        out: Tensor = x_B_T_D + self.mlp(self.post_attention_layernorm(x_B_T_D))
        return out


class Backbone(nn.Module):
    """Embedding, blocks, last norm."""

    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.width)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, eps=config.norm_eps)


class CausalLM(nn.Module):
    """Ids in, hidden states or logits out."""

    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Backbone(config)
        self.lm_head = nn.Linear(config.width, config.vocab_size, bias=False)
        if config.tied:
            self.lm_head.weight = self.model.embed_tokens.weight
        half = torch.arange(0, config.width // config.heads, 2, dtype=torch.float32) / (config.width // config.heads)
        self.register_buffer("frequencies", config.rope_theta**-half, persistent=False)
        self.frequencies: Tensor

    def hidden(
        self,
        ids_B_T: Tensor,
        positions_B_T: Tensor | None = None,
        mask: Tensor | None = None,
        cache: LayerCache | None = None,
    ) -> Tensor:
        """The last hidden states, B x T x D. Without a mask every position sees those before it in its row; a boolean
        mask (B x 1 x T x S, true where seen) says otherwise, and so does a cache. Positions count from 0 where none are
        given."""
        if positions_B_T is None:
            positions_B_T = torch.arange(ids_B_T.shape[1]).expand(ids_B_T.shape)
        rotary = self._rotary(positions_B_T)
        x = self.model.embed_tokens(ids_B_T)
        for layer, block in enumerate(self.model.layers):
            x = block(x, rotary, mask, layer, cache)
        out: Tensor = self.model.norm(x)
        return out

    def prefill(self, ids_B_T: Tensor, positions_B_T: Tensor, cache: LayerCache) -> None:
        """Only fill the cache, as `hidden` does. Of the last block nothing but keys and values is ever asked for."""
        rotary = self._rotary(positions_B_T)
        x = self.model.embed_tokens(ids_B_T)
        *blocks, last = self.model.layers
        assert isinstance(last, Block)
        for layer, block in enumerate(blocks):
            x = block(x, rotary, None, layer, cache)
        cache.store(len(blocks), *last.self_attn.keys_values(last.input_layernorm(x), rotary))

    def _rotary(self, positions_B_T: Tensor) -> tuple[Tensor, Tensor]:
        angles = positions_B_T[:, None, :, None].float() * self.frequencies
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos(), angles.sin()

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (... x V) of hidden states (... x D)."""
        out: Tensor = self.lm_head(hidden)
        return out

    def forward(self, ids_B_T: Tensor) -> Tensor:
        """Logits, B x T x V."""
        return self.logits(self.hidden(ids_B_T))


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin
