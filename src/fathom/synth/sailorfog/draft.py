"""`Draft`: a question before it has words, and the plan by which it can be answered with the tools."""

from typing import Any

from fathom.core.model import Frozen
from fathom.corpus.closed.knowledge import KnowledgeBase
from fathom.corpus.closed.schema import RELATION_BY_NAME
from fathom.synth.webshaper.formula import Constant, Formula, Thing, Triple


class Lookup(Frozen):
    """One step of a plan: find the page `entity` with `query`, learn there the `noun`, which is `value`. A step that
    looks for the entity itself by its clues has `found` set: the page is the result."""

    query: str
    entity: str
    relation: str
    noun: str
    value: str
    found: bool = False


class Draft(Frozen):
    """A formula with its one solution by variable. `shape` says how it was drawn, `obfuscations` what was made vague
    (kind, what stood there, what stands there now)."""

    shape: str
    formula: Formula
    solution: dict[str, Thing]
    obfuscations: tuple[tuple[str, str, str], ...] = ()

    @property
    def answer(self) -> Thing:
        return self.solution[self.formula.target]


def plan(draft: Draft, base: KnowledgeBase) -> tuple[Lookup, ...] | None:
    """Lookups in order, each from what the question or an earlier lookup names; None where some variable cannot be
    reached through the pages."""
    known: set[str] = set()
    steps: list[Lookup] = []
    while draft.formula.target not in known:
        step = _read_off(draft, base, known) or _find(draft, base, known)
        if step is None:
            return None
        lookup, name = step
        steps.append(lookup)
        known.add(name)
    return tuple(steps)


def _read_off(draft: Draft, base: KnowledgeBase, known: set[str]) -> tuple[Lookup, str] | None:
    """A lookup on the page of something known."""
    for triple in draft.formula.triples:
        for name, other, on_subject_page in _directions(triple, known, draft, base):
            relation = RELATION_BY_NAME[triple.name]
            if not on_subject_page and not relation.inverse:
                continue
            value = base.text(draft.solution[name])
            noun = relation.noun if on_subject_page else RELATION_BY_NAME[triple.name].subject
            return Lookup(query=other, entity=other, relation=triple.name, noun=noun, value=value), name
    return None


def _directions(triple: Triple, known: set[str], draft: Draft, base: KnowledgeBase) -> list[tuple[str, str, bool]]:
    """(unknown variable, title of the known entity at the other end, whether that one is the fact's subject)."""
    found = []
    right = triple.right
    if isinstance(right, Constant):
        if right.kind == "entity" and triple.left not in known:
            found.append((triple.left, right.text, not triple.forward))
        return found
    for name, other, subject_known in ((triple.left, right, not triple.forward), (right, triple.left, triple.forward)):
        if name not in known and other in known and isinstance(draft.solution[other], int):
            found.append((name, base.text(draft.solution[other]), subject_known))
    return found


def _find(draft: Draft, base: KnowledgeBase, known: set[str]) -> tuple[Lookup, str] | None:
    """A search for an entity by what its own page says of it."""
    best: tuple[tuple[int, bool], str, list[str]] = ((0, False), "", [])
    for name in draft.formula.variables:
        thing = draft.solution[name]
        if name in known or not isinstance(thing, int):
            continue
        clues = _clues(draft, base, known, name)
        # Among equals the target last: what else becomes known is one clue more to it.
        best = max(best, ((len(clues), name != draft.formula.target), name, clues), key=lambda found: found[0])
    _, name, clues = best
    if not clues:
        return None
    title = base.text(draft.solution[name])
    kind = base.type_of(int(draft.solution[name]))
    return Lookup(query=" ".join(clues), entity=title, relation="", noun=kind, value=title, found=True), name


def _clues(draft: Draft, base: KnowledgeBase, known: set[str], name: str) -> list[str]:
    """Texts that stand on the page of the variable's entity: of what is known and of exact constants."""
    texts: list[str] = []
    for triple in draft.formula.triples:
        page_says = triple.forward or bool(RELATION_BY_NAME[triple.name].inverse)
        if triple.left == name and page_says:
            if isinstance(triple.right, Constant):
                texts += triple.right.members
            elif triple.right in known:
                texts.append(base.text(draft.solution[triple.right]))
        reverse_says = not triple.forward or bool(RELATION_BY_NAME[triple.name].inverse)
        if triple.right == name and triple.left in known and reverse_says:
            texts.append(base.text(draft.solution[triple.left]))
    return texts


def picture(draft: Draft, base: KnowledgeBase) -> dict[str, Any]:
    """The formula as a graph to draw: nodes with label, type and role, edges by node id."""
    nodes: dict[str, dict[str, str]] = {}
    for name in draft.formula.variables:
        thing = draft.solution[name]
        kind = base.type_of(thing) if isinstance(thing, int) else "value"
        role = "answer" if name == draft.formula.target else "unknown"
        nodes[name] = {"id": name, "label": base.text(thing), "type": kind, "role": role}
    edges = []
    for triple in draft.formula.triples:
        right = triple.right
        if isinstance(right, Constant):
            key = f"{right.kind}:{right.text}"
            label = " or ".join(right.members) or right.text
            nodes[key] = {"id": key, "label": label, "type": right.kind, "role": "given"}
            right = key
        edge = [triple.left, triple.name, right] if triple.forward else [right, triple.name, triple.left]
        edges.append(edge)
    return {"nodes": list(nodes.values()), "edges": edges}
