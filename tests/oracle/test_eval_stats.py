"""Pass@k by enumeration of all draws, and the bootstrap against the exact distribution of resampled means."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.evals.stats import best_at_1, bootstrap, pass_at_k


@settings(max_examples=60)
@given(st.data())
def test_pass_at_k_is_the_share_of_draws_with_a_right_one(data: st.DataObject) -> None:
    attempts = data.draw(st.integers(1, 8))
    correct, k = data.draw(st.integers(0, attempts)), data.draw(st.integers(1, attempts))
    draws = list(combinations([True] * correct + [False] * (attempts - correct), k))
    assert pass_at_k(attempts, correct, k) == pytest.approx(sum(map(any, draws)) / len(draws))


@pytest.mark.parametrize(("attempts", "correct", "k"), [(3, 4, 1), (3, -1, 1), (3, 1, 4), (3, 1, 0)])
def test_pass_at_k_refuses_what_has_no_meaning(attempts: int, correct: int, k: int) -> None:
    with pytest.raises(ValueError, match="pass@"):
        pass_at_k(attempts, correct, k)


def test_bootstrap_agrees_with_all_resamples_of_five_items() -> None:
    values = [0.0, 0.1, 0.5, 0.7, 1.0]
    means = [sum(drawn) / 5 for drawn in product(values, repeat=5)]
    found = bootstrap(values, seed=3)
    assert found.mean == pytest.approx(0.46)
    assert found.low == pytest.approx(np.quantile(means, 0.025), abs=0.03)
    assert found.high == pytest.approx(np.quantile(means, 0.975), abs=0.03)


def test_bootstrap_of_weights_agrees_with_all_resamples_of_shares() -> None:
    found_I, known_I = [1, 0, 3, 2, 1], [2, 2, 3, 4, 7]
    draws = list(product(range(5), repeat=5))
    shares = np.array([sum(found_I[i] for i in d) / sum(known_I[i] for i in d) for d in draws])
    interval = bootstrap([f / k for f, k in zip(found_I, known_I, strict=True)], weights_I=known_I)
    assert interval.mean == pytest.approx(7 / 18)
    # Shares come in lumps, so the bounds are compared by how much lies on either side of them.
    for bound, share in ((interval.low, 0.025), (interval.high, 0.975)):
        assert (shares < bound - 1e-9).mean() <= share + 0.012
        assert (shares <= bound + 1e-9).mean() >= share - 0.012


def test_bootstrap_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    hits = 0
    for trial in range(100):
        interval = bootstrap(generator.binomial(1, 0.3, 80).tolist(), seed=trial)
        hits += interval.low <= 0.3 <= interval.high
    assert 87 <= hits <= 100


def test_bootstrap_repeats_itself_and_depends_on_the_seed() -> None:
    values = np.random.default_rng(1).random(40).tolist()
    assert bootstrap(values, seed=1) == bootstrap(values, seed=1)
    assert bootstrap(values, seed=1) != bootstrap(values, seed=2)


def test_nothing_gives_zero() -> None:
    assert bootstrap([]).mean == bootstrap([0.0], weights_I=[0]).mean == best_at_1([]) == 0.0
