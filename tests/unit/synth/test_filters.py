"""Each filter with a case it keeps and cases it drops."""

from typing import Any

import pytest

from fathom.core.message import Message, ToolCall
from fathom.core.task import Task
from fathom.core.trajectory import Failure, Segment, StopReason, Trajectory, Turn
from fathom.corpus.closed.knowledge import ClosedConfig, KnowledgeBase, knowledge
from fathom.grading.protocol import Grade
from fathom.synth.protocol import Drop, Filter, Item, Keep, Provenance
from fathom.synth.questions import Answerable, Fresh, Needed, Unique
from fathom.synth.sailorfog.draft import Draft
from fathom.synth.trajectories.samples import Attempted, Correct, NewText, NoLeak, Short, WellFormed
from fathom.synth.webshaper.formula import Constant, Formula, Thing, Triple, answers

BASE = knowledge(ClosedConfig(pages=400, seed=6))


def decided(part: Filter, payload: Any) -> str:
    """The reason to drop it, or nothing."""
    decision = part.decide(Item(payload=payload, provenance=Provenance(seed=1)))
    assert isinstance(decision, Keep | Drop)
    return decision.reason if isinstance(decision, Drop) else ""


def about(base: KnowledgeBase, entity: int, *relations: str) -> Draft:
    """Which entity has the same as this one in all these relations?"""
    triples = []
    for name in relations:
        thing = base.objects(entity, name)[0]
        kind = "entity" if isinstance(thing, int) else "value"
        triples.append(Triple(left="T", relation=name, right=Constant(kind=kind, text=base.text(thing))))
    return Draft(shape="both", formula=Formula(triples=tuple(triples)), solution={"T": entity})


def fitting(*relations: str) -> dict[int, list[Thing]]:
    """By entity: all that has the same as it in these relations."""
    people = [n for n in BASE.ranges["person"] if all(BASE.objects(n, name) for name in relations)]
    return {n: list(answers(about(BASE, n, *relations).formula, BASE)) for n in people}


def test_unique_drops_what_several_things_answer() -> None:
    by_both = fitting("born_in", "profession")
    one = next(n for n, found in by_both.items() if found == [n])
    assert decided(Unique(BASE), about(BASE, one, "born_in", "profession")) == ""
    many = next(n for n, found in fitting("profession").items() if len(found) > 1)
    assert decided(Unique(BASE), about(BASE, many, "profession")) == "several answers"
    wrong = about(BASE, one, "born_in", "profession").model_copy(update={"solution": {"T": one + 1}})
    assert decided(Unique(BASE), wrong) == "several answers"


def test_needed_drops_a_clue_that_adds_nothing() -> None:
    alone, both = fitting("born_in"), fitting("born_in", "profession")
    trade = fitting("profession")
    needs_both = next(n for n in both if both[n] == [n] and len(alone[n]) > 1 and len(trade[n]) > 1)
    assert decided(Needed(BASE), about(BASE, needs_both, "born_in", "profession")) == ""
    by_one = next(n for n, found in fitting("spouse").items() if found == [n] and BASE.objects(n, "profession"))
    assert decided(Needed(BASE), about(BASE, by_one, "spouse", "profession")) == "redundant clue"


def test_answerable_drops_what_no_page_leads_to_and_what_takes_too_long() -> None:
    film = next(n for n in BASE.domain("director") if BASE.objects(n, "director"))
    director = int(BASE.objects(film, "director")[0])
    title = Constant(kind="entity", text=BASE.text(film))
    chain = Formula(triples=(Triple(left="T", relation="^director", right=title),))
    draft = Draft(shape="chain1", formula=chain, solution={"T": director})
    assert decided(Answerable(BASE, 1), draft) == ""
    longer = Formula(
        triples=(
            Triple(left="X", relation="^director", right=title),
            Triple(left="T", relation="^born_in", right="X"),
        )
    )
    home = BASE.objects(director, "born_in")[0]
    two = Draft(shape="chain2", formula=longer, solution={"X": director, "T": home})
    assert (decided(Answerable(BASE, 2), two), decided(Answerable(BASE, 1), two)) == ("", "too many lookups")
    # A decade alone stands on no page to search for.
    decade = Constant(kind="decade", text="1900")
    vague = Formula(triples=(Triple(left="T", relation="released", right=decade),))
    assert decided(Answerable(BASE, 9), Draft(shape="both1", formula=vague, solution={"T": film})) == "no way to it"


