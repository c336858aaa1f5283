"""Formulas against enumeration of every assignment, on small worlds."""

import contextlib
import itertools
import json
from collections import defaultdict
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.core.errors import InputError
from fathom.core.task import Task
from fathom.corpus.closed.knowledge import ClosedConfig, KnowledgeBase, knowledge
from fathom.corpus.closed.schema import RELATION_BY_NAME
from fathom.recipes.synthesis import make_questions
from fathom.synth.pipeline import PipelineConfig
from fathom.synth.questions import QuestionConfig, draw
from fathom.synth.sailorfog.shapes import obfuscate
from fathom.synth.webshaper.formula import Constant, Formula, Thing, Triple, answers, either, parse, show, solutions

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


class Joined:
    """A second evaluator: every fact in a list, triples joined one after the other, all answers enumerated."""

    def __init__(self, base: KnowledgeBase) -> None:
        self.base = base
        self.pairs: defaultdict[str, list[tuple[Thing, Thing]]] = defaultdict(list)
        for number in range(base.count):
            for fact in base.facts(number):
                self.pairs[fact.relation].append((number, fact.object))

    def answers(self, formula: Formula) -> set[str]:
        rows: list[dict[str, Thing]] = [{}]
        left = list(formula.triples)
        while left and rows:
            left.sort(key=lambda t: (t.left not in rows[0] and t.right not in rows[0], not self.exact(t)))
            triple = left.pop(0)
            found = [row | new for row in rows for new in self.fillings(triple, row)]
            rows = [dict(each) for each in dict.fromkeys(tuple(sorted(row.items())) for row in found)]
        return {self.base.text(row[formula.target]) for row in rows}

    @staticmethod
    def exact(triple: Triple) -> bool:
        return isinstance(triple.right, Constant) and triple.right.kind == "entity"

    def fillings(self, triple: Triple, row: dict[str, Thing]) -> list[dict[str, Thing]]:
        found = []
        for subject, object_ in self.pairs[triple.name]:
            mine, other = (subject, object_) if triple.forward else (object_, subject)
            if row.get(triple.left, mine) != mine:
                continue
            if isinstance(triple.right, Constant):
                if self.means(triple.right, other):
                    found.append({triple.left: mine})
            elif row.get(triple.right, other) == other and (triple.left != triple.right or mine == other):
                found.append({triple.left: mine, triple.right: other})
        return found

    def means(self, constant: Constant, thing: Thing) -> bool:
        text = self.base.text(thing)
        if constant.kind in ("entity", "value"):
            return text == constant.text and isinstance(thing, int) == (constant.kind == "entity")
        if constant.kind == "either":
            return text in json.loads(constant.text)
        if constant.kind == "initial":
            return text[0] == constant.text
        if isinstance(thing, int) or not text.isdecimal():
            return False
        number, bound = int(text), int(constant.text)
        if constant.kind == "decade":
            return bound <= number < bound + 10
        return number >= bound if constant.kind == "at_least" else number <= bound


SMALL = Joined(BASE)
MEANT = st.one_of(
    st.sampled_from(THINGS).map(lambda n: Constant(kind="entity", text=BASE.text(n))),
    st.sampled_from(VALUES).map(lambda text: Constant(kind="value", text=str(text))),
    st.lists(st.sampled_from([*THINGS, *VALUES]).map(BASE.text), min_size=2, max_size=4).map(lambda t: either(*t)),
    st.integers(160, 199).map(lambda n: Constant(kind="decade", text=str(n * 10))),
    st.builds(Constant, kind=st.sampled_from(["at_least", "at_most"]), text=st.integers(0, 90_000).map(str)),
    st.sampled_from("BKPTacm").map(lambda letter: Constant(kind="initial", text=letter)),
)
RELATION_NAMES = st.sampled_from(sorted(RELATION_BY_NAME))
TRUE_FACTS = st.sampled_from([fact for number in THINGS for fact in BASE.facts(int(number))])


def hold(fact_and_flip: tuple[object, bool, str, str | None]) -> Triple:
    """A triple that the given fact makes true."""
    fact, forward, left, right = fact_and_flip
    other = fact.object if forward else fact.subject  # type: ignore[attr-defined]
    constant = Constant(kind="entity" if isinstance(other, int) else "value", text=BASE.text(other))
    return Triple(left=left, relation=("" if forward else "^") + fact.relation, right=right or constant)  # type: ignore[attr-defined]


LIKELY = st.tuples(
    TRUE_FACTS, st.booleans(), st.sampled_from(["T", "T", "X"]), st.sampled_from([None, None, "T", "X"])
).map(hold)
ANY = st.builds(
    Triple,
    left=st.sampled_from(["T", "X"]),
    relation=st.tuples(st.sampled_from(["", "^"]), RELATION_NAMES).map("".join),
    right=st.sampled_from(["T", "X"]) | MEANT,
)


