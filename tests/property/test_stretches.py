"""Rows of a pass that attend in one call."""

from hypothesis import given
from hypothesis import strategies as st

from fathom.llm.local.cache import stretches


@given(st.lists(st.integers(1, 2048), min_size=1, max_size=64))
def test_every_row_is_in_one_stretch_and_sees_what_it_needs(needed_B: list[int]) -> None:
    found = stretches(needed_B)
    assert [row for start, stop, _ in found for row in range(start, stop)] == list(range(len(needed_B)))
    for start, stop, seen in found:
        assert seen == max(needed_B[start:stop])


@given(st.lists(st.integers(1, 2048), min_size=1, max_size=64))
def test_a_call_is_never_spent_on_less_than_it_saves(needed_B: list[int]) -> None:
    """With 256 positions for a call, it costs no more than one call for each row."""
    found = stretches(needed_B)
    cost = sum((stop - start) * seen for start, stop, seen in found) + 256 * len(found)
    assert cost <= sum(needed_B) + 256 * len(needed_B)


def test_rows_alike_share_a_call_and_a_long_one_stands_alone() -> None:
    assert stretches([320] * 64) == [(0, 64, 320)]
    assert stretches([64, 64, 1024, 64, 64]) == [(0, 2, 64), (2, 3, 1024), (3, 5, 64)]
