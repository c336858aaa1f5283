"""The key-value cache of many conversations at once: one slot each, kept across turns.

Axes: L layers, S slots, K key-value heads, P positions of a slot, C width of a head; B rows of a pass with T new
positions each. With the positions of a head side by side attention over the cache takes half the time.

A pass may see more positions than are filled; those are masked, and add zeros. So that nothing else changes with their
number, it goes in steps (`covering`) where the cache is to be invariant.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from fathom.llm.local.lm import LMConfig

_GROWTH = 256  # positions; slots grow in such steps, so that short conversations take little memory
# Attention on the CPU goes through the positions in blocks of 512, and MKL adds up a block in runs of 192. A block that
# holds from 193 to 383 is halved instead, so its sums round otherwise. Found by trial; tests/unit/llm/test_local.py
# tells where it no longer holds.
_BLOCK, _RUN, _VECTOR = 512, 192, 16
_CALL = 256  # positions of a row that are read in the time that one more call of attention takes


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

    def opened(self, slots_B: Sequence[int], positions_B_T: Tensor, needed_B: Sequence[int]) -> "CachePass":
        """For one pass of the model over these slots: row b writes at `positions_B_T[b]` and needs its slot's first
        `needed_B[b]` positions, none where nobody asks for what it finds."""
        needed = [max(1, count) for count in needed_B]
        if self.invariant:
            needed = [covering(count) for count in needed]
        self.make_room(max(int(positions_B_T.max()) + 1, *needed))
        return CachePass(self, slots_B, positions_B_T, needed)


class Stretch(NamedTuple):
    """Rows side by side, of slots side by side from `slot` on, that attend in one call: each sees `seen` positions."""

    start: int
    stop: int
    slot: int
    seen: int


class CachePass:
    """The cache as one pass of the model sees it: every new position sees itself and those before it."""

    def __init__(
        self, cache: SlotCache, slots_B: Sequence[int], positions_B_T: Tensor, needed_B: Sequence[int]
    ) -> None:
        self._cache = cache
        # Queries of one position are repeated to a multiple of so many: with fewer than four rows another kernel works,
        # which is faster but rounds otherwise.
        self._query_rows = 4 if cache.invariant else 1
        self._slots_B_1, self._positions_B_T = torch.tensor(slots_B)[:, None], positions_B_T
        self._mask_B_1_T_P = (torch.arange(max(needed_B)) <= positions_B_T[..., None])[:, None]
        self._stretches = stretches(slots_B, needed_B, spare=_CALL // positions_B_T.shape[1])

    def store(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Keep the new positions, B x K x T x C."""
        caches = (self._cache.keys_L_S_K_P_C, self._cache.values_L_S_K_P_C)
        for cache, new in zip(caches, (keys, values), strict=True):
            cache[layer][self._slots_B_1, :, self._positions_B_T] = new.transpose(1, 2)

    def attend(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Store the new positions, and attend to all that each row may see. Queries and result B x H x T x C."""
        self.store(layer, keys, values)
        k, v = self._cache.keys_L_S_K_P_C[layer], self._cache.values_L_S_K_P_C[layer]
        B, H, T, C = queries.shape
        K = k.shape[1]
        if T == 1:
            # The query heads of a group read the same keys: as rows of one product the keys need not be repeated.
            group = queries.view(B, K, H // K, C)
            queries = group.repeat(1, 1, self._query_rows // math.gcd(H // K, self._query_rows), 1)
        found = [
            functional.scaled_dot_product_attention(
                queries[start:stop],
                k[slot : slot + stop - start, :, :seen],  # a view: picking rows would copy them
                v[slot : slot + stop - start, :, :seen],
                self._mask_B_1_T_P[start:stop, ..., :seen],
                enable_gqa=T > 1 and K != H,
            )
            for start, stop, slot, seen in self._stretches
        ]
        y = found[0] if len(found) == 1 else torch.cat(found)
        return y[:, :, : H // K].reshape(B, H, 1, C) if T == 1 else y


def stretches(slots_B: Sequence[int], needed_B: Sequence[int], spare: int = _CALL) -> list[Stretch]:
    """The calls of attention that a pass takes: a row joins the one before where its slot is the next and where, for
    seeing as much as the longest of them needs, no more than `spare` further positions are read in vain."""
    found: list[Stretch] = []
    for row, (slot, needed) in enumerate(zip(slots_B, needed_B, strict=True)):
        if found:
            start, stop, first, seen = found[-1]
            longest = max(seen, needed)
            if slot == first + row - start and longest * (row + 1 - start) - seen * (stop - start) - needed <= spare:
                found[-1] = Stretch(start, row + 1, first, longest)
                continue
        found.append(Stretch(row, row + 1, slot, needed))
    return found
