"""Which rollouts carry gradient, and with what advantage.

Failed ones never do and are in no baseline. Masked ones (chosen negatives) carry none; by `scope` they still count in
their group's baseline ("loss") or do not ("group"). All rows of a rollout share its advantage, and however many rows it
has it is one member of its group.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field

from fathom.core.config import Config
from fathom.rollout.group import Group, Rollout
from fathom.train.data.rows import Row, rows_of_segments
from fathom.train.rl.advantage import AdvantageKind, group_advantages


class SelectConfig(Config):
    """Choice of gradient."""

    advantage: AdvantageKind = Field(default="leave_one_out", description="baseline of a group")
    mask_negatives: bool = Field(default=True, description="leave chosen negatives out of the loss")
    scope: Literal["loss", "group"] = Field(default="loss", description="what masked ones are left out of")


class Selected(NamedTuple):
    """`rows` have gradient; `trained_tokens` counts the policy's tokens of all rollouts in the loss, those of zero
    advantage too. The counts are of rollouts; `forks` and `dropped_ids` say, over the rollouts in the loss, how far
    prompts departed from what was sampled."""

    rows: tuple[Row, ...]
    trained_tokens: int
    scored: int
    masked: int
    failed: int
    signal: int
    forks: int
    dropped_ids: int
    rollouts: int


def advantages(group: Group, config: SelectConfig) -> dict[int, float]:
    """The advantage of each rollout in the loss, by its place in the group."""
    masked = {n for n, r in enumerate(group.rollouts) if r.outcome == "masked" and config.mask_negatives}
    members = [
        n
        for n, rollout in enumerate(group.rollouts)
        if rollout.outcome != "failed" and not (config.scope == "group" and n in masked)
    ]
    rewards_G = np.array([group.rollouts[n].reward for n in members], dtype=np.float64)
    found = group_advantages(rewards_G, config.advantage)
    return {n: float(value) for n, value in zip(members, found, strict=True) if n not in masked}


def select(groups: Sequence[Group], config: SelectConfig) -> Selected:
    """Rows and counts of a batch of groups."""
    rows: list[Row] = []
    trained = signal = forks = dropped = in_loss = 0
    for group in groups:
        found = advantages(group, config)
        in_loss += len(found)
        signal += any(found.values())
        for place, advantage in found.items():
            built = rows_of_segments(group.rollouts[place].trajectory.segments, advantage)
            forks += built.forks
            dropped += built.dropped_ids
            trained += sum(row.trained for row in built.rows)
            rows += built.rows if advantage else ()
    everyone = [rollout for group in groups for rollout in group.rollouts]
    failed = _count(everyone, "failed")
    return Selected(
        rows=tuple(rows),
        trained_tokens=trained,
        scored=in_loss,
        masked=len(everyone) - failed - in_loss,
        failed=failed,
        signal=signal,
        forks=forks,
        dropped_ids=dropped,
        rollouts=len(everyone),
    )


def _count(rollouts: Sequence[Rollout], outcome: str) -> int:
    return sum(rollout.outcome == outcome for rollout in rollouts)
