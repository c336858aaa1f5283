"""Rows: masks, merging, forking, packing, steps."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.core.errors import InputError
from fathom.core.message import Message
from fathom.core.trajectory import Segment, Turn
from fathom.llm.local.initial import initialise
from fathom.llm.local.lm import CausalLM, LMConfig
from fathom.train.data.batches import micro_batches, packed, padded, plan_steps
from fathom.train.data.rows import Row, rows_of_segment, rows_of_segments
from fathom.train.optimize import cross_entropy

MODEL = initialise(
    CausalLM(LMConfig(vocab_size=64, width=32, layers=2, heads=4, kv_heads=2, mlp_width=48, context=256)),
    torch.Generator().manual_seed(1),
)
ROWS = st.lists(
    st.lists(st.integers(1, 63), min_size=2, max_size=24).flatmap(
        lambda ids: st.builds(
            Row,
            st.just(tuple(ids)),
            st.lists(st.sampled_from([0.0, 1.0]), min_size=len(ids), max_size=len(ids)).map(tuple),
            st.just(()),
            st.just(()),
        )
    ),
    min_size=1,
    max_size=6,
)


def turn(kept: int, prompt: tuple[int, ...], sampled: tuple[int, ...]) -> Turn:
    return Turn(
        message=Message(role="assistant", content="x"),
        trainable=True,
        prompt_kept=kept,
        prompt_ids=prompt,
        token_ids=sampled,
        logprobs=tuple(-0.1 * i for i in range(len(sampled))),
    )


def segment(*turns: Turn) -> Segment:
    shown = Turn(message=Message(role="user", content="seen"))
    return Segment(role="react", start=(), turns=tuple(each for t in turns for each in (t, shown)))


def test_turns_that_extend_one_another_are_one_row() -> None:
    built = rows_of_segment(segment(turn(0, (1, 2), (3, 4)), turn(4, (5,), (6,)), turn(6, (7, 8), (9,))), 0.5)
    (row,) = built.rows
    assert row.ids == (1, 2, 3, 4, 5, 6, 7, 8, 9)
    assert row.weights == (0, 0, 1, 1, 0, 1, 0, 0, 1)
    assert row.advantages == tuple(0.5 * weight for weight in row.weights)
    assert row.logprobs == (0, 0, 0, -0.1, 0, 0, 0, 0, 0)
    assert (built.forks, built.dropped_ids) == (0, 0)


def test_a_prompt_that_departs_opens_a_new_row_and_no_token_counts_twice() -> None:
    built = rows_of_segment(segment(turn(0, (1, 2), (3, 4)), turn(3, (9,), (6,))))
    assert [row.ids for row in built.rows] == [(1, 2, 3, 4), (1, 2, 3, 9, 6)]
    assert [row.weights for row in built.rows] == [(0, 0, 1, 1), (0, 0, 0, 0, 1)]
    assert (built.forks, built.dropped_ids) == (1, 1)


def test_rows_of_several_segments_and_the_sums_of_their_counts() -> None:
    departed = segment(turn(0, (1, 2), (3, 4)), turn(2, (9,), (6,)))
    extended = segment(turn(0, (1,), (2,)), turn(2, (3,), (4,)))
    built = rows_of_segments((departed, extended, departed), 0.5)
    parts = [rows_of_segment(each, 0.5).rows for each in (departed, extended, departed)]
    assert built.rows == (*parts[0], *parts[1], *parts[2])
    assert (len(built.rows), built.forks, built.dropped_ids) == (5, 2, 4)
    assert rows_of_segments(()) == ((), 0, 0)


def test_a_turn_without_tokens_is_refused() -> None:
    said = Turn(message=Message(role="assistant", content="x"), trainable=True)
    with pytest.raises(InputError, match="no token ids"):
        rows_of_segment(Segment(role="react", start=(), turns=(said,)))


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(1, 4)), min_size=1, max_size=6), st.data())
@settings(max_examples=100)
def test_every_sampled_token_counts_exactly_once(plan: list[tuple[int, int, int]], data: st.DataObject) -> None:
    whole: list[int] = []
    turns, counter = [], 100
    for back, new, sampled in plan:
        kept = max(0, len(whole) - (back if data.draw(st.booleans()) else 0))
        prompt = tuple(range(counter, counter + new + (kept == 0)))
        ids = tuple(range(counter + 50, counter + 50 + sampled))
        counter += 100
        turns.append(turn(kept, prompt, ids))
        whole = [*whole[:kept], *prompt, *ids]
    built = rows_of_segment(segment(*turns))
    counted = [i for row in built.rows for i, weight in zip(row.ids, row.weights, strict=True) if weight]
    assert sorted(counted) == sorted(i for each in turns for i in each.token_ids or ())
    assert built.rows[-1].ids == tuple(whole)


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_packed_equals_padded(rows: list[Row]) -> None:
    with torch.no_grad():
        apart = cross_entropy(MODEL, padded(rows))[0]
        together = cross_entropy(MODEL, packed(rows, 32))[0]
    assert torch.allclose(apart, together, atol=1e-3, rtol=1e-5)


def test_packed_logits_equal_those_of_each_row_alone() -> None:
    rows = [Row(tuple(range(1, 12)), (1.0,) * 11), Row(tuple(range(20, 26)), (1.0,) * 6), Row((7, 8, 9), (1.0,) * 3)]
    batch = packed(rows, 20)
    assert batch.ids_B_T.shape == (1, 20)
    with torch.no_grad():
        logits = MODEL.logits(MODEL.hidden(batch.ids_B_T, batch.positions_B_T, batch.mask_B_1_T_T))[0]
        start = 0
        for row in rows:
            alone = MODEL(torch.tensor([row.ids]))[0]
            assert torch.allclose(logits[start : start + len(row.ids)], alone, atol=1e-5)
            start += len(row.ids)


@given(ROWS)
@settings(max_examples=60)
def test_packing_conserves_tokens_and_weights(rows: list[Row]) -> None:
    batch = packed(rows, 40)
    held = sorted(i for row in rows for i in row.ids)
    assert sorted(batch.ids_B_T[batch.ids_B_T > 0].tolist()) == held
    # The first token of a row is predicted from nothing.
    assert batch.weights_B_T.sum() == sum(sum(row.weights[1:]) for row in rows)


def test_a_row_longer_than_the_sequence_stands_alone() -> None:
    batch = packed([Row((1, 2), (1.0,) * 2), Row((3, 4, 5), (1.0,) * 3), Row((6,), (1.0,))], 2)
    assert batch.ids_B_T.tolist() == [[3, 4, 5], [1, 2, 0], [6, 0, 0]]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(10, 80), st.floats(0.001, 3.0))
def test_steps_hold_every_row_once_an_epoch_within_the_budget(lengths: list[int], budget: int, epochs: float) -> None:
    steps = plan_steps(lengths, budget, epochs, 7)
    assert steps == plan_steps(lengths, budget, epochs, 7)
    counts = np.bincount([i for step in steps for i in step], minlength=len(lengths))
    assert counts.max() - counts.min() <= 1
    assert counts.max() >= 1
    for step in steps:
        assert sum(lengths[i] for i in step) <= budget or len(step) == 1


@given(ROWS, st.integers(8, 100))
def test_micro_batches_hold_all_rows_within_the_budget(rows: list[Row], tokens: int) -> None:
    groups = list(micro_batches(rows, tokens))
    assert sorted(row for group in groups for row in group) == sorted(rows)
    for group in groups:
        assert len(group) == 1 or len(group) * max(len(row.ids) for row in group) <= tokens
