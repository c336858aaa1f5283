"""Formulas: what a question asks, as triples over variables and constants, and their exact answers.

A triple `[V@X, founder, C@Tamin Oresk]` holds for the X whose founder is Tamin Oresk; `^founder` turns the relation
round. Triples with one variable intersect, chained variables recurse, and a constant that stands for several things
(`either:["Port Selka", "Zinan"]`, `decade:1890`) is their union. The answer is the set of all things the target can be.

Reference: WebShaper 2507.15061 section 3 (knowledge projection, R-union, intersection, KP representation).
Differs from the paper: a relation has a direction, since "the owner of X" and "what X owns" are different questions;
the printed form is JSON, so that names may hold any character.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, Protocol

from pydantic import ValidationError, model_validator

from fathom.core.errors import InputError
from fathom.core.model import Frozen

Thing = int | str
ConstantKind = Literal["entity", "value", "either", "decade", "at_least", "at_most", "initial"]
BACK = "^"


class Facts(Protocol):
    """A knowledge base as formulas see it. Entities are numbers, values texts."""

    def objects(self, subject: int, relation: str, /) -> tuple[Thing, ...]: ...

    def subjects(self, relation: str, wanted: Thing, /) -> tuple[int, ...]: ...

    def text(self, thing: Thing, /) -> str: ...

    def named(self, text: str, /) -> int | None: ...

    def domain(self, relation: str, /) -> range: ...


class Constant(Frozen):
    """One thing, or the union of all that fit: `either` a JSON list of texts, `decade` "1890", `at_least` and `at_most`
    a number, `initial` "K"."""

    kind: ConstantKind
    text: str

    @model_validator(mode="after")
    def _check(self) -> "Constant":
        if self.kind == "either":
            _texts(self.text)
        elif self.kind in ("decade", "at_least", "at_most") and not self.text.isdecimal():
            raise ValueError(f"{self.text!r} is no number")
        return self

    @property
    def members(self) -> tuple[str, ...]:
        """The texts of the things that are meant; none where they are not named one by one."""
        if self.kind == "either":
            return _texts(self.text)
        return (self.text,) if self.kind in ("entity", "value") else ()

    def admits(self, text: str) -> bool:
        """Whether a thing of that text is meant."""
        if self.members:
            return text in self.members
        if self.kind == "initial":
            return text.startswith(self.text)
        if not text.isdecimal():
            return False
        number, bound = int(text), int(self.text)
        if self.kind == "decade":
            return number // 10 == bound // 10
        return number >= bound if self.kind == "at_least" else number <= bound


@lru_cache(maxsize=1024)
def _texts(text: str) -> tuple[str, ...]:
    found = json.loads(text)
    if not isinstance(found, list) or len(found) < 2 or not all(isinstance(each, str) for each in found):
        raise ValueError("a union is a list of two texts or more")
    return tuple(found)


def either(*texts: str) -> Constant:
    """The union of the things with those texts."""
    return Constant(kind="either", text=json.dumps(texts, ensure_ascii=False))


class Triple(Frozen):
    """`left` (a variable) stands in `relation` to `right`, a variable's name or a constant."""

    left: str
    relation: str
    right: str | Constant

    @property
    def forward(self) -> bool:
        """Whether `left` is the subject of the fact."""
        return not self.relation.startswith(BACK)

    @property
    def name(self) -> str:
        """The relation without its direction."""
        return self.relation.removeprefix(BACK)


class Formula(Frozen):
    """Triples that hold together; the answer is what `target` can be."""

    triples: tuple[Triple, ...]
    target: str = "T"

    @property
    def variables(self) -> tuple[str, ...]:
        """All variables, the target first."""
        names = [self.target]
        for triple in self.triples:
            names += [triple.left, *([triple.right] if isinstance(triple.right, str) else [])]
        return tuple(dict.fromkeys(names))

    @property
    def named(self) -> bool:
        """Whether any constant holds the variables to the world."""
        return any(isinstance(triple.right, Constant) for triple in self.triples)


def show(formula: Formula) -> str:
    """The formula in the KP form: `[["V@T", "founder", "C@entity:Velor Works"], ...]`."""
    rows = []
    for triple in formula.triples:
        right = f"V@{triple.right}" if isinstance(triple.right, str) else f"C@{triple.right.kind}:{triple.right.text}"
        rows.append([f"V@{triple.left}", triple.relation, right])
    return json.dumps(rows, ensure_ascii=False)


def parse(text: str, target: str = "T") -> Formula:
    """The formula that `show` wrote. Raises `InputError`."""
    try:
        rows = json.loads(text)
        triples = tuple(
            Triple(left=_variable(left), relation=relation, right=_right(right)) for left, relation, right in rows
        )
    except (ValueError, TypeError, AttributeError, RecursionError, ValidationError) as error:
        raise InputError("formula", "corrupt", str(error).splitlines()[0]) from None
    return Formula(triples=triples, target=target)


def _variable(text: str) -> str:
    if not text.startswith("V@"):
        raise ValueError(f"{text!r} is no variable")
    return text.removeprefix("V@")


