"""Formulas against enumeration of every assignment, on small worlds."""

import contextlib
import itertools
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.core.errors import InputError
from fathom.corpus.closed.knowledge import ClosedConfig, KnowledgeBase, knowledge
from fathom.synth.questions import QuestionConfig, draw
from fathom.synth.sailorfog.shapes import obfuscate
from fathom.synth.webshaper.formula import Constant, Formula, Thing, Triple, answers, parse, show, solutions

BASE = knowledge(ClosedConfig(pages=100, seed=5))
THINGS: list[Thing] = [*range(BASE.count)]
VALUES: list[Thing] = sorted(
    {str(f.object) for n in range(BASE.count) for f in BASE.facts(n) if isinstance(f.object, str)}
)


def holds(base: KnowledgeBase, triple: Triple, left: Thing, right: Thing | None) -> bool:
    """Whether a triple is true, straight from the facts."""
    for number in range(base.count):
        for fact in base.facts(number):
            if fact.relation != triple.name:
                continue
            mine, other = (fact.subject, fact.object) if triple.forward else (fact.object, fact.subject)
            if mine != left:
                continue
            if isinstance(triple.right, Constant):
                if triple.right.admits(base.text(other)):
                    return True
            elif other == right:
                return True
    return False


def brute(formula: Formula) -> tuple[Thing, ...]:
    """The answers by trying every thing for every variable."""
    found = set()
    for filling in itertools.product([*THINGS, *VALUES], repeat=len(formula.variables)):
        known = dict(zip(formula.variables, filling, strict=True))
        if all(
            holds(BASE, t, known[t.left], known.get(t.right) if isinstance(t.right, str) else None)
            for t in formula.triples
        ):
            found.add(known[formula.target])
    return tuple(sorted(found, key=BASE.text))


@pytest.mark.parametrize("seed", range(6))
def test_one_variable_formulas_equal_brute_force(seed: int) -> None:
    random = Random(seed)
    draft = None
    while draft is None or len(draft.formula.variables) > 1:
        draft = draw(BASE, random.choice(["chain1", "both2", "both1"]), random)
        if draft is not None:
            vague = obfuscate(BASE, draft, 1, random)
            draft = vague if len(vague.formula.variables) == 1 else draft
    assert answers(draft.formula, BASE) == brute(draft.formula)
    assert draft.answer in answers(draft.formula, BASE)


@pytest.mark.parametrize("seed", range(40))
def test_every_shape_has_its_own_solution_among_the_exact_ones(seed: int) -> None:
    random = Random(seed)
    base = knowledge(ClosedConfig(pages=400, seed=seed % 5))
    shape = random.choice(list(QuestionConfig().shapes))
    draft = draw(base, shape, random)
    if draft is None:
        return
    draft = obfuscate(base, draft, 2, random)
    found = list(solutions(draft.formula, base))
    assert draft.solution in found
    for filling in found:
        for triple in draft.formula.triples:
            right = filling.get(triple.right) if isinstance(triple.right, str) else None
            reached = (
                base.objects(int(filling[triple.left]), triple.name)
                if triple.forward
                else base.subjects(triple.name, filling[triple.left])
            )
            texts = [base.text(thing) for thing in reached]
            if isinstance(triple.right, Constant):
                assert any(triple.right.admits(text) for text in texts)
            else:
                assert right in reached


def test_two_variables_by_hand() -> None:
    film = next(n for n in BASE.domain("based_on") if BASE.objects(n, "based_on"))
    book = int(BASE.objects(film, "based_on")[0])
    author = int(BASE.objects(book, "author")[0])
    formula = Formula(
        triples=(
            Triple(left="X", relation="^based_on", right=Constant(kind="entity", text=BASE.text(film))),
            Triple(left="T", relation="^author", right="X"),
        )
    )
    assert answers(formula, BASE) == (author,)


def test_r_union_is_the_union_of_its_members() -> None:
    """Proposition 1 of WebShaper: R(S1) u R(S2) = R(S1 u S2), here with a decade as the union of its years."""
    decade = Formula(triples=(Triple(left="T", relation="born", right=Constant(kind="decade", text="1790")),))
    single = set()
    for year in range(1790, 1800):
        one = Triple(left="T", relation="born", right=Constant(kind="value", text=str(year)))
        single |= set(answers(Formula(triples=(one,)), BASE))
    assert set(answers(decade, BASE)) == single


NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
CONSTANTS = st.builds(Constant, kind=st.sampled_from(["entity", "value", "decade", "initial"]), text=NAMES)
TRIPLES = st.builds(
    Triple,
    left=st.sampled_from(["T", "X1", "X2"]),
    relation=st.sampled_from(["founder", "^founder", "born"]),
    right=st.one_of(st.sampled_from(["T", "X1"]), CONSTANTS),
)


@given(st.lists(TRIPLES, min_size=1, max_size=6))
@settings(max_examples=200)
def test_parse_reads_what_show_writes(triples: list[Triple]) -> None:
    formula = Formula(triples=tuple(triples))
    assert parse(show(formula)) == formula


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_parse_refuses_the_rest_in_one_way(text: str) -> None:
    with contextlib.suppress(InputError):
        parse(text)
