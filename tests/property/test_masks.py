"""Masks: the loss sees what the policy wrote and nothing else, however turns fall into rows and rows into batches."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fathom.core.message import Message
from fathom.core.task import Task
from fathom.core.trajectory import Segment, StopReason, Trajectory, Turn
from fathom.llm.render.formats import FORMATS
from fathom.llm.render.renderer import Renderer
from fathom.rollout.group import Group, Rollout
from fathom.train.data.batches import TokenBatch, packed, padded
from fathom.train.data.rows import Row, row_of_messages, row_of_text, row_of_transcript
from fathom.train.rl.select import SelectConfig, select
from fathom.train.tokenizer import TokenizerConfig, train_tokenizer

RENDERERS = {
    name: Renderer(train_tokenizer(["Velor Works, 1790."] * 4, TokenizerConfig(vocab_size=330, chat=name)), chat)
    for name, chat in FORMATS.items()
}
SPECIAL = sorted({token for chat in FORMATS.values() for token in chat.special})
TEXT = st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=12) | st.sampled_from(SPECIAL)).map("".join)
SAID = st.builds(Turn, message=st.builds(Message, role=st.just("assistant"), content=TEXT), trainable=st.booleans())
SEEN = st.builds(Turn, message=st.builds(Message, role=st.sampled_from(["user", "tool"]), content=TEXT))
SEGMENTS = st.builds(
    Segment,
    role=st.just("react"),
    start=st.lists(st.builds(Message, role=st.sampled_from(["system", "user"]), content=TEXT), max_size=2).map(tuple),
    turns=st.lists(SAID | SEEN, min_size=1, max_size=6).map(tuple),
)


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(segment=SEGMENTS)
@settings(max_examples=80, deadline=None)
def test_the_mask_covers_the_policys_turns_with_their_ends(name: str, segment: Segment) -> None:
    mine = RENDERERS[name]
    row = row_of_messages(segment, mine)
    assert row.ids == mine.render(segment.messages, reply=False)
    counted = [token for token, weight in zip(row.ids, row.weights, strict=True) if weight]
    said = [turn.message.content for turn in segment.turns if turn.trainable]
    assert counted == [token for text in said for token in (*mine.encode(text), mine.end_id)]
    assert set(row.weights) <= {0.0, 1.0}
    assert row_of_transcript(segment, mine) == Row(row.ids, (1.0,) * len(row.ids))
    # What is weighted stands where it is predicted from: right behind the words that open the assistant's turn.
    opening = mine.render([], reply=True)
    for at, weight in enumerate(row.weights):
        if weight and not row.weights[at - 1]:
            assert row.ids[at - len(opening) : at] == opening


@given(TEXT)
def test_all_of_a_text_counts(text: str) -> None:
    mine = RENDERERS["nano"]
    assert row_of_text(text, mine) == Row((*mine.encode(text), mine.end_id), (1.0,) * (len(mine.encode(text)) + 1))


def turns(lengths: list[int], first: int) -> tuple[Turn, ...]:
    """Turns of one segment, each prompt all before it and one token more. Every id is its own."""
    found: list[Turn] = []
    kept, number = 0, first
    for length in lengths:
        ids = tuple(range(number + 1, number + 1 + length))
        found.append(
            Turn(
                message=Message(role="assistant"),
                trainable=True,
                prompt_kept=kept,
                prompt_ids=(number,),
                token_ids=ids,
                logprobs=tuple(-0.001 * each for each in ids),
            )
        )
        kept, number = kept + 1 + length, number + 1 + length
    return tuple(found)


ROLLOUTS = st.lists(
    st.tuples(
        st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=3), min_size=1, max_size=3),
        st.floats(0, 1),
        st.sampled_from(["scored", "scored", "scored", "masked"]),
    ),
    min_size=1,
    max_size=6,
)


def group_of(plan: list[tuple[list[list[int]], float, str]]) -> Group:
    rollouts, number = [], 1
    for segments, reward, outcome in plan:
        built = []
        for lengths in segments:
            built.append(Segment(role="react", start=(), turns=turns(lengths, number)))
            number += 100
        trajectory = Trajectory(
            task_id="t", agent="a", model="m", segments=tuple(built), answer=None, stop=StopReason(kind="gave_up")
        )
        mine = 0.0 if outcome == "masked" else reward
        rollouts.append(Rollout(trajectory=trajectory, outcome=outcome, reward=mine))  # type: ignore[arg-type]
    return Group(index=0, task=Task(id="t", question="q"), rollouts=tuple(rollouts))


def sampled(rollout: Rollout) -> list[int]:
    return [i for s in rollout.trajectory.segments for turn in s.turns for i in turn.token_ids or ()]


@given(ROLLOUTS)
@settings(max_examples=150, deadline=None)
def test_however_many_rows_a_rollout_has_it_is_one_member_of_its_group(
    plan: list[tuple[list[list[int]], float, str]],
) -> None:
    group = group_of(plan)
    chosen = select([group], SelectConfig())
    rewards = [rollout.reward for rollout in group.rollouts]
    found = {i: a for row in chosen.rows for i, a, w in zip(row.ids, row.advantages, row.weights, strict=True) if w}
    wanted = {}
    for n, rollout in enumerate(group.rollouts):
        others = rewards[:n] + rewards[n + 1 :]
        advantage = rewards[n] - sum(others) / len(others) if others else 0.0
        if rollout.outcome == "scored" and abs(advantage) > 1e-12:
            wanted |= dict.fromkeys(sampled(rollout), advantage)
    assert {i: a for i, a in found.items() if abs(a) > 1e-12} == pytest.approx(wanted, abs=1e-9)
    scored = [rollout for rollout in group.rollouts if rollout.outcome == "scored"]
    assert chosen.trained_tokens == sum(len(sampled(rollout)) for rollout in scored)
    counts = Counter(i for row in chosen.rows for i, w in zip(row.ids, row.weights, strict=True) if w)
    assert set(counts.values()) <= {1}


def held(batch: TokenBatch) -> list[tuple[int, float, float, float]]:
    columns: tuple[Tensor, ...] = batch[:4]
    ids, weights, advantages, logprobs = (column.flatten().tolist() for column in columns)
    return sorted(each for each in zip(ids, weights, advantages, logprobs, strict=True) if each[0])


@given(ROLLOUTS, st.integers(60, 90))
@settings(max_examples=100, deadline=None)
def test_a_tokens_weight_advantage_and_logprob_travel_with_it(
    plan: list[tuple[list[list[int]], float, str]], length: int
) -> None:
    rows = select([group_of(plan)], SelectConfig()).rows
    if not rows:
        return
    tokens = sorted(
        each for row in rows for each in zip(row.ids, row.weights, row.advantages, row.logprobs, strict=True)
    )
    for batch in (padded(rows), packed(rows, length)):
        assert np.array(held(batch)) == pytest.approx(np.array(tokens), abs=1e-6)
