"""The RL maths against loops and hand-made cases."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fathom.train.rl.advantage import group_advantages
from fathom.train.rl.loss import SurrogateConfig, token_losses

REWARDS = st.lists(st.floats(0, 1), min_size=2, max_size=16)


@given(REWARDS)
def test_leave_one_out_is_the_reward_minus_the_mean_of_the_others(rewards: list[float]) -> None:
    found = group_advantages(np.array(rewards))
    for i, reward in enumerate(rewards):
        others = rewards[:i] + rewards[i + 1 :]
        assert found[i] == pytest.approx(reward - sum(others) / len(others), abs=1e-9)


@given(REWARDS)
def test_leave_one_out_is_a_multiple_of_the_mean_form(rewards: list[float]) -> None:
    G = len(rewards)
    mean = group_advantages(np.array(rewards), "mean")
    assert group_advantages(np.array(rewards)) == pytest.approx(G / (G - 1) * mean, abs=1e-9)
    assert sum(mean) == pytest.approx(0, abs=1e-9)


@given(REWARDS)
def test_the_other_forms_equal_loops(rewards: list[float]) -> None:
    mean = sum(rewards) / len(rewards)
    deviation = math.sqrt(sum((reward - mean) ** 2 for reward in rewards) / len(rewards))
    by_mean = group_advantages(np.array(rewards), "mean")
    by_std = group_advantages(np.array(rewards), "std")
    for i, reward in enumerate(rewards):
        assert by_mean[i] == pytest.approx(reward - mean, abs=1e-9)
        assert by_std[i] == pytest.approx((reward - mean) / (deviation + 1e-6), rel=1e-6, abs=1e-6)


def test_hand_made_groups() -> None:
    assert group_advantages(np.array([1.0, 0.0, 0.0, 0.0])).tolist() == pytest.approx([1, -1 / 3, -1 / 3, -1 / 3])
    assert group_advantages(np.array([1.0, 0.0]), "std").tolist() == pytest.approx([1, -1], abs=1e-4)
    assert group_advantages(np.array([1.0])).tolist() == [0.0]
    assert group_advantages(np.array([])).tolist() == []
    assert group_advantages(np.array([1.0, 1.0, 1.0]), "std").tolist() == [0, 0, 0]


def loop_loss(new: float, old: float, advantage: float, low: float, high: float) -> float:
    ratio = math.exp(new - old)
    clipped = min(max(ratio, 1 - low), 1 + high)
    return -min(ratio * advantage, clipped * advantage)


@given(
    st.lists(
        st.tuples(st.floats(-6, 0), st.floats(-6, 0), st.floats(-2, 2)),
        min_size=1,
        max_size=20,
    )
)
def test_the_surrogate_equals_a_loop(tokens: list[tuple[float, float, float]]) -> None:
    config = SurrogateConfig()
    new, old, advantage = (torch.tensor(column, dtype=torch.float64) for column in zip(*tokens, strict=True))
    found = token_losses(new, old, advantage, config)
    for got, (n, o, a) in zip(found.tolist(), tokens, strict=True):
        assert got == pytest.approx(loop_loss(n, o, a, config.clip_low, config.clip_high), rel=1e-9, abs=1e-12)


def test_clip_higher_stops_the_gradient_where_the_paper_says() -> None:
    def gradient(ratio: float, advantage: float) -> float:
        new = torch.tensor([math.log(ratio)], requires_grad=True)
        token_losses(new, torch.zeros(1), torch.tensor([advantage]), SurrogateConfig()).sum().backward()
        assert new.grad is not None
        return float(new.grad)

    assert gradient(1.27, 1.0) != 0  # within 1 + 0.28
    assert gradient(1.29, 1.0) == 0
    assert gradient(0.5, 1.0) != 0  # good and less likely than before: pushed up
    assert gradient(0.79, -1.0) == 0
    assert gradient(2.0, -1.0) != 0
    assert gradient(1.0, 1.0) == pytest.approx(-1.0)
