"""Rows of a pass that attend in one call."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fathom.llm.local.cache import stretches

ROWS = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2048)), min_size=1, max_size=64)


@given(ROWS, st.sampled_from([0, 2, 256]))
def test_every_row_is_in_one_stretch_of_its_slots_and_sees_what_it_needs(
    rows: list[tuple[int, int]], spare: int
) -> None:
    slots_B = [sum(step for step, _ in rows[: n + 1]) for n in range(len(rows))]
    needed_B = [needed for _, needed in rows]
    found = stretches(slots_B, needed_B, spare)
    assert [row for each in found for row in range(each.start, each.stop)] == list(range(len(rows)))
    for start, stop, slot, seen in found:
        assert slots_B[start:stop] == list(range(slot, slot + stop - start))
        assert seen == max(needed_B[start:stop])
        assert seen * (stop - start) - sum(needed_B[start:stop]) <= spare * (stop - start - 1)


@given(ROWS, st.integers(0, 256))
def test_a_row_that_could_join_does(rows: list[tuple[int, int]], spare: int) -> None:
    needed_B = [needed for _, needed in rows]
    found = stretches(list(range(len(rows))), needed_B, spare)
    for one, other in pairwise(found):
        together = max(one.seen, needed_B[other.start]) * (other.start + 1 - one.start)
        assert together - one.seen * (one.stop - one.start) - needed_B[other.start] > spare


def test_rows_alike_share_a_call_and_a_long_one_stands_alone() -> None:
    slots = list(range(64))
    assert stretches(slots, [320] * 64) == [(0, 64, 0, 320)]
    assert stretches(slots[:5], [64, 64, 1024, 64, 64]) == [(0, 2, 0, 64), (2, 3, 2, 1024), (3, 5, 3, 64)]
    assert stretches([3, 4, 9, 1], [64] * 4) == [(0, 2, 3, 64), (2, 3, 9, 64), (3, 4, 1, 64)]
