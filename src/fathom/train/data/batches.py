"""Rows to batches: which rows make a step, which of them go through the model together, and as what tensors.

A step is a set of rows whose tokens fit a budget; what is in which step depends on the rows and the seed alone, so a
run that resumes at step n sees what it would have seen. Within a step rows of similar length share a padded
micro-batch, or are packed end to end under a mask that keeps them apart.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fathom.core.seeds import derive_seed
from fathom.train.data.rows import Row


class TokenBatch(NamedTuple):
    """B sequences of T tokens. The weight, advantage and log-probability at t belong to the token at t, which is
    predicted from t - 1. Without a mask every position sees those before it; `positions` and `mask` are set where rows
    were packed."""

    ids_B_T: Tensor
    weights_B_T: Tensor
    advantages_B_T: Tensor
    logprobs_B_T: Tensor
    positions_B_T: Tensor | None = None
    mask_B_1_T_T: Tensor | None = None


def plan_steps(lengths: Sequence[int], tokens_per_step: int, epochs: float, seed: int | None) -> list[list[int]]:
    """The rows of each step, as indices: epochs, shuffled unless the seed is None, cut into steps of at most
    `tokens_per_step` tokens.

    A row longer than that is a step of its own. A fraction of an epoch takes the first rows of its shuffle; there
    is at least one in all.
    """
    order: list[int] = []
    for epoch in range(int(np.ceil(epochs))):
        shuffled = np.arange(len(lengths))
        if seed is not None:
            shuffled = np.random.default_rng(derive_seed(seed, "epoch", epoch)).permutation(shuffled)
        share = round(len(lengths) * min(1.0, epochs - epoch))
        order += shuffled[: share if epoch else max(1, share)].tolist()
    steps: list[list[int]] = []
    room = 0
    for index in order:
        if not steps or lengths[index] > room:
            steps.append([])
            room = tokens_per_step
        steps[-1].append(index)
        room -= lengths[index]
    return steps


def micro_batches(rows: Sequence[Row], tokens: int) -> Iterator[list[Row]]:
    """The rows by length, in groups of at most `tokens` tokens once padded; a longer row stands alone."""
    group: list[Row] = []
    for row in sorted(rows, key=lambda row: len(row.ids)):
        if group and len(row.ids) * (len(group) + 1) > tokens:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def padded(rows: Sequence[Row], pad_id: int = 0) -> TokenBatch:
    """One row of the batch for each, padded on the right with weight 0."""
    T = max(len(row.ids) for row in rows)
    ids = np.full((len(rows), T), pad_id, np.int64)
    weights, advantages, logprobs = np.zeros((3, len(rows), T), np.float32)
    for at, row in enumerate(rows):
        ids[at, : len(row.ids)] = row.ids
        weights[at, : len(row.weights)] = row.weights
        advantages[at, : len(row.advantages)] = row.advantages
        logprobs[at, : len(row.logprobs)] = row.logprobs
    return TokenBatch(*map(torch.from_numpy, (ids, weights, advantages, logprobs)))


def packed(rows: Sequence[Row], length: int, pad_id: int = 0) -> TokenBatch:
    """Rows end to end in sequences of `length` tokens, longest first into the first with room, each seeing itself only
    and counting positions from 0. A longer row is a sequence of its own."""
    bins: list[list[Row]] = []
    room: list[int] = []
    for row in sorted(rows, key=lambda row: -len(row.ids)):
        at = next((n for n, left in enumerate(room) if left >= len(row.ids)), len(bins))
        if at == len(bins):
            bins.append([])
            room.append(length)
        bins[at].append(row)
        room[at] -= len(row.ids)
    batch = padded([_joined(each) for each in bins], pad_id)
    B, T = batch.ids_B_T.shape
    owner, positions = np.full((B, T), -1), np.zeros((B, T), np.int64)
    for b, each in enumerate(bins):
        start = 0
        for n, row in enumerate(each):
            owner[b, start : start + len(row.ids)] = n
            positions[b, start : start + len(row.ids)] = np.arange(len(row.ids))
            batch.weights_B_T[b, start] = 0.0  # nothing in its own row comes before it
            start += len(row.ids)
    same = torch.from_numpy(owner[:, :, None] == owner[:, None, :])
    mask = (same & torch.ones(T, T, dtype=torch.bool).tril())[:, None]
    return batch._replace(positions_B_T=torch.from_numpy(positions), mask_B_1_T_T=mask)


def _joined(rows: Sequence[Row]) -> Row:
    """All rows as one; fields a row has not are zero."""
    zeros = [(0.0,) * len(row.ids) for row in rows]
    return Row(
        ids=tuple(chain.from_iterable(row.ids for row in rows)),
        weights=tuple(chain.from_iterable(row.weights for row in rows)),
        advantages=tuple(chain.from_iterable(r.advantages or z for r, z in zip(rows, zeros, strict=True))),
        logprobs=tuple(chain.from_iterable(r.logprobs or z for r, z in zip(rows, zeros, strict=True))),
    )
