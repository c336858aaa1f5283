"""Muon against its definition by singular values, and against torch's own in half precision."""

import pytest
import torch

from fathom.train.muon import Muon, orthogonal

SHAPES = [(1, 8, 8), (3, 12, 5), (2, 5, 12), (4, 1, 9)]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_orthogonal_factor_keeps_the_singular_vectors_and_evens_the_values(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    for given, found in zip(matrices, orthogonal(matrices), strict=True):
        left, values, right = torch.linalg.svd(given, full_matrices=False)
        seen = left.T @ found @ right.T
        assert torch.allclose(seen, torch.diag(seen.diagonal()), atol=1e-4)
        # Directions that hardly exist are not raised all the way in five rounds.
        assert all(0.6 < one < 1.3 for one, value in zip(seen.diagonal(), values, strict=True) if value > 0.1)


def test_nothing_stays_nothing() -> None:
    assert torch.equal(orthogonal(torch.zeros(2, 3, 4)), torch.zeros(2, 3, 4))


@pytest.mark.parametrize("shape", [(16, 16), (24, 8), (8, 24)])
def test_steps_are_those_of_torch_up_to_half_precision(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(2)
    start = torch.randn(shape, generator=generator)
    mine, theirs = start.clone().requires_grad_(), start.clone().requires_grad_()
    own = Muon([mine], lr=0.1, momentum=0.95)
    torchs = torch.optim.Muon([theirs], lr=0.1, momentum=0.95, weight_decay=0.0)
    for _ in range(4):
        gradient = torch.randn(shape, generator=generator)
        mine.grad, theirs.grad = gradient.clone(), gradient.clone()
        own.step()
        torchs.step()
    moved, expected = mine.detach() - start, theirs.detach() - start
    assert torch.nn.functional.cosine_similarity(moved.flatten(), expected.flatten(), dim=0) > 0.995
    assert float(moved.norm()) == pytest.approx(float(expected.norm()), rel=0.05)


def test_a_matrix_without_a_gradient_stays_where_it_is() -> None:
    matrix = torch.ones(3, 3, requires_grad=True)
    Muon([matrix], lr=0.1).step()
    assert torch.equal(matrix.detach(), torch.ones(3, 3))


def test_weight_decay_takes_off_its_share_before_the_step() -> None:
    generator = torch.Generator().manual_seed(7)
    start, gradient = (torch.randn(6, 4, generator=generator) for _ in range(2))
    ends = []
    for decay in (0.0, 0.25):
        matrix = start.clone().requires_grad_()
        matrix.grad = gradient.clone()
        Muon([matrix], lr=0.1, weight_decay=decay).step()
        ends.append(matrix.detach())
    assert torch.allclose(ends[0] - ends[1], 0.1 * 0.25 * start, atol=1e-6)
