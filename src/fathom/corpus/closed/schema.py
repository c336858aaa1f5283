"""What there is in the closed world: types, relations, and the sentences that state a fact.

A relation goes from a subject type to an object type or a kind of value. In sentences `{s}` is the subject's name,
`{p}` its name or pronoun, `{o}` the object. Every relation has a noun (`birthplace`), which thoughts and clues use.
"""

from dataclasses import dataclass
from typing import Literal

ValueKind = Literal["year", "count", "word"]


@dataclass(frozen=True)
class EntityType:
    """A type with its share of all pages, how its pages begin, its pronoun, and the forms of its names, in which `{g}`
    is a given name and `{w}` a word of the entity's own; the Chinese name puts `zh` after the word."""

    name: str
    share: float
    intro: str
    pronoun: str
    names: tuple[str, ...]
    zh: str


@dataclass(frozen=True)
class Relation:
    """One relation. `object` is a type, or a kind of value; `pairs` marks a symmetric relation that pairs entities up.

    `inverse` sentences, where there are any, state the fact on the object's page too (`{s}` is still the subject).
    """

    name: str
    subject: str
    object: str
    noun: str
    sentences: tuple[str, ...]
    zh: str
    inverse: tuple[str, ...] = ()
    pairs: bool = False
    words: tuple[str, ...] = ()
    low: int = 0
    high: int = 0

    @property
    def is_value(self) -> bool:
        """Whether the object is a value and no entity."""
        return self.object in ("year", "count", "word")


TYPES = (
    EntityType("person", 0.36, "{s} was a person of note.", "He", ("{g} {w}",), ""),
    EntityType("city", 0.10, "{s} is a city.", "It", ("{w}", "Port {w}", "New {w}"), "城"),
    EntityType("country", 0.02, "{s} is a country.", "It", ("Republic of {w}", "Kingdom of {w}"), "国"),
    EntityType(
        "company", 0.13, "{s} is a company.", "It", ("{w} Works", "{w} Press", "{w} Mills", "{w} Trust"), "公司"
    ),
    EntityType("university", 0.05, "{s} is a university.", "It", ("University of {w}", "{w} College"), "大学"),
    EntityType("book", 0.11, "{s} is a book.", "It", ("The Last {w}", "Song of {w}", "Letters from {w}"), "记"),
    EntityType("film", 0.08, "{s} is a film.", "It", ("Return to {w}", "Night over {w}", "The {w} Affair"), "之夜"),
    EntityType("river", 0.04, "{s} is a river.", "It", ("River {w}",), "河"),
    EntityType("ship", 0.04, "{s} is a ship.", "It", ("Star of {w}", "Pride of {w}"), "号"),
    EntityType("museum", 0.03, "{s} is a museum.", "It", ("{w} Museum", "{w} Gallery"), "博物馆"),
    EntityType("expedition", 0.02, "{s} was an expedition.", "It", ("{w} Expedition",), "探险"),
    EntityType("prize", 0.02, "{s} is a prize.", "It", ("{w} Prize", "{w} Medal"), "奖"),
)

PROFESSIONS = (
    "chemist", "painter", "lawyer", "poet", "geologist", "singer", "pilot", "miner", "botanist", "dancer", "sculptor",
    "surgeon", "historian", "mason", "composer", "printer",
)  # fmt: skip
GOODS = (
    "clocks", "bicycles", "paper", "glass", "ropes", "lamps", "radios", "carpets", "engines", "tea", "pianos", "maps",
)  # fmt: skip
GENRES = ("comedy", "drama", "western", "thriller", "musical", "documentary")
FIELDS = ("medicine", "poetry", "physics", "sculpture", "navigation", "botany", "music", "history")


def _year(name: str, subject: str, noun: str, sentences: tuple[str, ...], zh: str, low: int, high: int) -> Relation:
    return Relation(name, subject, "year", noun, sentences, zh, low=low, high=high)


