"""Drawing drafts: chains, intersections, and subgraphs of any form.

Chains and intersections give questions of known difficulty for curricula; `fog` takes what the walk gives, cycles and
all. The target is drawn among the variables the graph has, so the question's focus wanders over it.
"""

from random import Random

from fathom.corpus.closed.knowledge import Fact, KnowledgeBase
from fathom.corpus.closed.schema import RELATION_BY_NAME, Relation
from fathom.synth.sailorfog.draft import Draft
from fathom.synth.sailorfog.graph import ends, walk
from fathom.synth.webshaper.formula import BACK, Constant, Formula, Thing, Triple


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
    """`T` is the entity that stands in several relations at once to named things."""
    target = random.randrange(base.count)
    facts = list(base.facts(target))
    if len(facts) < constraints or not any(isinstance(fact.object, int) for fact in facts):
        return None
    chosen = random.sample(facts, constraints)
    triples = tuple(Triple(left="T", relation=f.relation, right=_constant(base, f.object)) for f in chosen)
    return Draft(shape=f"both{constraints}", formula=Formula(triples=triples), solution={"T": target})


def draw_fog(base: KnowledgeBase, edges: int, random: Random) -> Draft | None:
    """A subgraph of `edges` facts whose leaves are named and whose inner entities are not."""
    graph = walk(base, random.randrange(base.count), edges, 0.6, random, close=0.85)
    degree = {node: sum(node in ends(edge) for edge in graph.edges) for node in graph.nodes}
    inner = [node for node in graph.nodes if degree[node] > 1]
    if not inner or len(inner) == len(graph.nodes):
        return None
    target = random.choice(inner)
    names = {target: "T"} | {node: f"X{n}" for n, node in enumerate((n for n in inner if n != target), 1)}
    triples = tuple(_triple(base, edge, names) for edge in graph.edges)
    solution: dict[str, Thing] = {name: node for node, name in names.items()}
    return Draft(shape=f"fog{edges}", formula=Formula(triples=triples), solution=solution)


def _triple(base: KnowledgeBase, edge: Fact, names: dict[int, str]) -> Triple:
    subject, object_ = ends(edge)
    if subject in names:
        right: str | Constant = names.get(object_) or Constant(kind="entity", text=base.text(object_))
        return Triple(left=names[subject], relation=edge.relation, right=right)
    return Triple(left=names[object_], relation=BACK + edge.relation, right=_constant(base, subject))


def _constant(base: KnowledgeBase, thing: Thing) -> Constant:
    return Constant(kind="entity" if isinstance(thing, int) else "value", text=base.text(thing))


def obfuscate(base: KnowledgeBase, draft: Draft, count: int, random: Random) -> Draft:
    """The draft with up to `count` of its constants made vague: a year becomes its decade, a number a bound, a name a
    description or an initial. What cannot be made vague stays.

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
        vague = _vague_value(RELATION_BY_NAME[triples[at].name], constant)
        if vague is not None:
            triples[at] = triples[at].model_copy(update={"right": vague})
            done.append((vague.kind, constant.text, vague.text))
        elif constant.kind == "entity":
            described = _describe(base, constant, f"Y{at}", random)
            if described is not None:
                triple, thing = described
                triples[at] = triples[at].model_copy(update={"right": f"Y{at}"})
                triples.append(triple)
                solution[f"Y{at}"] = thing
                done.append(("description", constant.text, triple.relation))
    formula = draft.formula.model_copy(update={"triples": tuple(triples)})
    return draft.model_copy(update={"formula": formula, "solution": solution, "obfuscations": tuple(done)})


def _vague_value(relation: Relation, constant: Constant) -> Constant | None:
    if constant.kind != "value" or not constant.text.isdecimal():
        return None
    number = int(constant.text)
    if relation.object == "year":
        return Constant(kind="decade", text=str(number // 10 * 10))
    unit = 10 ** (len(constant.text) - 1)
    return Constant(kind="at_least", text=str(number // unit * unit))


def _describe(base: KnowledgeBase, constant: Constant, name: str, random: Random) -> tuple[Triple, int] | None:
    """A triple that says of the entity what its page says, in place of its name."""
    thing = base.named(constant.text)
    if thing is None:
        return None
    facts = [fact for fact in base.facts(thing) if isinstance(fact.object, int)]
    if not facts:
        return None
    fact = random.choice(facts)
    return Triple(left=name, relation=fact.relation, right=_constant(base, fact.object)), thing
