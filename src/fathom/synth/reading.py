"""Reading exercises for continual pre-training: pages, and pages with questions that they answer.

A small model first has to learn to carry a name it has never seen from one place to another. Text in which names come
again does that: a page says its subject's name in most sentences, and an exercise asks for what the page has said.

Reference: AgentFounder 2509.13310 (first-order action synthesis: questions from entity-anchored knowledge).
Differs from the paper: questions come from the statements of a closed world, no model writes them.
"""

from collections.abc import Iterator
from random import Random

from fathom.core.seeds import stream
from fathom.corpus.closed.knowledge import KnowledgeBase
from fathom.corpus.closed.pages import ClosedPage, entity_page
from fathom.corpus.closed.schema import RELATION_BY_NAME
from fathom.synth.wording import forward_question


def reading_texts(base: KnowledgeBase, count: int, seed: int, *, questions: int = 4) -> Iterator[str]:
    """`count` texts about entities drawn at random: a page, then up to `questions` questions with their answers."""
    random = stream(seed, "reading")
    for _ in range(count):
        page = entity_page(base, random.randrange(base.count))
        yield "\n".join([page.document.text, *_exercises(base, page, random, questions)])


def _exercises(base: KnowledgeBase, page: ClosedPage, random: Random, count: int) -> Iterator[str]:
    own = [each.fact for each in page.statements if base.text(each.fact.subject) == page.document.title]
    for fact in random.sample(own, min(count, len(own))):
        question = forward_question(RELATION_BY_NAME[fact.relation], base.text(fact.subject), random)
        yield f"{question} {base.text(fact.object)}"