RELATIONS = (
    Relation(
        "born_in", "person", "city", "birthplace",
        ("{p} was born in {o}.", "The birthplace of {s} is {o}.", "{p} came into the world in {o}.",
         "{s} was a native of {o}.", "{o} is the birthplace of {s}."),
        "{s}出生于{o}。",
    ),
    _year(
        "born", "person", "birth year",
        ("{p} was born in {o}.", "The year of birth of {s} was {o}.", "{p} was born in the year {o}.",
         "The life of {s} began in {o}."),
        "{s}生于{o}年。", 1700, 1980,
    ),
    Relation(
        "profession", "person", "word", "profession",
        ("{p} worked as a {o}.", "{s} was a {o}.", "By profession {s} was a {o}.", "{p} made a living as a {o}."),
        "{s}的职业是{o}。", words=PROFESSIONS,
    ),
    Relation(
        "spouse", "person", "person", "spouse",
        ("{p} married {o}.", "{s} was married to {o}.", "The spouse of {s} was {o}.", "{p} shared a house with {o}, "
         "to whom {s} was married."),
        "{s}的配偶是{o}。", pairs=True,
    ),
    Relation(
        "employer", "person", "company", "employer",
        ("{p} worked for {o}.", "{s} was employed by {o}.", "The employer of {s} was {o}.", "{p} earned wages at {o}."),
        "{s}曾任职于{o}。",
    ),
    Relation(
        "studied_at", "person", "university", "university",
        ("{p} studied at {o}.", "{s} was a student of {o}.", "The university of {s} was {o}.",
         "{p} took a degree at {o}."),
        "{s}就读于{o}。",
    ),
    Relation(
        "located_in", "city", "country", "country",
        ("{s} lies in {o}.", "{p} is a city of {o}.", "The country of {s} is {o}.", "{p} belongs to {o}."),
        "{s}位于{o}。",
    ),
    Relation(
        "mayor", "city", "person", "mayor",
        ("The mayor of {s} is {o}.", "{p} is governed by {o}, the mayor.", "{o} is mayor of {s}.",
         "The office of mayor of {s} is held by {o}."),
        "{s}的市长是{o}。",
    ),
    Relation(
        "twin", "city", "city", "twin town",
        ("{s} is twinned with {o}.", "The twin town of {s} is {o}.", "{p} has a twin town, {o}."),
        "{s}与{o}结为友好城市。", pairs=True,
    ),
    Relation(
        "population", "city", "count", "population",
        ("{s} has {o} inhabitants.", "The population of {s} is {o}.", "{o} people live in {s}."),
        "{s}有{o}名居民。", low=1_000, high=99_999,
    ),
    Relation(
        "capital", "country", "city", "capital",
        ("The capital of {s} is {o}.", "{p} is ruled from its capital, {o}.", "{o} is the capital of {s}."),
        "{s}的首都是{o}。",
    ),
    _year(
        "independence", "country", "year of independence",
        ("{s} became independent in {o}.", "{p} has been independent since {o}.",
         "The independence of {s} dates from {o}."),
        "{s}于{o}年独立。", 1750, 1950,
    ),
    Relation(
        "founder", "company", "person", "founder",
        ("{s} was founded by {o}.", "The founder of {s} was {o}.", "{o} founded {s}.", "{p} was set up by {o}."),
        "{s}由{o}创立。", inverse=("{o} founded {s}.", "{o} was the founder of {s}."),
    ),
    Relation(
        "seat", "company", "city", "seat",
        ("{s} has its seat in {o}.", "{p} is based in {o}.", "The seat of {s} is in {o}.", "{p} is run from {o}."),
        "{s}总部设在{o}。",
    ),
    _year(
        "founded", "company", "founding year",
        ("{s} was founded in {o}.", "{p} dates from {o}.", "The founding year of {s} was {o}.",
         "{p} opened its doors in {o}."),
        "{s}成立于{o}年。", 1750, 1990,
    ),
    Relation(
        "product", "company", "word", "product",
        ("{p} makes {o}.", "{s} is known for its {o}.", "The product of {s} is {o}.", "{p} sells {o}."),
        "{s}生产{o}。", words=GOODS,
    ),
    Relation(
        "owner", "company", "company", "owner",
        ("{p} belongs to {o}.", "{s} is owned by {o}.", "The owner of {s} is {o}.", "{o} owns {s}."),
        "{s}归{o}所有。",
    ),
    Relation(
        "campus", "university", "city", "campus",
        ("The campus of {s} is in {o}.", "{p} stands in {o}.", "{s} teaches in {o}."),
        "{s}的校园在{o}。",
    ),
    Relation(
        "rector", "university", "person", "rector",
        ("The rector of {s} is {o}.", "{p} is led by {o}, the rector.", "{o} is rector of {s}."),
        "{s}的校长是{o}。",
    ),
    _year(
        "opened", "university", "opening year",
        ("{s} opened in {o}.", "{p} has taught since {o}.", "The opening year of {s} was {o}."),
        "{s}于{o}年开办。", 1600, 1950,
    ),
    Relation(
        "author", "book", "person", "author",
        ("{s} was written by {o}.", "The author of {s} is {o}.", "{o} wrote {s}.", "{p} is a work of {o}."),
        "{s}的作者是{o}。", inverse=("{o} wrote {s}.", "{o} is the author of {s}."),
    ),
    Relation(
        "publisher", "book", "company", "publisher",
        ("{s} was published by {o}.", "{p} came out with {o}.", "The publisher of {s} was {o}.", "{o} published {s}."),
        "{s}由{o}出版。",
    ),
    _year(
        "published", "book", "year of publication",
        ("{s} came out in {o}.", "{p} first appeared in {o}.", "The year of publication of {s} was {o}.",
         "{p} was printed in {o}."),
        "{s}出版于{o}年。", 1800, 1999,
    ),
    Relation(
        "set_in", "book", "city", "setting",
        ("{s} is set in {o}.", "The setting of {s} is {o}.", "{p} tells a story from {o}."),
        "{s}的故事发生在{o}。",
    ),
    Relation(
        "director", "film", "person", "director",
        ("{s} was directed by {o}.", "The director of {s} was {o}.", "{o} directed {s}.",
         "{p} was made by {o}, the director."),
        "{s}由{o}执导。", inverse=("{o} directed {s}.", "{o} was the director of {s}."),
    ),
    Relation(
        "based_on", "film", "book", "source",
        ("{s} is based on {o}.", "{p} brings {o} to the screen.", "The source of {s} is {o}."),
        "{s}改编自{o}。",
    ),
    Relation(
        "genre", "film", "word", "genre",
        ("{s} is a {o}.", "{p} is counted as a {o}.", "The genre of {s} is {o}."),
        "{s}的类型是{o}。", words=GENRES,
    ),
    _year(
        "released", "film", "year of release",
        ("{s} was released in {o}.", "{p} was first shown in {o}.", "The year of release of {s} was {o}."),
        "{s}上映于{o}年。", 1900, 1999,
    ),
    Relation(
        "mouth", "river", "city", "mouth",
        ("{s} ends at {o}.", "The mouth of {s} is at {o}.", "{p} reaches the sea at {o}."),
        "{s}在{o}入海。",
    ),
    Relation(
        "length", "river", "count", "length",
        ("{s} is {o} kilometres long.", "The length of {s} is {o} kilometres.", "{p} runs for {o} kilometres."),
        "{s}全长{o}公里。", low=20, high=4_000,
    ),
    Relation(
        "builder", "ship", "company", "builder",
        ("{s} was built by {o}.", "The builder of {s} was {o}.", "{o} built {s}."),
        "{s}由{o}建造。",
    ),
    Relation(
        "home_port", "ship", "city", "home port",
        ("The home port of {s} is {o}.", "{p} sails from {o}.", "{s} has its home port in {o}."),
        "{s}的母港是{o}。",
    ),
    Relation(
        "captain", "ship", "person", "captain",
        ("The captain of {s} was {o}.", "{p} sailed under {o}, the captain.", "{o} was captain of {s}."),
        "{s}的船长是{o}。",
    ),
    Relation(
        "museum_city", "museum", "city", "city",
        ("{s} can be visited in {o}.", "The city of {s} is {o}.", "{p} is housed in {o}."),
        "{s}坐落于{o}。",
    ),
    Relation(
        "architect", "museum", "person", "architect",
        ("{s} was designed by {o}.", "The architect of {s} was {o}.", "{o} drew the plans of {s}."),
        "{s}由{o}设计。",
    ),
    Relation(
        "leader", "expedition", "person", "leader",
        ("{s} was led by {o}.", "The leader of {s} was {o}.", "{o} led {s}."),
        "{s}由{o}率领。",
    ),
    Relation(
        "vessel", "expedition", "ship", "vessel",
        ("{s} travelled on {o}.", "The vessel of {s} was {o}.", "{o} carried {s}."),
        "{s}乘坐{o}。",
    ),
    _year(
        "departed", "expedition", "year of departure",
        ("{s} departed in {o}.", "{p} set out in {o}.", "The year of departure of {s} was {o}."),
        "{s}于{o}年启程。", 1750, 1960,
    ),
    Relation(
        "donor", "prize", "company", "donor",
        ("{s} is paid for by {o}.", "The donor of {s} is {o}.", "{o} gives the money for {s}."),
        "{s}由{o}资助。",
    ),
    Relation(
        "first_winner", "prize", "person", "first winner",
        ("{s} first went to {o}.", "The first winner of {s} was {o}.", "{o} was the first winner of {s}."),
        "{s}的首位得主是{o}。", inverse=("{o} was the first winner of {s}.",),
    ),
    Relation(
        "field", "prize", "word", "field",
        ("{s} is given for {o}.", "The field of {s} is {o}.", "{p} honours work in {o}."),
        "{s}授予{o}领域。", words=FIELDS,
    ),
)  # fmt: skip

TYPE_BY_NAME = {kind.name: kind for kind in TYPES}
RELATION_BY_NAME = {relation.name: relation for relation in RELATIONS}
