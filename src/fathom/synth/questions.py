"""The question pipeline over a closed world: draw, make vague, check, word.

draw -> obfuscate -> unique -> answerable -> needed -> word -> fresh. Every answer that comes out is the only one the
knowledge base allows; every clue is needed; a plan of lookups leads to it over pages that state each step.

Reference: WebSailor 2507.02592 (subgraphs, obfuscation), WebShaper 2507.15061 (formulas; redundancy and shortcuts).
Differs from the paper: uniqueness is checked exactly, which neither could do on the open web.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from fathom.core.config import Config
from fathom.core.model import content_hash
from fathom.core.seeds import stream
from fathom.core.task import Task
from fathom.corpus.closed.knowledge import KnowledgeBase
from fathom.corpus.closed.pages import entity_page
from fathom.synth.pipeline import Part
from fathom.synth.protocol import Drop, Item, Keep
from fathom.synth.sailorfog.draft import Draft, picture, plan
from fathom.synth.sailorfog.shapes import draw_chain, draw_cycle, draw_fog, draw_intersection, draw_union, obfuscate
from fathom.synth.sailorfog.writer import write
from fathom.synth.webshaper.formula import answers, needless, show


class QuestionConfig(Config):
    """What kinds of questions are made, as relative weights by shape: `chainN` of N hops, `bothN` with N constraints on
    one entity, `eitherN` with one of them a union ("A or B"), `fogN` a subgraph of N facts without those not needed,
    `cycleN` a cycle of N entities none of which is named, with the clues it takes to tell them."""

    shapes: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default={"chain1": 3, "chain2": 3, "chain3": 1, "both2": 2, "either2": 1, "fog4": 2, "fog6": 1},
        description="shape to weight",
    )
    obfuscations: int = Field(default=1, ge=0, description="clues made vague at most, in shapes other than chains")
    max_lookups: int = Field(default=8, ge=1, description="longest plan")

    @model_validator(mode="after")
    def _within_reach(self) -> Self:
        for shape in self.shapes:
            kind, size = _kind_and_size(shape)
            if kind == "chain" and size > self.max_lookups:
                raise ValueError(f"{shape} takes {size} lookups, max_lookups is {self.max_lookups}")
        return self

    @field_validator("shapes")
    @classmethod
    def _known(cls, shapes: dict[str, float]) -> dict[str, float]:
        for shape in shapes:
            kind, size = _kind_and_size(shape)
            if kind not in _SMALLEST or size < _SMALLEST[kind]:
                known = ", ".join(f"{kind}N from {kind}{least}" for kind, least in _SMALLEST.items())
                raise ValueError(f"there is no shape {shape!r}; there is {known}")
        if not any(shapes.values()):
            raise ValueError("no shape has any weight")
        return shapes


_SMALLEST = {"chain": 1, "both": 1, "either": 2, "fog": 2, "cycle": 3}
_SHAPE = re.compile(r"([a-z]+)([0-9]{1,3})")


def _kind_and_size(shape: str) -> tuple[str, int]:
    match = _SHAPE.fullmatch(shape)
    return (match[1], int(match[2])) if match else ("", 0)


def question_parts(base: KnowledgeBase, config: QuestionConfig) -> Sequence[Part]:
    """The parts of the pipeline, fresh."""
    return (
        Draw(base, config),
        Unique(base),
        Answerable(base, config.max_lookups),
        Needed(base),
        Word(base),
        Fresh(),
    )


class Draw:
    """Draws a draft from the seed, made vague as configured."""

    name = "draw"

    def __init__(self, base: KnowledgeBase, config: QuestionConfig) -> None:
        self._base, self._config = base, config

    def run(self, item: Item[Any]) -> Iterable[Item[Any]]:
        random = stream(item.provenance.seed, "draw")
        shape = random.choices(list(self._config.shapes), list(self._config.shapes.values()))[0]
        draft = draw(self._base, shape, random)
        if draft is None:
            return []
        if self._config.obfuscations and not shape.startswith("chain"):
            draft = obfuscate(self._base, draft, random.randint(0, self._config.obfuscations), random)
        return [item.with_payload(draft, shape)]


def draw(base: KnowledgeBase, shape: str, random: Random) -> Draft | None:
    """A draft of that shape, None where the place it was tried at has none."""
    kind, size = _kind_and_size(shape)
    return _DRAWN[kind](base, size, random)


_DRAWN = {
    "chain": draw_chain,
    "both": draw_intersection,
    "either": draw_union,
    "fog": draw_fog,
    "cycle": draw_cycle,
}


class Unique:
    """Drops drafts that more than one thing answers."""

    name = "unique"

    def __init__(self, base: KnowledgeBase) -> None:
        self._base = base

    def decide(self, item: Item[Any]) -> Keep | Drop:
        found = answers(item.payload.formula, self._base, limit=2)
        return Keep() if found == (item.payload.answer,) else Drop(reason="several answers")


class Answerable:
    """Drops drafts whose answer no sequence of lookups reaches."""

    name = "answerable"

    def __init__(self, base: KnowledgeBase, max_lookups: int) -> None:
        self._base, self._max_lookups = base, max_lookups

    def decide(self, item: Item[Any]) -> Keep | Drop:
        steps = plan(item.payload, self._base)
        if steps is None:
            return Drop(reason="no way to it")
        return Keep() if len(steps) <= self._max_lookups else Drop(reason="too many lookups")


class Needed:
    """Drops drafts with a triple that can be left out without the answer growing: a redundant clue."""

    name = "needed"

    def __init__(self, base: KnowledgeBase) -> None:
        self._base = base

    def decide(self, item: Item[Any]) -> Keep | Drop:
        if item.payload.shape.startswith("chain") or needless(item.payload.formula, self._base) is None:
            return Keep()
        return Drop(reason="redundant clue")


class Word:
    """Turns the draft into a task."""

    name = "word"

    def __init__(self, base: KnowledgeBase) -> None:
        self._base = base

    def run(self, item: Item[Any]) -> Iterable[Item[Any]]:
        task = task_of(item.payload, self._base, item.provenance.seed)
        pages = [self._base.named(title) for title in task.meta["entities"]]
        hashes = tuple(entity_page(self._base, page).document.text_hash for page in pages if page is not None)
        return [item.with_payload(task.model_dump(mode="json"), "word", pages=hashes)]


def task_of(draft: Draft, base: KnowledgeBase, seed: int) -> Task:
    """The task a draft makes; `meta` holds the formula, the plan and the picture."""
    steps = plan(draft, base)
    assert steps is not None
    question = write(draft, base, stream(seed, "word"))
    answer = base.text(draft.answer)
    titles = list(dict.fromkeys(step.entity for step in steps))
    others = base.entity(draft.answer).aliases if isinstance(draft.answer, int) else ()
    plain = answer.partition(" (")[0]
    return Task(
        id=content_hash([base.config.seed, base.config.pages, show(draft.formula), seed])[:16],
        question=question,
        answers=tuple(dict.fromkeys([answer, plain, *others])),
        support=tuple(titles),
        lang="en",
        meta={
            "shape": draft.shape,
            "formula": show(draft.formula),
            "hops": len(steps),
            "constraints": len(draft.formula.triples),
            "obfuscations": [list(each) for each in draft.obfuscations],
            "plan": [step.model_dump() for step in steps],
            "graph": picture(draft, base),
            "entities": titles,
            "seed": seed,
        },
    )


class Fresh:
    """Drops questions that have been asked."""

    name = "fresh"

    def __init__(self) -> None:
        self._asked: set[str] = set()

    def decide(self, item: Item[Any]) -> Keep | Drop:
        if item.payload["question"] in self._asked:
            return Drop(reason="asked before")
        self.recall(item.payload)
        return Keep()

    def recall(self, payload: Mapping[str, Any]) -> None:
        """Count a question of a finished shard as asked."""
        self._asked.add(payload["question"])
