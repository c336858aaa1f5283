"""Reciprocal rank fusion: several rankings of passages become one.

A passage scores the sum of 1 / (k + rank) over the rankings it is in, ranks from 1, k = 60. Only ranks count, so scores
that do not compare (BM25, cosines) need no calibration.

Reference: Cormack, Clarke and Büttcher, SIGIR 2009.
"""

from collections.abc import Sequence

K = 60
DEPTH = 100
"""How many of each ranking are fused."""


def fuse(rankings: Sequence[Sequence[int]], limit: int) -> list[tuple[int, float]]:
    """At most `limit` (passage id, fused score), best first, ties by id. Each ranking is ids, best first."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, number in enumerate(ranking, 1):
            scores[number] = scores.get(number, 0.0) + 1.0 / (K + rank)
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))[:limit]
