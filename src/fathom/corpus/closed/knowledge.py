"""The ground truth of a closed world: who stands in which relation to whom.

Entities are numbered, each type a range of numbers. A relation is one array: the object of each of its subjects. So a
million entities with four million facts take some 20 MB, and an entity is made only when it is looked at.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import ConfigError
from fathom.core.seeds import derive_seed
from fathom.corpus.closed.names import SYLLABLE_ZH, WORDS, Words
from fathom.corpus.closed.schema import RELATION_BY_NAME, RELATIONS, TYPES, WORDS_ZH, Relation

SCHEME = "closed:"
_NAMESAKE_EVERY = 40  # of persons; one in forty shares a name with another
_ALIAS_EVERY = 7  # of cities and companies
_OPTIONAL = {"owner": 0.3, "based_on": 0.3, "employer": 0.1, "studied_at": 0.1}  # share of subjects without one
_GIVEN_NAMES = 400
_GIVEN = "{g} "  # begins the form of a person's name
_ABSENT = -1


class ClosedConfig(Config):
    """Which closed world."""

    pages: int = Field(default=2_000, ge=100, le=1_000_000, description="English pages, distractors among them")
    seed: int = Field(default=0, ge=0, description="another seed is another world with other names")
    name_seed: int | None = Field(default=None, ge=0, description="seed of the names; none: `seed`")
    first_word: int = Field(
        default=0, ge=0, description="number of the first word of a name; see `KnowledgeBase.words_used`"
    )
    langs: tuple[Literal["en", "zh"], ...] = Field(
        default=("en",), description='"en", and "zh" for a second page of each in Chinese'
    )
    given_names: bool = Field(
        default=True, description="persons have two names; with one, as other entities, contexts get shorter by a fifth"
    )
    wordings: int = Field(
        default=8, ge=1, description="sentence forms of one relation at most; there are three to five of each"
    )
    distractors: float = Field(default=0.03, ge=0, le=0.5, description="share of pages that state no fact")
    near: float = Field(
        default=0.8, ge=0, le=1, description="share of relations to an entity near by, which close cycles"
    )


class Entity(NamedTuple):
    """An entity. `name` is its page's title; namesakes have theirs told apart by a bracket. `word` is the number of
    the word its name is made of."""

    id: int
    type: str
    name: str
    aliases: tuple[str, ...]
    word: int

    @property
    def url(self) -> str:
        return SCHEME + self.name.replace(" ", "_")


class Fact(NamedTuple):
    """One fact. `object` is an entity's number, or the text of a value."""

    subject: int
    relation: str
    object: int | str


