"""Drawing drafts: chains, intersections, cycles, and subgraphs of any form.

Chains, intersections and unions give questions of known difficulty for curricula; `fog` takes what the walk gives,
and few of its cycles are left when clues that are not needed are out, so `cycle` demands one. The target is drawn among
the variables the graph has, so the question's focus wanders over it.
"""

from collections.abc import Collection, Sequence
from random import Random

from fathom.corpus.closed.knowledge import Fact, KnowledgeBase
from fathom.corpus.closed.schema import RELATION_BY_NAME, Relation
from fathom.synth.sailorfog.draft import Draft
from fathom.synth.sailorfog.graph import ends, ring, walk
from fathom.synth.webshaper.formula import BACK, Constant, Formula, Thing, Triple, answers, either, needless

_SAMPLES = 12  # of an entity's facts, till some are found that tell it together
_CYCLES = 30  # tried, till every fact of one is needed
_CLUES = 4  # about its entities at most; the more, the less the cycle tells
_INITIAL = 0.2  # share of names that become an initial, where they are made vague


def draw_chain(base: KnowledgeBase, hops: int, random: Random) -> Draft | None:
    """`T` is reached from a named entity in `hops` steps along relations that pages state. None where the walk ends
    early."""
    here = random.randrange(base.count)
    triples: list[Triple] = []
    solution: dict[str, Thing] = {}
    visited = {here}
    before: str | Constant = Constant(kind="entity", text=base.text(here))
    for hop in range(hops):
        steps = _steps(base, here, values=hop == hops - 1)
        steps = [(relation, thing, forward) for relation, thing, forward in steps if thing not in visited]
        if not steps:
            return None
        relation, thing, forward = random.choice(steps)
        name = "T" if hop == hops - 1 else f"X{hop + 1}"
        triples.append(Triple(left=name, relation=(BACK if forward else "") + relation, right=before))
        solution[name] = thing
        before = name
        if isinstance(thing, int):
            here = thing
            visited.add(thing)
    return Draft(shape=f"chain{hops}", formula=Formula(triples=tuple(triples)), solution=solution)


def _steps(base: KnowledgeBase, here: int, *, values: bool) -> list[tuple[str, Thing, bool]]:
    """(relation, thing, whether `here` is the subject) of what the page of `here` tells."""
    found: list[tuple[str, Thing, bool]] = [
        (fact.relation, fact.object, True) for fact in base.facts(here) if values or isinstance(fact.object, int)
    ]
    about = [fact for fact in base.facts_about(here) if RELATION_BY_NAME[fact.relation].inverse]
    for name in {fact.relation for fact in about}:
        subjects = [fact.subject for fact in about if fact.relation == name]
        if len(subjects) == 1:
            found.append((name, subjects[0], False))
    return sorted(found, key=str)


def draw_intersection(base: KnowledgeBase, constraints: int, random: Random) -> Draft | None:
    """`T` is the entity that stands in several relations at once to named things. Where some of its facts tell it only
    all together, these are taken."""
    target = random.randrange(base.count)
    facts = list(base.facts(target))
    if len(facts) < constraints or not any(isinstance(fact.object, int) for fact in facts):
        return None
    chosen = random.sample(facts, constraints)
    fitting = {fact: set(base.subjects(fact.relation, fact.object)) for fact in facts}
    for _ in range(_SAMPLES):
        if _tell_together([fitting[fact] for fact in chosen]):
            break
        chosen = random.sample(facts, constraints)
    triples = tuple(Triple(left="T", relation=f.relation, right=_constant(base, f.object)) for f in chosen)
    return Draft(shape=f"both{constraints}", formula=Formula(triples=triples), solution={"T": target})


def _tell_together(fitting: Sequence[set[int]]) -> bool:
    """Whether one thing is in all of the sets, and several are as soon as one set is left out."""
    if len(set.intersection(*fitting)) != 1:
        return False
    rests = [[each for each in fitting if each is not left_out] for left_out in fitting]
    return all(not rest or len(set.intersection(*rest)) > 1 for rest in rests)


