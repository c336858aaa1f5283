"""The pages of a closed world: every fact in a sentence of its own, in varied wording, with its links.

A page can be made at any time from the knowledge base alone, so building a corpus streams and a check can ask where a
page says a fact.
"""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from fathom.core.seeds import stream
from fathom.corpus.closed.knowledge import SCHEME, ClosedConfig, Fact, KnowledgeBase, knowledge
from fathom.corpus.closed.schema import RELATION_BY_NAME, TYPE_BY_NAME, TYPES, WORDS_ZH
from fathom.corpus.document import Document, Link

SOURCE = "fathom closed world"
LICENCE = "CC0-1.0"
_TOLD = 4  # sentences of a distractor page after its first


class _Language(NamedTuple):
    """What pages of a language are made of. `chronicle` are the sentences of distractor pages, which begin with the
    first: they name entities, state none of the relations, and stand in the same order in all languages."""

    code: str
    stream: str
    joint: str
    intros: dict[str, str]
    pronouns: dict[str, str]
    woman: str
    alias: tuple[str, ...]
    chronicle_title: str
    chronicle: tuple[str, ...]

    @property
    def zh(self) -> bool:
        return self.code == "zh"


_EN = _Language(
    code="en",
    stream="page",
    joint=" ",
    intros={kind.name: kind.intro for kind in TYPES},
    pronouns={kind.name: kind.pronoun for kind in TYPES},
    woman="She",
    alias=("{p} was once called {o}.", "{s} is also known as {o}.", "An older name of {s} is {o}."),
    chronicle_title="Chronicle {}",
    chronicle=(
        "{s} gathers small events.",
        "A street in {city} was named after {person}.",
        "{person} gave a lecture on {book}.",
        "A stamp showed {ship} off {city}.",
        "Visitors from {city} admired {museum}.",
        "A debate about {company} was held in {city}.",
        "{person} praised {film} in a letter.",
        "A flood of {river} was reported in the papers.",
        "The press compared {person} with the heroes of {book}.",
    ),
)
_ZH = _Language(
    code="zh",
    stream="page-zh",
    joint="",
    intros={
        "person": "{s}是一位知名人士。",
        "city": "{s}是一座城市。",
        "country": "{s}是一个国家。",
        "company": "{s}是一家公司。",
        "university": "{s}是一所大学。",
        "book": "{s}是一本书。",
        "film": "{s}是一部电影。",
        "river": "{s}是一条河流。",
        "ship": "{s}是一艘船。",
        "museum": "{s}是一座博物馆。",
        "expedition": "{s}是一次探险。",
        "prize": "{s}是一个奖项。",
    },
    pronouns={kind.name: "他" if kind.name == "person" else "它" for kind in TYPES},
    woman="她",
    alias=("{p}旧称{o}。", "{s}又名{o}。", "{s}的旧名是{o}。"),
    chronicle_title="纪事{}",
    chronicle=(
        "{s}收录了一些小事。",
        "{city}的一条街道以{person}命名。",
        "{person}就{book}作了一次讲座。",
        "一枚邮票上画着{city}近海的{ship}。",
        "来自{city}的游客欣赏了{museum}。",
        "在{city}举行了一场关于{company}的辩论。",
        "{person}在一封信中称赞了{film}。",
        "报纸报道了{river}的一次洪水。",
        "报刊把{person}比作{book}中的主人公。",
    ),
)


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
    """All pages: the entities' in the order of their numbers, the distractors, then all in Chinese if asked for."""
    base = knowledge(config)
    for lang in (_EN, _ZH) if "zh" in config.langs else (_EN,):
        for number in range(base.count):
            yield _entity_page(base, number, lang).document
        for number in range(config.pages - base.count):
            yield _distractor(base, number, lang)


def entity_page(base: KnowledgeBase, number: int) -> ClosedPage:
    """The English page of an entity."""
    return _entity_page(base, number, _EN)


def entity_page_zh(base: KnowledgeBase, number: int) -> ClosedPage:
    """The Chinese page of an entity. Its address has the Chinese name, its first alias is the English one."""
    return _entity_page(base, number, _ZH)