class KnowledgeBase:
    """All entities and facts of one closed world. Made by `knowledge`."""

    def __init__(self, config: ClosedConfig) -> None:
        self.config = config
        self.count = max(len(TYPES), round(config.pages * (1 - config.distractors)))
        self.ranges = _ranges(self.count)
        if self.words_used.stop > WORDS:
            raise ConfigError(f"names would be made of words up to {self.words_used.stop:,}; there are {WORDS:,}")
        self._words = Words(config.seed if config.name_seed is None else config.name_seed, "words")
        self._objects = {relation.name: self._draw(relation) for relation in RELATIONS}
        self._inverse: dict[str, tuple[NDArray[np.int32], NDArray[np.int32]]] = {}

    @property
    def words_used(self) -> range:
        """The numbers of the words that names, aliases and given names are made of. Worlds of one `name_seed` whose
        numbers do not overlap share no word."""
        return range(self.config.first_word, self.config.first_word + 2 * self.count + _GIVEN_NAMES)

    @property
    def relations(self) -> dict[str, Relation]:
        """All relations by name."""
        return RELATION_BY_NAME

    def relations_of(self, type_name: str) -> tuple[Relation, ...]:
        """The relations that entities of that type are subjects of."""
        return _RELATIONS_OF[type_name]

    def type_of(self, entity: int) -> str:
        """The type of the entity with that number."""
        return next(name for name, numbers in self.ranges.items() if entity in numbers)

    def entity(self, number: int) -> Entity:
        """The entity with that number. Raises `IndexError` for a number there is none of."""
        if not 0 <= number < self.count:
            raise IndexError(f"there is no entity {number}: there are {self.count}")
        kind = self.type_of(number)
        offset = number - self.ranges[kind].start
        name = self._plain_name(kind, number)
        if kind == "person" and (offset % _NAMESAKE_EVERY == _NAMESAKE_EVERY - 1 or self._has_namesake(offset)):
            name = f"{name} ({self._value('profession', offset)})"
        aliases = (self._words.word(self._alias_number(number)),) if self._has_alias(kind, offset) else ()
        return Entity(number, kind, name, aliases, self._word_number(kind, number))

    def entities(self) -> Iterator[Entity]:
        """All entities in the order of their numbers."""
        return map(self.entity, range(self.count))

    def name_zh(self, number: int) -> str:
        """The Chinese name, which is the sound of the English one. Unique like it."""
        kind = TYPES[[kind.name for kind in TYPES].index(self.type_of(number))]
        entity = self.entity(number)
        sound = self._sound(self.words_used.start + entity.word)
        if kind.name != "person":
            return sound + kind.zh
        trade = entity.name.partition(" (")[2].removesuffix(")")
        bracket = f"（{WORDS_ZH[trade]}）" if trade else ""
        if not self.config.given_names:
            return sound + bracket
        return f"{self._sound(self._given_number(entity.word))}·{sound}{bracket}"

    def aliases_zh(self, number: int) -> tuple[str, ...]:
        """The Chinese aliases, the sound of the English ones."""
        return tuple(self._sound(self._alias_number(number)) for _ in self.entity(number).aliases)

    def by_name(self, text: str) -> tuple[Entity, ...]:
        """The entities that bear this title, this name without its bracket, or this alias."""
        return tuple(self.entity(number) for number in self._by_name.get(text, ()))

    @cached_property
    def _by_name(self) -> dict[str, tuple[int, ...]]:
        found: defaultdict[str, list[int]] = defaultdict(list)
        for entity in self.entities():
            for name in dict.fromkeys([entity.name, entity.name.partition(" (")[0], *entity.aliases]):
                found[name].append(entity.id)
        return {name: tuple(numbers) for name, numbers in found.items()}

    def named(self, title: str) -> int | None:
        """The number of the entity with that title, None where there is none."""
        return next((number for number in self._by_name.get(title, ()) if self.entity(number).name == title), None)

    def domain(self, relation: str) -> range:
        """The numbers of the entities that may be subjects of the relation."""
        return self.ranges[RELATION_BY_NAME[relation].subject]

    def objects(self, subject: int, relation: str) -> tuple[int | str, ...]:
        """What stands in that relation to the subject: one object or none."""
        numbers = self.ranges[RELATION_BY_NAME[relation].subject]
        if subject not in numbers:
            return ()
        value = int(self._objects[relation][subject - numbers.start])
        return () if value == _ABSENT else (self._object(RELATION_BY_NAME[relation], value),)

    def subjects(self, relation: str, wanted: int | str) -> tuple[int, ...]:
        """All subjects that stand in that relation to the object, in the order of their numbers."""
        known = RELATION_BY_NAME[relation]
        number = wanted if isinstance(wanted, int) else _number(known, wanted)
        if number is None or isinstance(wanted, int) == known.is_value:
            return ()
        if relation not in self._inverse:
            order = np.argsort(self._objects[relation], kind="stable").astype(np.int32)
            self._inverse[relation] = order, self._objects[relation][order]
        order, values = self._inverse[relation]
        # Bounds of the array's own type: others would have the whole of it converted at each call.
        first, last = np.searchsorted(values, np.array([number, number + 1], np.int32))
        start = self.ranges[known.subject].start
        return tuple(start + int(offset) for offset in np.sort(order[first:last]))

    def facts(self, subject: int) -> tuple[Fact, ...]:
        """The facts that the entity is the subject of."""
        return tuple(
            Fact(subject, relation.name, found)
            for relation in self.relations_of(self.type_of(subject))
            for found in self.objects(subject, relation.name)
        )

    def facts_about(self, entity: int) -> tuple[Fact, ...]:
        """The facts that the entity is the object of."""
        kind = self.type_of(entity)
        return tuple(
            Fact(subject, relation.name, entity)
            for relation in RELATIONS
            if relation.object == kind
            for subject in self.subjects(relation.name, entity)
        )

    def neighbours(self, entity: int) -> tuple[Fact, ...]:
        """All facts that join the entity to another one."""
        outward = tuple(fact for fact in self.facts(entity) if isinstance(fact.object, int))
        return outward + tuple(fact for fact in self.facts_about(entity) if fact.subject != entity)

    def text(self, thing: int | str) -> str:
        """A fact's object as pages write it: an entity's title, or the value."""
        return self.entity(thing).name if isinstance(thing, int) else thing

    def _draw(self, relation: Relation) -> NDArray[np.int32]:
        """The object of each subject: entity numbers, or values."""
        generator = np.random.default_rng(derive_seed(self.config.seed, "relation", relation.name))
        count = len(self.ranges[relation.subject])
        if relation.is_value:
            found = generator.integers(relation.low, (len(relation.words) or relation.high + 1), count)
        elif relation.pairs:
            found = _pairs(count, generator) + self.ranges[relation.subject].start
        else:
            numbers = self.ranges[relation.object]
            found = numbers.start + _near(count, len(numbers), self.config.near, generator)
        drawn: NDArray[np.int32] = found.astype(np.int32)
        if relation.name == "profession":
            _tell_namesakes_apart(drawn, len(relation.words))
        if relation.object == relation.subject:
            own = self.ranges[relation.subject].start + np.arange(count)
            drawn[drawn == own] = _ABSENT
        drawn[generator.random(count) < _OPTIONAL.get(relation.name, 0.0)] = _ABSENT
        return drawn

    def _object(self, relation: Relation, value: int) -> int | str:
        if not relation.is_value:
            return value
        return relation.words[value] if relation.words else str(value)

    def _value(self, relation: str, offset: int) -> str:
        return str(self._object(RELATION_BY_NAME[relation], int(self._objects[relation][offset])))

    def _has_namesake(self, offset: int) -> bool:
        return offset % _NAMESAKE_EVERY == _NAMESAKE_EVERY - 2 and offset + 1 < len(self.ranges["person"])

    def _has_alias(self, kind: str, offset: int) -> bool:
        return kind in ("city", "company") and offset % _ALIAS_EVERY == 0

    def _word_number(self, kind: str, number: int) -> int:
        offset = number - self.ranges[kind].start
        return number - 1 if kind == "person" and offset % _NAMESAKE_EVERY == _NAMESAKE_EVERY - 1 else number

    def _plain_name(self, kind: str, number: int) -> str:
        word = self._word_number(kind, number)
        forms = _FORMS[kind]
        form = forms[derive_seed(self.config.seed, "form", word) % len(forms)]
        form = form if self.config.given_names else form.removeprefix(_GIVEN)
        name = self._words.word(self.words_used.start + word)
        return form.format(w=name, g=self._words.word(self._given_number(word)))

    def _alias_number(self, number: int) -> int:
        return self.words_used.start + self.count + number

    def _sound(self, word: int) -> str:
        return "".join(SYLLABLE_ZH[part] for part in self._words.syllables(word))

    def _given_number(self, word: int) -> int:
        return self.words_used.stop - _GIVEN_NAMES + word % _GIVEN_NAMES


