"""Subgraphs by random walk, with true cycles, and cycles alone.

A related entity that is in the graph already is the same node again, and facts among known nodes are added on purpose:
otherwise every walk gives a tree.

Reference: WebSailor 2507.02592 section 3.2; WebSailor-V2 2509.13305 (links between existing nodes).
"""

from collections.abc import Collection, Sequence
from random import Random
from typing import NamedTuple

from fathom.corpus.closed.knowledge import Fact, KnowledgeBase

_ROUNDS = 20  # walks from an entity till one closes a cycle


class Graph(NamedTuple):
    """Entities and facts that join them. No fact stands twice."""

    nodes: tuple[int, ...]
    edges: tuple[Fact, ...]

    @property
    def cyclomatic(self) -> int:
        """The number of independent cycles of a connected graph."""
        return len({frozenset(ends(edge)) for edge in self.edges}) - len(self.nodes) + 1


def ends(edge: Fact) -> tuple[int, int]:
    """The two entities a fact joins."""
    assert isinstance(edge.object, int)
    return edge.subject, edge.object


def walk(base: KnowledgeBase, start: int, edges: int, expand_new: float, random: Random, *, close: float) -> Graph:
    """A connected subgraph of up to `edges` facts around `start`.

    After each step the walk goes on from the new entity with probability `expand_new`, else from any known one; with
    probability `close` a fact between two known entities is added where there is one.
    """
    nodes: dict[int, None] = {start: None}
    found: dict[Fact, None] = {}
    here = start
    for _ in range(edges * 4):
        if len(found) >= edges:
            break
        if random.random() < close and (closing := _closing(base, nodes, found)):
            found[random.choice(closing)] = None
            continue
        fresh = [fact for fact in base.neighbours(here) if fact not in found]
        if not fresh:
            here = random.choice(tuple(nodes))
            continue
        fact = random.choice(fresh)
        if random.random() < close:
            # Towards an entity with a second link into the graph, if there is one: the next step can close a cycle.
            doubly = [each for each in fresh if _linked(base, _other(each, here), nodes) > 1]
            fact = random.choice(doubly or fresh)
        found[fact] = None
        other = _other(fact, here)
        nodes[other] = None
        here = other if random.random() < expand_new else random.choice(tuple(nodes))
    return Graph(tuple(nodes), tuple(found))


def _other(fact: Fact, here: int) -> int:
    return next(end for end in ends(fact) if end != here)


def _linked(base: KnowledgeBase, entity: int, nodes: Collection[int]) -> int:
    """How many known entities the entity has facts with."""
    return len({_other(fact, entity) for fact in base.neighbours(entity)} & set(nodes))


def _closing(base: KnowledgeBase, nodes: Collection[int], found: Collection[Fact]) -> list[Fact]:
    """Facts among known entities that are not in the graph yet."""
    facts = (fact for node in nodes for fact in base.facts(node))
    return [fact for fact in facts if isinstance(fact.object, int) and fact.object in nodes and fact not in found]


def ring(base: KnowledgeBase, start: int, length: int, random: Random) -> Graph | None:
    """A cycle of `length` entities through `start`, None where the walks from there close none."""
    home = {_other(fact, start): fact for fact in base.neighbours(start)}
    for _ in range(_ROUNDS):
        nodes, edges = [start], list[Fact]()
        while len(nodes) < length - 1 and (steps := _onward(base, nodes)):
            edges.append(random.choice(steps))
            nodes.append(_other(edges[-1], nodes[-1]))
        steps = _onward(base, nodes) if len(nodes) == length - 1 else []
        if closing := [fact for fact in steps if _other(fact, nodes[-1]) in home]:
            edges.append(random.choice(closing))
            nodes.append(_other(edges[-1], nodes[-1]))
            return Graph(tuple(nodes), (*edges, home[nodes[-1]]))
    return None


def _onward(base: KnowledgeBase, nodes: Sequence[int]) -> list[Fact]:
    """Facts that lead from the last entity to new ones."""
    return [fact for fact in base.neighbours(nodes[-1]) if _other(fact, nodes[-1]) not in nodes]