@given(st.lists(LIKELY | ANY, min_size=1, max_size=3))
@settings(max_examples=250, deadline=None)
def test_any_formula_equals_enumeration(triples: list[Triple]) -> None:
    formula = Formula(triples=tuple(triples))
    if not any("T" in (triple.left, triple.right) for triple in triples):
        return
    assert {BASE.text(thing) for thing in answers(formula, BASE)} == SMALL.answers(formula)


@pytest.mark.parametrize("seed", range(2))
def test_every_answer_is_unique_by_enumeration(seed: int, tmp_path: Path) -> None:
    base = knowledge(ClosedConfig(pages=300, seed=20 + seed))
    shapes = ("chain1", "chain2", "chain3", "both2", "both3", "either2", "fog4", "fog6")
    config = QuestionConfig(shapes=dict.fromkeys(shapes, 1.0) | {"both3": 4.0}, obfuscations=2)
    outcome = make_questions(base, config, PipelineConfig(count=120, shard=120, seed=seed), tmp_path)
    tasks = [Task.model_validate(payload) for payload in outcome.items]
    joined = Joined(base)
    for task in tasks:
        assert joined.answers(parse(task.meta["formula"])) == {task.answers[0]}
    drawn = {task.meta["shape"] for task in tasks}
    assert drawn >= set(shapes) - {"both3"}
    kinds = {kind for task in tasks for kind, _, _ in task.meta["obfuscations"]}
    assert kinds >= {"decade", "description"}


def on_cycles(formula: Formula) -> set[str]:
    """The variables that are left when those with one neighbour among them are taken off, and again."""
    pairs = {frozenset((t.left, t.right)) for t in formula.triples if isinstance(t.right, str)}
    while ends := {v for v in set().union(*pairs) if sum(v in pair for pair in pairs) == 1}:
        pairs = {pair for pair in pairs if not pair & ends}
    return set().union(*pairs)


@pytest.mark.parametrize("length", [3, 4, 5])
def test_a_cycle_is_of_unnamed_things_and_all_of_it_is_needed_for_the_one_answer(length: int, tmp_path: Path) -> None:
    base = knowledge(ClosedConfig(pages=300, seed=30 + length))
    config = QuestionConfig(shapes={f"cycle{length}": 1.0}, obfuscations=1)
    outcome = make_questions(base, config, PipelineConfig(count=25, shard=50, seed=length), tmp_path)
    joined = Joined(base)
    assert len(outcome.items) == 25
    assert any(payload["meta"]["obfuscations"] for payload in outcome.items)
    for task in map(Task.model_validate, outcome.items):
        formula = parse(task.meta["formula"])
        cycle = on_cycles(formula)
        assert len(cycle) == length
        assert "T" in cycle
        assert joined.answers(formula) == {task.answers[0]}
        for triple in formula.triples:
            if {triple.left, triple.right} <= cycle:
                rest = tuple(each for each in formula.triples if each is not triple)
                assert len(joined.answers(formula.model_copy(update={"triples": rest}))) > 1


def test_a_union_by_hand() -> None:
    film = next(n for n in BASE.domain("director") if BASE.objects(n, "director"))
    other = next(n for n in BASE.domain("director") if BASE.objects(n, "director") != BASE.objects(film, "director"))
    names = [BASE.text(BASE.objects(n, "director")[0]) for n in (film, other)]
    directed = Triple(left="T", relation="director", right=either(*names))
    singles = [Triple(left="T", relation="director", right=Constant(kind="entity", text=name)) for name in names]
    apart = [set(answers(Formula(triples=(single,)), BASE)) for single in singles]
    assert set(answers(Formula(triples=(directed,)), BASE)) == apart[0] | apart[1] >= {film, other}


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
CONSTANTS = st.one_of(
    st.builds(Constant, kind=st.sampled_from(["entity", "value", "initial"]), text=NAMES),
    st.builds(Constant, kind=st.sampled_from(["decade", "at_least", "at_most"]), text=st.integers(0).map(str)),
    st.lists(NAMES, min_size=2, max_size=4).map(lambda texts: either(*texts)),
)
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


@pytest.mark.parametrize(
    "constant", ["decade:x", "at_least:", "either:[]", 'either:["a"]', "either:{}", "whole:a", "a"]
)
def test_constants_that_mean_nothing_are_refused(constant: str) -> None:
    with pytest.raises(InputError, match="corrupt"):
        parse(json.dumps([["V@T", "born", f"C@{constant}"]]))


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_parse_refuses_the_rest_in_one_way(text: str) -> None:
    with contextlib.suppress(InputError):
        parse(text)