def _entity_page(base: KnowledgeBase, number: int, lang: _Language) -> ClosedPage:
    entity = base.entity(number)
    name, aliases = (base.name_zh(number), base.aliases_zh(number)) if lang.zh else (entity.name, entity.aliases)
    random = stream(base.config.seed, lang.stream, number)
    page = _Writer(base, lang)
    page.say(lang.intros[entity.type], {"s": name})
    most = base.config.wordings
    told: list[tuple[str, Fact | None, int | str]] = [
        (random.choice(_sentences(fact, lang)[:most]), fact, fact.object) for fact in base.facts(number)
    ]
    told += [(random.choice(lang.alias[:most]), None, alias) for alias in aliases]
    random.shuffle(told)
    pronoun = lang.woman if entity.type == "person" and entity.word % 2 else lang.pronouns[entity.type]
    for form, told_fact, thing in told:
        who = random.choice((pronoun, name))
        page.say(form, {"s": name, "p": who, "o": thing}, told_fact)
    for fact in base.facts_about(number):
        if inverse := _inverse_sentences(fact, lang):
            page.say(random.choice(inverse[:most]), {"s": fact.subject, "o": name}, fact)
    return page.finish(name, entity.type, (entity.name, *aliases) if lang.zh else aliases)


def _sentences(fact: Fact, lang: _Language) -> tuple[str, ...]:
    relation = RELATION_BY_NAME[fact.relation]
    return relation.zh if lang.zh else relation.sentences


def _inverse_sentences(fact: Fact, lang: _Language) -> tuple[str, ...]:
    relation = RELATION_BY_NAME[fact.relation]
    return relation.inverse_zh if lang.zh else relation.inverse


def where_stated(base: KnowledgeBase, fact: Fact) -> Statement:
    """The sentence of the subject's English page that states the fact."""
    return next(found for found in entity_page(base, fact.subject).statements if found.fact == fact)


def _distractor(base: KnowledgeBase, number: int, lang: _Language) -> Document:
    random = stream(base.config.seed, "distractor", number)
    title = lang.chronicle_title.format(number + 1)
    page = _Writer(base, lang)
    opening, *others = lang.chronicle
    page.say(opening, {"s": title})
    for form in random.sample(others, _TOLD):
        page.say(form, {kind: _some(base, kind, random) for kind in TYPE_BY_NAME if "{" + kind + "}" in form})
    return page.finish(title, "chronicle", ()).document


def _some(base: KnowledgeBase, kind: str, random: Random) -> int:
    numbers = base.ranges[kind]
    return random.choice(numbers) if numbers else 0


class _Writer:
    """Puts sentences together and keeps track of where facts and links are."""

    def __init__(self, base: KnowledgeBase, lang: _Language) -> None:
        self._base, self._lang = base, lang
        self._text = ""
        self._links: list[Link] = []
        self._statements: list[Statement] = []

    def say(self, form: str, fills: dict[str, int | str], fact: Fact | None = None) -> None:
        """Append a sentence; a number among `fills` is an entity and becomes a link."""
        self._text += self._lang.joint if self._text else ""
        start = len(self._text)
        for piece in form.replace("{", "\0{").replace("}", "}\0").split("\0"):
            thing = fills[piece[1:-1]] if piece.startswith("{") else piece
            if isinstance(thing, int):
                name = self._base.name_zh(thing) if self._lang.zh else self._base.entity(thing).name
                self._links.append(Link(target=_address(name), anchor=name, offset=len(self._text)))
                thing = name
            self._text += WORDS_ZH.get(thing, thing) if self._lang.zh else thing
        if fact is not None:
            self._statements.append(Statement(fact, start, len(self._text)))

    def finish(self, title: str, category: str, aliases: tuple[str, ...]) -> ClosedPage:
        document = Document(
            url=_address(title),
            title=title,
            text=self._text,
            lang=self._lang.code,
            categories=(category,),
            aliases=aliases,
            links=tuple(self._links),
            licence=LICENCE,
            source=SOURCE,
        )
        return ClosedPage(document, tuple(self._statements))


def _address(title: str) -> str:
    return SCHEME + title.replace(" ", "_")
