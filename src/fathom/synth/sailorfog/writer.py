"""The grammar writer: a draft in words.

Chains are nested ("the founder of the publisher of ..."), other formulas are described from the target outward: "Which
company is based in Port Selka and was founded by a person who studied at Velor College?" A variable that comes up
again, as it does in a cycle, is called by a letter. The seed chooses among the forms of each sentence, clause and
phrase, and the order of clauses; of the things a question names it names all in every wording.
"""

from random import Random

from fathom.corpus.closed.knowledge import KnowledgeBase
from fathom.corpus.closed.schema import RELATION_BY_NAME
from fathom.synth.sailorfog.draft import Draft
from fathom.synth.webshaper.formula import Constant, Triple
from fathom.synth.wording import (
    backward_question,
    clause,
    constant_phrase,
    description,
    forward_question,
    pronoun,
    with_article,
)

_PLAIN_HOPS = 2
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MARK = "\0"  # around a variable where its letter may come to stand
_OUTER = (
    "Which {kind}{mark} {clauses}?",
    "What is the name of the {kind}{mark} {who} {clauses}?",
    "Name the {kind}{mark} {who} {clauses}.",
    "{Some}{mark} {clauses}. Which {kind} is it?",
)
_SOME = ("{a}", "some {kind}", "a certain {kind}")
_AGAIN = ("that {kind} {letter}", "the same {kind} {letter}", "{kind} {letter}")


def write(draft: Draft, base: KnowledgeBase, random: Random) -> str:
    """The question's words."""
    if draft.shape.startswith("chain"):
        return _chain(draft, random)
    return _Describer(draft, base, random).question()


def _chain(draft: Draft, random: Random) -> str:
    *inner, last = draft.formula.triples
    # One and two hops keep the words they had when the results of training on them were measured.
    more = len(inner) >= _PLAIN_HOPS
    choice = random if more else None
    phrase = ""
    for triple in (*inner, last):
        named = triple.right.text if isinstance(triple.right, Constant) else phrase
        relation = RELATION_BY_NAME[triple.name]
        if triple is last:
            ask = backward_question if triple.forward else forward_question
            return ask(relation, named, random, more=more)
        if triple.forward:
            phrase = f"the {relation.subject} {pronoun(relation.subject)} {clause(relation, named, choice)}"
        else:
            phrase = description(relation, named, choice)
    return phrase


class _Describer:
    def __init__(self, draft: Draft, base: KnowledgeBase, random: Random) -> None:
        self.draft, self.base, self.random = draft, base, random
        self.left = list(draft.formula.triples)
        self.told: set[str] = set()
        self.letters: dict[str, str] = {}  # of the variables that came up again

    def question(self) -> str:
        target = self.draft.formula.target
        self.told.add(target)
        kind = self._kind(target)
        some = with_article(kind)
        fills = {"kind": kind, "Some": some[0].upper() + some[1:], "who": pronoun(kind), "mark": self._mark(target)}
        text = self.random.choice(_OUTER).format(clauses=self._clauses(target), **fills)
        for name in self.told:
            text = text.replace(self._mark(name), f" ({self.letters[name]})" if name in self.letters else "")
        return text

    def _clauses(self, name: str) -> str:
        """All that is still untold of the variable, as clauses joined by "and". Those that tell of further variables
        come last, and what follows such a one names its subject again: else it could be a clause of theirs."""
        text, plain = "", True
        while mine := [t for t in self.left if name in (t.left, t.right)]:
            short = [t for t in mine if isinstance(t.right, Constant) or {t.left, t.right} <= self.told]
            triple = self.random.choice(short or mine)
            self.left.remove(triple)
            if text:
                text += " and " if plain else f", and {self._again(name)} "
            text += self._clause(triple, name)
            plain = bool(short)
        return text

    def _clause(self, triple: Triple, name: str) -> str:
        relation = RELATION_BY_NAME[triple.name]
        as_subject = triple.forward == (triple.left == name)
        other = triple.right if triple.left == name else triple.left
        if isinstance(other, Constant):
            phrase = constant_phrase(other, relation, relation.object if as_subject else relation.subject, self.random)
        else:
            phrase = self._variable(other)
        return clause(relation, phrase, self.random, backward=not as_subject)

    def _variable(self, name: str) -> str:
        if name in self.told:
            return self._again(name)
        kind = self._kind(name)
        self.told.add(name)
        phrase = self.random.choice(_SOME).format(a=with_article(kind), kind=kind)
        clauses = self._clauses(name)
        return f"{phrase}{self._mark(name)}" + (f" {pronoun(kind)} {clauses}" if clauses else "")

    def _again(self, name: str) -> str:
        """A variable told of before, by the letter it gets there."""
        letter = self.letters.setdefault(name, _LETTERS[len(self.letters)])
        return self.random.choice(_AGAIN).format(kind=self._kind(name), letter=letter)

    def _mark(self, name: str) -> str:
        return _MARK + name + _MARK

    def _kind(self, name: str) -> str:
        thing = self.draft.solution[name]
        return self.base.type_of(thing) if isinstance(thing, int) else "value"