def draw_union(base: KnowledgeBase, constraints: int, random: Random) -> Draft | None:
    """As `draw_intersection`, with one of the named things as one of two, and something else has that relation to the
    other: who only looks at that one finds entities, and none of them fits."""
    draft = draw_intersection(base, constraints, random)
    if draft is None:
        return None
    at = random.randrange(constraints)
    triple = draft.formula.triples[at]
    right = triple.right
    assert isinstance(right, Constant)
    others = base.objects(random.choice(base.domain(triple.name)), triple.name)
    names = [right.text, *(base.text(other) for other in others if other != draft.answer)]
    if len(set(names)) < 2:
        return None
    random.shuffle(names)
    triples = list(draft.formula.triples)
    triples[at] = triple.model_copy(update={"right": either(*names)})
    return draft.model_copy(update={"shape": f"either{constraints}", "formula": Formula(triples=tuple(triples))})


def draw_fog(base: KnowledgeBase, edges: int, random: Random) -> Draft | None:
    """A subgraph of up to `edges` facts whose leaves are named and whose inner entities are not."""
    graph = walk(base, random.randrange(base.count), edges, 0.6, random, close=0.85)
    degree = {node: sum(node in ends(edge) for edge in graph.edges) for node in graph.nodes}
    inner = [node for node in graph.nodes if degree[node] > 1]
    if not inner or len(inner) == len(graph.nodes):
        return None
    target = random.choice(inner)
    names = {target: "T"} | {node: f"X{n}" for n, node in enumerate((n for n in inner if n != target), 1)}
    triples = tuple(_triple(base, edge, names) for edge in graph.edges)
    solution: dict[str, Thing] = {name: node for node, name in names.items()}
    draft = _trimmed(Draft(shape=f"fog{edges}", formula=Formula(triples=triples), solution=solution), base, random)
    return draft if len(draft.formula.triples) > 1 else None


def draw_cycle(base: KnowledgeBase, length: int, random: Random) -> Draft | None:
    """A cycle of `length` unnamed entities, each fact of which is needed, with facts that tell them together. None
    where none of the cycles that were tried is so."""
    for _ in range(_CYCLES):
        graph = ring(base, random.randrange(base.count), length, random)
        if graph is None:
            continue
        target = random.choice(graph.nodes)
        names = {target: "T"} | {node: f"X{n}" for n, node in enumerate((n for n in graph.nodes if n != target), 1)}
        own = [fact for node in graph.nodes for fact in base.facts(node) if fact.object not in names]
        clues = random.sample(own, min(_CLUES, len(own)))
        triples = [_triple(base, edge, names) for edge in (*graph.edges, *clues)]
        solution: dict[str, Thing] = {name: node for node, name in names.items()}
        draft = Draft(shape=f"cycle{length}", formula=Formula(triples=tuple(triples)), solution=solution)
        draft = _trimmed(draft, base, random)
        if answers(draft.formula, base, limit=2) == (target,) and needless(draft.formula, base) is None:
            return draft
    return None


def _trimmed(draft: Draft, base: KnowledgeBase, random: Random) -> Draft:
    """The draft without named things that are not needed, where its answer is unique, and without what then leads
    nowhere. Names next to the target go first: with few and far ones it takes the whole graph, and a cycle if there is
    one, to tell the answer."""
    triples = list(draft.formula.triples)
    if answers(draft.formula, base, limit=2) != (draft.answer,):
        return draft
    named = [triple for triple in triples if isinstance(triple.right, Constant)]
    for triple in sorted(random.sample(named, len(named)), key=lambda each: each.left != draft.formula.target):
        rest = Formula(triples=tuple(each for each in triples if each is not triple))
        if rest.named and answers(rest, base, limit=2) == (draft.answer,):
            triples.remove(triple)
    while loose := next((each for each in triples if _loose(each, triples, draft.formula.target)), None):
        triples.remove(loose)
    formula = Formula(triples=tuple(triples))
    return draft.model_copy(update={"formula": formula, "solution": {v: draft.solution[v] for v in formula.variables}})


