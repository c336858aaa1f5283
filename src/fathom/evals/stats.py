"""Scores over rounds, and how sure one may be of them.

Reference: Chen et al. 2021, Evaluating Large Language Models Trained on Code, section 2.1 (unbiased Pass@k); Efron 1979
(bootstrap; percentile intervals, items drawn and not attempts, since rounds of one item are not independent).
"""

from collections.abc import Sequence
from math import comb

import numpy as np

from fathom.core.model import Frozen
from fathom.core.seeds import derive_seed

RESAMPLES = 2000  # the 2.5 % tail then rests on 50 resamples
_BLOCK = 200  # resamples drawn at once, to bound memory


class Interval(Frozen):
    """A mean with its 95 % interval; all nan-free and in the units of the values."""

    mean: float
    low: float
    high: float


def mean(values: Sequence[float]) -> float:
    """The mean, 0 of nothing."""
    return sum(values) / len(values) if values else 0.0


def pass_at_k(attempts: int, correct: int, k: int) -> float:
    """The chance that of `k` attempts drawn without replacement from `attempts`, of which `correct` are right, at
    least one is. Raises `ValueError` unless 0 <= correct <= attempts and 1 <= k <= attempts."""
    if not (0 <= correct <= attempts and 1 <= k <= attempts):
        raise ValueError(f"pass@{k} of {correct} correct among {attempts} attempts")
    return 1.0 - comb(attempts - correct, k) / comb(attempts, k)


def best_at_1(scores_R_I: Sequence[Sequence[float]]) -> float:
    """The best round's mean. It flatters: it is the maximum of noisy means, and grows with the number of rounds."""
    return max((mean(round_scores) for round_scores in scores_R_I), default=0.0)


def bootstrap(values_I: Sequence[float], *, seed: int = 0, weights_I: Sequence[float] | None = None) -> Interval:
    """The mean over items and its 95 % percentile interval over `RESAMPLES` resamples of the items.

    With weights, the weighted mean: sums of values times weights over sums of weights, as for shares of counts; a
    resample without any weight counts as the whole sample's mean.
    """
    values = np.asarray(values_I, dtype=np.float64)
    if not len(values):
        return Interval(mean=0.0, low=0.0, high=0.0)
    weights = np.ones_like(values) if weights_I is None else np.asarray(weights_I, dtype=np.float64)
    if not weights.sum():
        return Interval(mean=0.0, low=0.0, high=0.0)
    centre = float((values * weights).sum() / weights.sum())
    generator = np.random.default_rng(derive_seed(seed, "bootstrap"))
    means: list[float] = []
    for _ in range(0, RESAMPLES, _BLOCK):
        drawn = generator.integers(0, len(values), size=(_BLOCK, len(values)))
        below = weights[drawn].sum(axis=1)
        above = (values * weights)[drawn].sum(axis=1)
        means += np.divide(above, below, out=np.full_like(above, centre), where=below > 0).tolist()
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(mean=centre, low=float(low), high=float(high))
