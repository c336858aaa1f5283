"""Rows of a pass that attend in one call."""

from hypothesis import given
from hypothesis import strategies as st

from fathom.llm.local.cache import stretches

ROWS = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2048)), min_size=1, max_size=64)


@given(ROWS)
def test_every_row_is_in_one_stretch_of_its_slots_and_sees_what_it_needs(rows: list[tuple[int, int]]) -> None:
    slots_B = [sum(step for step, _ in rows[: n + 1]) for n in range(len(rows))]
    needed_B = [needed for _, needed in rows]
    found = stretches(slots_B, needed_B)
    assert [row for each in found for row in range(each.start, each.stop)] == list(range(len(rows)))
    for start, stop, slot, seen in found:
        assert slots_B[start:stop] == list(range(slot, slot + stop - start))
        assert seen == max(needed_B[start:stop])
        assert seen * (stop - start) - sum(needed_B[start:stop]) <= 256 * (stop - start - 1)


def test_rows_alike_share_a_call_and_a_long_one_stands_alone() -> None:
    slots = list(range(64))
    assert stretches(slots, [320] * 64) == [(0, 64, 0, 320)]
    assert stretches(slots[:5], [64, 64, 1024, 64, 64]) == [(0, 2, 0, 64), (2, 3, 2, 1024), (3, 5, 3, 64)]
    assert stretches([3, 4, 9, 1], [64] * 4) == [(0, 2, 3, 64), (2, 3, 9, 64), (3, 4, 1, 64)]
