"""The pages of a closed world: every fact in a sentence of its own, in varied wording, with its links.

A page can be made at any time from the knowledge base alone, so building a corpus streams and a check can ask where a
page says a fact.
"""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from fathom.core.seeds import stream
from fathom.corpus.closed.knowledge import SCHEME, ClosedConfig, Fact, KnowledgeBase, knowledge
from fathom.corpus.closed.schema import RELATION_BY_NAME, TYPE_BY_NAME
from fathom.corpus.document import Document, Link

SOURCE = "fathom closed world"
LICENCE = "CC0-1.0"

_ALIAS = ("{p} was once called {o}.", "{s} is also known as {o}.", "An older name of {s} is {o}.")
_INTRO_ZH = "{s}是一个条目。"
# Sentences of distractor pages: they name entities and state none of the relations.
_CHRONICLE = (
    "A street in {city} was named after {person}.",
    "{person} gave a lecture on {book}.",
    "A stamp showed {ship} off {city}.",
    "Visitors from {city} admired {museum}.",
    "A debate about {company} was held in {city}.",
    "{person} praised {film} in a letter.",
    "A flood of {river} was reported in the papers.",
    "The press compared {person} with the heroes of {book}.",
)  # fmt: skip


class Statement(NamedTuple):
    """Where a page says a fact: `text[start:end]` is the sentence, offsets in code points."""

    fact: Fact
    start: int
    end: int


class ClosedPage(NamedTuple):
    """A page and what it states."""

    document: Document
    statements: tuple[Statement, ...]


def documents(config: ClosedConfig) -> Iterator[Document]:
    """All pages: the entities' in the order of their numbers, the distractors, then the Chinese pages if asked for."""
    base = knowledge(config)
    for number in range(base.count):
        yield entity_page(base, number).document
    for number in range(config.pages - base.count):
        yield _distractor(base, number)
    if "zh" in config.langs:
        for number in range(base.count):
            yield entity_page_zh(base, number).document


def entity_page(base: KnowledgeBase, number: int) -> ClosedPage:
    """The English page of an entity."""
    entity = base.entity(number)
    random = stream(base.config.seed, "page", number)
    kind = TYPE_BY_NAME[entity.type]
    page = _Writer()
    page.say(kind.intro, {"s": entity.name}, base)
    most = base.config.wordings
    told: list[tuple[str, Fact | None, int | str]] = [
        (random.choice(RELATION_BY_NAME[fact.relation].sentences[:most]), fact, fact.object)
        for fact in base.facts(number)
    ]
    told += [(random.choice(_ALIAS[:most]), None, alias) for alias in entity.aliases]
    random.shuffle(told)
    pronoun = "She" if entity.type == "person" and entity.word % 2 else kind.pronoun
    for form, told_fact, thing in told:
        who = random.choice((pronoun, entity.name))
        page.say(form, {"s": entity.name, "p": who, "o": thing}, base, told_fact)
    for fact in base.facts_about(number):
        if inverse := RELATION_BY_NAME[fact.relation].inverse:
            page.say(random.choice(inverse[:most]), {"s": fact.subject, "o": entity.name}, base, fact)
    return page.finish(entity.url, entity.name, "en", entity.type, entity.aliases)


def entity_page_zh(base: KnowledgeBase, number: int) -> ClosedPage:
    """The Chinese page of an entity. Its address has the Chinese name, its alias is the English one."""
    entity, name = base.entity(number), base.name_zh(number)
    page = _Writer(joint="", zh=True)
    page.say(_INTRO_ZH, {"s": name}, base)
    facts = list(base.facts(number))
    stream(base.config.seed, "page-zh", number).shuffle(facts)
    for fact in facts:
        page.say(RELATION_BY_NAME[fact.relation].zh, {"s": name, "o": fact.object}, base, fact)
    return page.finish(SCHEME + name, name, "zh", entity.type, (entity.name,))


def where_stated(base: KnowledgeBase, fact: Fact) -> Statement:
    """The sentence of the subject's English page that states the fact."""
    return next(found for found in entity_page(base, fact.subject).statements if found.fact == fact)


def _distractor(base: KnowledgeBase, number: int) -> Document:
    random = stream(base.config.seed, "distractor", number)
    title = f"Chronicle {number + 1}"
    page = _Writer()
    page.say(f"{title} gathers small events.", {}, base)
    for form in random.sample(_CHRONICLE, 4):
        page.say(form, {kind: _some(base, kind, random) for kind in TYPE_BY_NAME if "{" + kind + "}" in form}, base)
    return page.finish(SCHEME + title.replace(" ", "_"), title, "en", "chronicle", ()).document


def _some(base: KnowledgeBase, kind: str, random: Random) -> int:
    numbers = base.ranges[kind]
    return random.choice(numbers) if numbers else 0


class _Writer:
    """Puts sentences together and keeps track of where facts and links are."""

    def __init__(self, joint: str = " ", *, zh: bool = False) -> None:
        self._joint, self._zh = joint, zh
        self._text = ""
        self._links: list[Link] = []
        self._statements: list[Statement] = []

    def say(self, form: str, fills: dict[str, int | str], base: KnowledgeBase, fact: Fact | None = None) -> None:
        """Append a sentence; a number among `fills` is an entity and becomes a link."""
        self._text += self._joint if self._text else ""
        start = len(self._text)
        for piece in form.replace("{", "\0{").replace("}", "}\0").split("\0"):
            thing = fills[piece[1:-1]] if piece.startswith("{") else piece
            if isinstance(thing, int):
                name = base.name_zh(thing) if self._zh else base.entity(thing).name
                self._links.append(Link(target=SCHEME + name.replace(" ", "_"), anchor=name, offset=len(self._text)))
                thing = name
            self._text += thing
        if fact is not None:
            self._statements.append(Statement(fact, start, len(self._text)))

    def finish(self, url: str, title: str, lang: str, category: str, aliases: tuple[str, ...]) -> ClosedPage:
        document = Document(
            url=url,
            title=title,
            text=self._text,
            lang=lang,
            categories=(category,),
            aliases=aliases,
            links=tuple(self._links),
            licence=LICENCE,
            source=SOURCE,
        )
        return ClosedPage(document, tuple(self._statements))