def _loose(triple: Triple, triples: Sequence[Triple], target: str) -> bool:
    """Whether an end of the triple is a variable of which nothing else is said."""
    others = {end for each in triples if each is not triple for end in (each.left, each.right)}
    ends = [triple.left, *([triple.right] if isinstance(triple.right, str) else [])]
    return isinstance(triple.right, str) and any(end != target and end not in others for end in ends)


def _triple(base: KnowledgeBase, edge: Fact, names: dict[int, str]) -> Triple:
    subject, object_ = edge.subject, edge.object
    if subject in names:
        inner = names.get(object_) if isinstance(object_, int) else None
        return Triple(left=names[subject], relation=edge.relation, right=inner or _constant(base, object_))
    assert isinstance(object_, int)
    return Triple(left=names[object_], relation=BACK + edge.relation, right=_constant(base, subject))


def _constant(base: KnowledgeBase, thing: Thing) -> Constant:
    return Constant(kind="entity" if isinstance(thing, int) else "value", text=base.text(thing))


def obfuscate(base: KnowledgeBase, draft: Draft, count: int, random: Random) -> Draft:
    """The draft with up to `count` of its constants made vague: a year becomes its decade, a number a bound, a name a
    description or, now and then, its initial. What cannot be made vague stays.

    Reference: WebSailor 2507.02592 (dates, names, quantities, descriptors).
    """
    triples, solution = list(draft.formula.triples), dict(draft.solution)
    done: list[tuple[str, str, str]] = []
    for at in random.sample(range(len(triples)), len(triples)):
        if len(done) == count:
            break
        constant = triples[at].right
        if not isinstance(constant, Constant):
            continue
        vague = _vague_constant(RELATION_BY_NAME[triples[at].name], constant, random)
        if vague is not None:
            triples[at] = triples[at].model_copy(update={"right": vague})
            done.append((vague.kind, constant.text, vague.text))
        elif constant.kind == "entity":
            described = _describe(base, constant, f"Y{at}", random, taboo=tuple(solution.values()))
            if described is not None:
                triple, thing = described
                triples[at] = triples[at].model_copy(update={"right": f"Y{at}"})
                triples.append(triple)
                solution[f"Y{at}"] = thing
                done.append(("description", constant.text, triple.relation))
    formula = draft.formula.model_copy(update={"triples": tuple(triples)})
    return draft.model_copy(update={"formula": formula, "solution": solution, "obfuscations": tuple(done)})


def _vague_constant(relation: Relation, constant: Constant, random: Random) -> Constant | None:
    if constant.kind == "entity":
        return Constant(kind="initial", text=constant.text[0]) if random.random() < _INITIAL else None
    if constant.kind != "value" or not constant.text.isdecimal():
        return None
    number = int(constant.text)
    if relation.object == "year":
        return Constant(kind="decade", text=str(number // 10 * 10))
    unit = 10 ** (len(constant.text) - 1)
    if random.random() < 0.5:
        return Constant(kind="at_most", text=str(-(-number // unit) * unit))
    return Constant(kind="at_least", text=str(number // unit * unit))


def _describe(
    base: KnowledgeBase, constant: Constant, name: str, random: Random, taboo: Collection[Thing]
) -> tuple[Triple, int] | None:
    """A triple that says of the entity what its page says, in place of its name. Things in `taboo` are what the
    question leaves open, so they are not named."""
    thing = base.named(constant.text)
    if thing is None:
        return None
    facts = [fact for fact in base.facts(thing) if isinstance(fact.object, int) and fact.object not in taboo]
    if not facts:
        return None
    fact = random.choice(facts)
    return Triple(left=name, relation=fact.relation, right=_constant(base, fact.object)), thing