def knowledge(config: ClosedConfig) -> KnowledgeBase:
    """The ground truth of that world. Takes some seconds and 30 MB at a million pages.

    Raises `ConfigError` where there are not words enough from `first_word` on.
    """
    return KnowledgeBase(config)


_FORMS = {kind.name: kind.names for kind in TYPES}
_RELATIONS_OF = {kind.name: tuple(r for r in RELATIONS if r.subject == kind.name) for kind in TYPES}


def _ranges(count: int) -> dict[str, range]:
    """The numbers of each type; every type has at least one."""
    edges = np.round(np.cumsum([0.0, *(kind.share for kind in TYPES)]) / sum(k.share for k in TYPES) * count).astype(
        int
    )
    return {kind.name: range(int(edges[i]), int(edges[i + 1])) for i, kind in enumerate(TYPES)}


def _near(count: int, others: int, near: float, generator: np.random.Generator) -> NDArray[np.int64]:
    """For each of `count` subjects one of `others` objects, mostly one at about the same place of its range."""
    width = max(2.0, 0.001 * others)
    place = (np.arange(count) + 0.5) / count * others + generator.uniform(-width, width, count)
    far = generator.random(count) >= near
    place[far] = generator.uniform(0, others, int(far.sum()))
    return np.floor(place).astype(np.int64) % others


def _pairs(count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """A partner for each, who has it as partner; with an odd count one is its own."""
    order = np.argsort(np.arange(count) + generator.uniform(0, 20, count))
    partner = np.arange(count)
    even = count // 2 * 2
    partner[order[0:even:2]], partner[order[1:even:2]] = order[1:even:2], order[0:even:2]
    return partner


def _tell_namesakes_apart(professions: NDArray[np.int32], count: int) -> None:
    for offset in range(_NAMESAKE_EVERY - 1, len(professions), _NAMESAKE_EVERY):
        if professions[offset] == professions[offset - 1]:
            professions[offset] = (professions[offset] + 1) % count


def _number(relation: Relation, text: str) -> int | None:
    if relation.words:
        return relation.words.index(text) if text in relation.words else None
    if not text.isdecimal() or len(text) > 9 or str(int(text)) != text:  # as pages write it, and within 32 bits
        return None
    return int(text)
