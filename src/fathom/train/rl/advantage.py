"""Group advantages: how much better a rollout was than the others at the same task.

Reference: Tongyi DeepResearch report 2510.24701 eq. 5 and text (leave-one-out, no division by the deviation).
Differs from the paper: eq. 5 prints the plain group mean; leave-one-out is G/(G-1) times that.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

AdvantageKind = Literal["leave_one_out", "mean", "std"]
_EPSILON = 1e-6  # added to the deviation, as GRPO does


def group_advantages(rewards_G: NDArray[np.float64], kind: AdvantageKind = "leave_one_out") -> NDArray[np.float64]:
    """Advantages_G. `leave_one_out`: reward minus the mean of the others; `mean`: minus the mean of all; `std`: that
    over the deviation. A group of one has nothing to compare with and gets zero."""
    G = len(rewards_G)
    if G < 2:
        return np.zeros(G)
    centred: NDArray[np.float64] = rewards_G - rewards_G.mean()
    if kind == "mean":
        return centred
    if kind == "std":
        return np.asarray(centred / (rewards_G.std() + _EPSILON))
    return centred * (G / (G - 1))
