"""Reading exercises for continual pre-training: pages with questions that they answer, and roll calls of names.

A small model first has to learn to carry a name it has never seen from one place to another. Short texts in which
names come again do that several times as fast as long ones: a page says its subject's name in most sentences, exercises
ask for what it has said, and in a roll call, which says the same list twice, nothing but the list foretells its second
half.

Reference: AgentFounder 2509.13310 (first-order action synthesis: questions from entity-anchored knowledge).
Differs from the paper: questions come from the statements of a closed world, no model writes them.
"""

from collections.abc import Iterator, Sequence
from random import Random

from fathom.core.seeds import stream
from fathom.corpus.closed.knowledge import KnowledgeBase
from fathom.corpus.closed.pages import ClosedPage, entity_page
from fathom.corpus.closed.schema import RELATION_BY_NAME
from fathom.synth.wording import forward_question

ROLL_CALL = 0.25  # share of texts
_ROLL_NAMES = 10
_QUESTIONS = 4  # on each page
_SHORT = 0.6  # share of the texts, the first ones, that have one page
_PAGES = 6  # at most, in those after them


def reading_texts(base: KnowledgeBase, count: int, seed: int) -> Iterator[str]:
    """`count` texts over entities drawn at random: pages with exercises, or a roll call of names. Short ones first."""
    random = stream(seed, "reading")
    for number in range(count):
        if random.random() < ROLL_CALL:
            roll = "; ".join(base.text(random.randrange(base.count)) for _ in range(_ROLL_NAMES))
            yield f"{roll}.\n{roll}."
        else:
            several = 1 if number < _SHORT * count else random.randint(1, _PAGES)
            pages = [entity_page(base, random.randrange(base.count)) for _ in range(several)]
            exercises = (f"{question} {answer}" for question, answer in _exercises(base, pages, random))
            yield "\n".join([*(page.document.text for page in pages), *exercises])


def _exercises(base: KnowledgeBase, pages: Sequence[ClosedPage], random: Random) -> Iterator[tuple[str, str]]:
    own = [
        each.fact for page in pages for each in page.statements if base.text(each.fact.subject) == page.document.title
    ]
    for fact in random.sample(own, min(_QUESTIONS * len(pages), len(own))):
        question = forward_question(RELATION_BY_NAME[fact.relation], base.text(fact.subject), random)
        yield question, base.text(fact.object)