def test_fresh_drops_what_was_asked_also_in_an_earlier_shard() -> None:
    fresh = Fresh()
    assert decided(fresh, {"question": "Who?"}) == ""
    assert decided(fresh, {"question": "Who?"}) == "asked before"
    assert decided(fresh, {"question": "Where?"}) == ""
    resumed = Fresh()
    resumed.recall({"question": "Who?"})
    assert decided(resumed, {"question": "Who?"}) == "asked before"


def said(text: str) -> Turn:
    return Turn(message=Message(role="assistant", content=text), trainable=True)


def seen(text: str, **fields: Any) -> Turn:
    return Turn(
        message=Message(role="user", content=text), call=ToolCall(id="c", name="search", arguments={}), **fields
    )


GOOD = (
    said('<think>\nLook up Velor Works.\n</think>\n<tool_call>\n{"name": "search"}\n</tool_call>'),
    seen("Velor Works was founded by Tamin Oresk."),
    said("<think>\nIt is Tamin Oresk.\n</think>\n<answer>\nTamin Oresk\n</answer>"),
)


def attempted(*turns: Turn, label: str = "correct", stop: str = "answered", failed: bool = False) -> Attempted:
    question = Message(role="user", content="Who founded Velor Works?")
    trajectory = Trajectory(
        task_id="t",
        agent="a",
        model="m",
        segments=(Segment(role="react", start=(question,), turns=turns or GOOD),),
        answer="Tamin Oresk",
        stop=StopReason(kind="failed" if failed else stop, budget="seconds" if stop == "budget" else None),  # type: ignore[arg-type]
        failure=Failure(error="ModelFault", message="down") if failed else None,
    )
    task = Task(id="t", question="Who founded Velor Works?", answers=("Tamin Oresk",))
    return Attempted(task=task, trajectory=trajectory, grade=Grade(score=1.0, label=label, reason="r"))  # type: ignore[arg-type]


def test_correct_keeps_right_answers_of_the_models_own() -> None:
    assert decided(Correct(), attempted()) == ""
    assert decided(Correct(), attempted(label="incorrect")) == "incorrect"
    assert decided(Correct(), attempted(stop="budget")) == "budget"
    assert decided(Correct(), attempted(failed=True)) == "failed"


def test_well_formed_drops_failed_calls_and_replies_that_were_not_read() -> None:
    assert decided(WellFormed(), attempted()) == ""
    broken = seen("no such tool", tool_error="unknown_tool")
    assert decided(WellFormed(), attempted(GOOD[0], broken, GOOD[2])) == "tool error"
    scolding = Turn(message=Message(role="user", content="Write a call or an answer."))
    assert decided(WellFormed(), attempted(said("hm"), scolding, *GOOD)) == "malformed reply"
    overrun = said("<answer>\n1790\n</answer>\n</answer>\n</answer>")
    assert decided(WellFormed(), attempted(*GOOD[:2], overrun)) == "goes on behind its answer"


def test_short_drops_what_is_longer() -> None:
    length = sum(len(m.content) for m in attempted().trajectory.segments[0].messages)
    assert decided(Short(length), attempted()) == ""
    assert decided(Short(length - 1), attempted()) == "too long"


CALL = '<think>\nSearch.\n</think>\n<tool_call>\n{{"name": "search", "arguments": {{"query": ["{}"]}}}}\n</tool_call>'


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        (GOOD, ""),
        ((said("<think>\nAsk Tamin Oresk.\n</think>"), *GOOD), "names the unseen"),
        ((said(CALL.format("Tamin Oresk")), *GOOD), "names the unseen"),
        ((said("<think>\nIt was in 1790.\n</think>"), *GOOD), "names the unseen"),
        # Words of names that were seen, side by side or alone, make a query and no leak.
        ((said(CALL.format("Works Velor")), *GOOD), ""),
        ((*GOOD[:2], said(CALL.format("Velor Works Tamin Oresk")), *GOOD[1:]), ""),
        # A thought is no query: a new name made of seen words is new.
        ((*GOOD[:2], said("<think>\nIt is Tamin Velor.\n</think>"), *GOOD[1:]), "names the unseen"),
        ((said("<think>\nNothing I know helps.\n</think>"), *GOOD), ""),
    ],
)
def test_no_leak_drops_what_names_the_unseen(turns: tuple[Turn, ...], reason: str) -> None:
    assert decided(NoLeak(), attempted(*turns)) == reason


def test_new_drops_what_came_before_word_for_word() -> None:
    new = NewText()
    assert decided(new, attempted()) == ""
    assert decided(new, attempted()) == "duplicate"
    assert decided(new, attempted(*GOOD[:2], said("<answer>\nTamin Oresk\n</answer>"))) == ""
