"""The grammar writer: a draft in words.

Chains are nested ("the founder of the publisher of ..."), other formulas are described from the target outward: "Which
company is based in Port Selka and was founded by a person who studied at Velor College?" A variable that comes up
again, as it does in a cycle, is called by a letter.
"""

from random import Random

from fathom.corpus.closed.knowledge import KnowledgeBase
from fathom.corpus.closed.schema import RELATION_BY_NAME
from fathom.synth.sailorfog.draft import Draft
from fathom.synth.webshaper.formula import Constant, Triple
from fathom.synth.wording import backward_question, clause, description, forward_question

_WHO = {"person": "who"}


def write(draft: Draft, base: KnowledgeBase, random: Random) -> str:
    """The question's words."""
    if draft.shape.startswith("chain"):
        return _chain(draft, random)
    return _Describer(draft, base).question()


def _chain(draft: Draft, random: Random) -> str:
    *inner, last = draft.formula.triples
    phrase = ""
    for triple in (*inner, last):
        named = triple.right.text if isinstance(triple.right, Constant) else phrase
        relation = RELATION_BY_NAME[triple.name]
        if triple is last:
            ask = backward_question if triple.forward else forward_question
            return ask(relation, named, random)
        phrase = (
            f"the {relation.subject} that {clause(relation, named)}" if triple.forward else description(relation, named)
        )
    return phrase


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeio' else 'a'} {kind}"  # a university


class _Describer:
    def __init__(self, draft: Draft, base: KnowledgeBase) -> None:
        self.draft, self.base = draft, base
        self.left = list(draft.formula.triples)
        twice = [name for name in draft.formula.variables if self._told_twice(name)]
        self.letters = dict(zip(twice, "ABCDEFGH", strict=False))
        self.told: set[str] = set()

    def question(self) -> str:
        target = self.draft.formula.target
        self.told.add(target)
        return f"Which {self._kind(target)} {self._letter(target)}{self._clauses(target)}?"

    def _clauses(self, name: str) -> str:
        """All that is still untold of the variable, as clauses joined by "and"."""
        parts = []
        while mine := next((t for t in self.left if name in (t.left, t.right)), None):
            self.left.remove(mine)
            parts.append(self._clause(mine, name))
        return " and ".join(parts)

    def _clause(self, triple: Triple, name: str) -> str:
        relation = RELATION_BY_NAME[triple.name]
        as_subject = triple.forward == (triple.left == name)
        other = self._phrase(triple.right if triple.left == name else triple.left, triple)
        if as_subject:
            return clause(relation, other)
        return clause(relation, other, backward=True) if relation.inverse else f"is the {relation.noun} of {other}"

    def _phrase(self, thing: str | Constant, triple: Triple) -> str:
        if isinstance(thing, Constant):
            relation = RELATION_BY_NAME[triple.name]
            words = {
                "either": " or ".join(thing.members),
                "decade": f"the {thing.text}s",
                "at_least": f"at least {thing.text}",
                "at_most": f"at most {thing.text}",
                "initial": f"{_a(relation.object if triple.forward else relation.subject)} whose name begins with "
                + thing.text,
            }
            return words.get(thing.kind, thing.text)
        if thing in self.told:
            return f"that {self._kind(thing)} {self.letters.get(thing, '')}".rstrip()
        self.told.add(thing)
        kind = self._kind(thing)
        clauses = self._clauses(thing)
        who = _WHO.get(kind, "that")
        return f"{_a(kind)} {self._letter(thing)}" + (f"{who} {clauses}" if clauses else "").rstrip()

    def _letter(self, name: str) -> str:
        return f"({self.letters[name]}) " if name in self.letters else ""

    def _kind(self, name: str) -> str:
        thing = self.draft.solution[name]
        return self.base.type_of(thing) if isinstance(thing, int) else "value"

    def _told_twice(self, name: str) -> bool:
        """Whether the variable lies on a cycle: without it the formula falls into fewer pieces than it has triples."""
        triples = [t for t in self.left if isinstance(t.right, str)]
        mine = [t for t in triples if name in (t.left, t.right)]
        if len(mine) < 2:
            return False
        others = {t.right if t.left == name else t.left for t in mine}
        first = others.pop() if others else name
        reached, frontier = {first}, [first]
        while frontier:
            here = frontier.pop()
            for t in triples:
                if here in (t.left, t.right) and name not in (t.left, t.right):
                    other = str(t.right) if t.left == here else t.left
                    if other not in reached:
                        reached.add(other)
                        frontier.append(other)
        return bool(others & reached) or len({str(t.right) if t.left == name else t.left for t in mine}) < len(mine)
