"""Choosing among given texts: how probable is each of them to a model that may write nothing else.

The options' tokens form a tree. Where it branches, the model's probabilities of the branches, scaled to sum to one, are
what decoding constrained to the options would draw from; an option's probability is the product along its path. So N
options cost as many model steps as there are branchings, mostly one to three, however long they are, where scoring each
option whole would cost one step per token.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

Branches = Callable[[tuple[int, ...], Sequence[int]], Mapping[int, float]]
_TINY = 1e-38  # the smallest probability told apart from none


def option_logprobs(options: Sequence[Sequence[int]], end: int, branches: Branches) -> tuple[float, ...]:
    """Log-probabilities (nats) of options given as token ids; their exponentials sum to one. `end` is the token that
    ends a reply. `branches(path, tokens)` gives the probability of each of `tokens` after `path`, up to a factor.
    Equal options share the probability of their path equally."""
    paths = [(*option, end) for option in options]
    scores = [0.0] * len(paths)
    open_groups = [(0, list(range(len(paths))))]
    while open_groups:
        depth, group = open_groups.pop()
        by_token: dict[int, list[int]] = defaultdict(list)
        for index in group:
            if depth < len(paths[index]):
                by_token[paths[index][depth]].append(index)
        if not by_token:  # equal options, to their end
            for index in group:
                scores[index] -= math.log(len(group))
            continue
        if len(by_token) > 1:
            _add_step(scores, by_token, branches(paths[group[0]][:depth], list(by_token)))
        # Reversed, so that the tree is walked left to right and each step extends the last one's prompt where it can.
        open_groups.extend((depth + 1, rest) for rest in reversed(by_token.values()) if len(rest) > 1)
    return tuple(scores)


def _add_step(scores: list[float], by_token: Mapping[int, list[int]], given: Mapping[int, float]) -> None:
    weights = {token: max(given.get(token, 0.0), _TINY) for token in by_token}
    total = sum(weights.values())
    for token, group in by_token.items():
        for index in group:
            scores[index] += math.log(weights[token] / total)