def _right(text: str) -> str | Constant:
    if text.startswith("V@"):
        return text.removeprefix("V@")
    kind, _, name = text.removeprefix("C@").partition(":")
    return Constant.model_validate({"kind": kind, "text": name})


def answers(formula: Formula, facts: Facts, limit: int | None = None) -> tuple[Thing, ...]:
    """All things the target can be, sorted by their text; with `limit` at least that many where there are as many."""
    found: dict[Thing, None] = {}
    for solution in solutions(formula, facts):
        found[solution[formula.target]] = None
        if limit is not None and len(found) >= limit:
            break
    return tuple(sorted(found, key=facts.text))


def solutions(formula: Formula, facts: Facts) -> Iterator[dict[str, Thing]]:
    """Every way to fill in the variables such that all triples hold."""
    yield from _extend(formula, facts, {})


def needless(formula: Formula, facts: Facts) -> Triple | None:
    """A triple without which the formula has the same one answer; None where all are needed for it, and where it has
    not one answer."""
    answer = answers(formula, facts, limit=2)
    if len(answer) != 1:
        return None
    for triple in formula.triples:
        rest = formula.model_copy(update={"triples": tuple(each for each in formula.triples if each is not triple)})
        named = any(formula.target in (each.left, each.right) for each in rest.triples)
        if named and answers(rest, facts, limit=2) == answer:
            return triple
    return None


def _extend(formula: Formula, facts: Facts, known: dict[str, Thing]) -> Iterator[dict[str, Thing]]:
    open_names = [name for name in formula.variables if name not in known]
    if not open_names:
        yield dict(known)
        return
    ranked = sorted(open_names, key=lambda name: -_reach(formula, name, known))
    name = ranked[0]
    for thing in _candidates(formula, facts, name, known):
        known[name] = thing
        yield from _extend(formula, facts, known)
        del known[name]


def _reach(formula: Formula, name: str, known: dict[str, Thing]) -> int:
    """How well the variable is held by what is known: exact neighbours count much, unions little."""
    score = 0
    for triple in formula.triples:
        if isinstance(triple.right, Constant):
            score += (10 if triple.right.members else 1) * (triple.left == name)
        elif name in (triple.left, triple.right):
            other = triple.right if triple.left == name else triple.left
            score += 100 * (other in known)
    return score


def _candidates(formula: Formula, facts: Facts, name: str, known: dict[str, Thing]) -> list[Thing]:
    """What the variable can be, given what is known: the intersection of its triples' projections."""
    found: set[Thing] | None = None
    tests: list[Triple] = []
    for triple in formula.triples:
        reached = _project(triple, facts, name, known)
        if reached is not None:
            found = reached if found is None else found & reached
        elif triple.left == name and isinstance(triple.right, Constant):
            tests.append(triple)
    if found is None:
        found = _domain(formula, facts, name)
    loops = [t for t in formula.triples if t.left == t.right == name]
    found = {t for t in found if all(t in _step(facts, loop.name, t, to_subject=False) for loop in loops)}
    return sorted((t for t in found if all(_fits(test, facts, t) for test in tests)), key=facts.text)


def _project(triple: Triple, facts: Facts, name: str, known: dict[str, Thing]) -> set[Thing] | None:
    """The variable's possible values by one triple whose other end is known exactly; None where it is not."""
    if triple.left == name:
        right = triple.right
        if isinstance(right, Constant):
            if not right.members:
                return None
            things = [thing for text in right.members for thing in _things(right, text, facts)]
            return {t for thing in things for t in _step(facts, triple.name, thing, to_subject=triple.forward)}
        if right not in known:
            return None
        return _step(facts, triple.name, known[right], to_subject=triple.forward)
    if triple.right == name and triple.left in known:
        return _step(facts, triple.name, known[triple.left], to_subject=not triple.forward)
    return None


def _things(constant: Constant, text: str, facts: Facts) -> list[Thing]:
    """What a member of a constant can be: the entity with that title, the value, or in a union either."""
    number = facts.named(text) if constant.kind != "value" else None
    named: list[Thing] = [] if number is None else [number]
    return named + ([text] if constant.kind != "entity" else [])


def _step(facts: Facts, relation: str, thing: Thing, *, to_subject: bool) -> set[Thing]:
    if to_subject:
        return set(facts.subjects(relation, thing))
    return set(facts.objects(thing, relation)) if isinstance(thing, int) else set()


def _fits(triple: Triple, facts: Facts, thing: Thing) -> bool:
    assert isinstance(triple.right, Constant)
    others = _step(facts, triple.name, thing, to_subject=not triple.forward)
    return any(triple.right.admits(facts.text(other)) for other in others)


def _domain(formula: Formula, facts: Facts, name: str) -> set[Thing]:
    """Everything the variable could be by the types of its relations alone."""
    for triple in formula.triples:
        if triple.forward and triple.left == name:
            return set(facts.domain(triple.name))
        if not triple.forward and triple.right == name:
            return set(facts.domain(triple.name))
    subjects = {s for t in formula.triples if name in (t.left, t.right) for s in facts.domain(t.name)}
    reached: set[Thing] = set()
    for triple in formula.triples:
        if name in (triple.left, triple.right):
            reached |= {o for s in subjects for o in facts.objects(s, triple.name)}
    return reached
