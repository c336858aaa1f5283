"""The key-value cache of many conversations at once: one slot each, kept across turns.

Axes: L layers, S slots, K key-value heads, P positions of a slot, C width of a head; B rows of a pass with T new
positions each. With the positions of a head side by side attention over the cache takes half the time.

A pass may see more positions than are filled; those are masked, and add zeros. So that nothing else changes with their
number, it goes in steps (`covering`) where the cache is to be invariant.
"""

import torch
from torch import Tensor

from fathom.llm.local.lm import LMConfig

_GROWTH = 256  # positions; slots grow in such steps, so that short conversations take little memory
# Attention on the CPU goes through the positions in blocks of 512, and MKL adds up a block in runs of 192. A block that
# holds from 193 to 383 is halved instead, so its sums round otherwise. Found by trial; tests/unit/llm/test_local.py
# tells where it no longer holds.
_BLOCK, _RUN, _VECTOR = 512, 192, 16


def covering(positions: int) -> int:
    """The least size of a pass that holds so many positions and adds them up as any larger one does."""
    whole, rest = divmod(positions, _BLOCK)
    if _RUN < rest < 2 * _RUN:
        rest = 2 * _RUN
    return whole * _BLOCK - (-rest // _VECTOR) * _VECTOR


class SlotCache:
    """Keys and values of `slots` conversations. Where it is `invariant`, a row sees the same bits in every pass."""

    def __init__(self, config: LMConfig, slots: int, invariant: bool = True) -> None:
        self.invariant = invariant
        self._shape = (config.layers, slots, config.kv_heads, config.width // config.heads)
        self._context = config.context
        self.positions = 0
        self.keys_L_S_K_P_C = self.values_L_S_K_P_C = torch.empty(0)

    def make_room(self, positions: int) -> None:
        """Let every slot hold at least so many positions. Those not filled are finite, since masking multiplies."""
        if positions <= self.positions:
            return
        wanted = min(covering(self._context), covering(-(-positions // _GROWTH) * _GROWTH))
        layers, slots, heads, width = self._shape
        for name in ("keys_L_S_K_P_C", "values_L_S_K_P_C"):
            larger = torch.zeros(layers, slots, heads, wanted, width)
            if self.positions:
                larger[:, :, :, : self.positions] = getattr(self, name)
            setattr(self, name, larger)
        self.positions = wanted

    def copy(self, source: int, target: int, positions: int) -> None:
        """Give the target slot the first positions of the source."""
        if not positions:  # and the cache may have no room yet
            return
        for cache in (self.keys_L_S_K_P_C, self.values_L_S_K_P_C):
            cache[:, target, :, :positions] = cache[:, source, :, :positions]

    def opened(self, rows: Tensor | slice, positions_B_T: Tensor, seen: int) -> "CachePass":
        """For one pass of the model over these slots: row b writes at `positions_B_T[b]`, none needs more than the
        first `seen` positions."""
        seen = covering(seen) if self.invariant else seen
        self.make_room(max(int(positions_B_T.max()) + 1, seen))
        return CachePass(self, rows, positions_B_T, seen)


class CachePass:
    """The cache as one pass of the model sees it. `mask` lets every new position see itself and those before it."""

    def __init__(self, cache: SlotCache, rows: Tensor | slice, positions_B_T: Tensor, seen: int) -> None:
        self._cache, self._rows, self._seen = cache, rows, seen
        self.query_rows = 4 if cache.invariant else 1
        count = positions_B_T.shape[0]
        at = torch.arange(count) if isinstance(rows, slice) else rows
        self._at_B_1, self._positions_B_T = at[:, None], positions_B_T
        self.mask_B_1_T_P = (torch.arange(seen) <= positions_B_T[..., None])[:, None]

    def store(self, layer: int, keys_B_K_T_C: Tensor, values_B_K_T_C: Tensor) -> None:
        """Keep the new positions."""
        caches = (self._cache.keys_L_S_K_P_C, self._cache.values_L_S_K_P_C)
        for cache, new in zip(caches, (keys_B_K_T_C, values_B_K_T_C), strict=True):
            cache[layer][self._at_B_1, :, self._positions_B_T] = new.transpose(1, 2)

    def extend(self, layer: int, keys_B_K_T_C: Tensor, values_B_K_T_C: Tensor) -> tuple[Tensor, Tensor]:
        """Store the new positions and give all the pass may see, B x K x P x C."""
        self.store(layer, keys_B_K_T_C, values_B_K_T_C)
        keys, values = self._cache.keys_L_S_K_P_C[layer], self._cache.values_L_S_K_P_C[layer]
        return keys[self._rows, :, : self._seen], values[self._rows, :, : self._seen]
