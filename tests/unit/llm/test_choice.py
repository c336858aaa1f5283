"""Choosing over the tree of options, against enumeration by hand."""

import math
import random
from collections.abc import Sequence

import pytest

from fathom.llm.choice import option_logprobs

END = 0


def test_options_that_part_at_once_take_one_step() -> None:
    steps: list[tuple[int, ...]] = []

    def branches(path: tuple[int, ...], tokens: Sequence[int]) -> dict[int, float]:
        steps.append(path)
        return {1: 0.2, 2: 0.6}

    scores = option_logprobs([[1, 9, 9, 9], [2, 8, 8]], END, branches)
    assert [math.exp(score) for score in scores] == pytest.approx([0.25, 0.75])
    assert steps == [()]


def test_one_option_takes_no_step_and_is_sure() -> None:
    assert option_logprobs([[1, 2]], END, lambda path, tokens: {}) == (0.0,)


def test_an_option_that_begins_another_is_told_apart_by_the_end() -> None:
    scores = option_logprobs([[1], [1, 2]], END, lambda path, tokens: {END: 3.0, 2: 1.0})
    assert [math.exp(score) for score in scores] == pytest.approx([0.75, 0.25])


def test_equal_options_share_and_missing_branches_are_next_to_impossible() -> None:
    scores = option_logprobs([[1], [2], [1]], END, lambda path, tokens: {1: 0.5})
    assert [math.exp(score) for score in scores] == pytest.approx([0.5, 0.0, 0.5])
    assert all(math.isfinite(score) for score in scores)


def test_probabilities_are_those_of_constrained_decoding() -> None:
    rng = random.Random(1)
    for _ in range(50):
        options = list({tuple(rng.choices([1, 2, 3], k=rng.randint(0, 4))) for _ in range(6)})
        table: dict[tuple[tuple[int, ...], int], float] = {}

        def weight(path: tuple[int, ...], token: int, table: dict = table) -> float:  # type: ignore[type-arg]
            return float(table.setdefault((path, token), rng.random() + 0.01))

        scores = option_logprobs(options, END, lambda path, tokens: {token: weight(path, token) for token in tokens})
        for option, score in zip(options, scores, strict=True):
            expected, ended = 1.0, (*option, END)
            for depth, token in enumerate(ended):
                alive = {(*other, END)[depth] for other in options if (*other, END)[:depth] == ended[:depth]}
                if len(alive) > 1:
                    expected *= weight(ended[:depth], token) / sum(weight(ended[:depth], other) for other in alive)
            assert math.exp(score) == pytest.approx(expected)
        assert sum(map(math.exp, scores)) == pytest.approx(1.0)
