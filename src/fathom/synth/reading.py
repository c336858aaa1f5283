"""Reading exercises for continual pre-training: pages with questions that they answer, and roll calls of names.

A small model first has to learn to carry a name it has never seen from one place to another, over the distances of an
agent's context. Text in which names come again does that: a page says its subject's name in most sentences; exercises
ask what one of several pages has said, half of the time before the pages too; and in a roll call, which says the same
list twice, nothing but the list foretells its second half.

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
_EASY = (
    0.6  # share of texts of one page, which come first: over short distances copying is learnt several times as fast
)
_PAGES, _QUESTIONS = 3, 5  # of one text at most


def reading_texts(base: KnowledgeBase, count: int, seed: int) -> Iterator[str]:
    """`count` texts over entities drawn at random, short ones first: pages with exercises, or a roll call of names."""
    random = stream(seed, "reading")
    for number in range(count):
        easy = number < _EASY * count
        if random.random() < ROLL_CALL:
            names = random.randint(4, 10 if easy else 24)
            roll = "; ".join(base.text(random.randrange(base.count)) for _ in range(names))
            yield f"{roll}.\n{roll}."
        else:
            several = 1 if easy else random.randint(1, _PAGES)
            pages = [entity_page(base, random.randrange(base.count)) for _ in range(several)]
            exercises = list(_exercises(base, pages, random))
            asked = [question for question, _ in exercises[:2]] if not easy and random.random() < 0.5 else []
            texts = [page.document.text for page in pages]
            yield "\n".join([*asked, *texts, *(f"{question} {answer}" for question, answer in exercises)])


def _exercises(base: KnowledgeBase, pages: Sequence[ClosedPage], random: Random) -> Iterator[tuple[str, str]]:
    own = [s.fact for page in pages for s in page.statements if base.text(s.fact.subject) == page.document.title]
    for fact in random.sample(own, min(_QUESTIONS, len(own))):
        question = forward_question(RELATION_BY_NAME[fact.relation], base.text(fact.subject), random)
        yield question, base.text(fact.object)
