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

    `inverse` sentences, where there are any, state the fact on the object's page too (`{s}` is still the subject). What
    ends in `zh` are the Chinese sentences.
    """

    name: str
    subject: str
    object: str
    noun: str
    sentences: tuple[str, ...]
    zh: tuple[str, ...]
    inverse: tuple[str, ...] = ()
    inverse_zh: tuple[str, ...] = ()
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
WORDS_ZH = {
    "chemist": "化学家", "painter": "画家", "lawyer": "律师", "poet": "诗人", "geologist": "地质学家", "singer": "歌手",
    "pilot": "飞行员", "miner": "矿工", "botanist": "植物学家", "dancer": "舞蹈家", "sculptor": "雕塑家",
    "surgeon": "外科医生", "historian": "历史学家", "mason": "石匠", "composer": "作曲家", "printer": "印刷工",
    "clocks": "钟表", "bicycles": "自行车", "paper": "纸张", "glass": "玻璃", "ropes": "绳索", "lamps": "灯具",
    "radios": "收音机", "carpets": "地毯", "engines": "发动机", "tea": "茶叶", "pianos": "钢琴", "maps": "地图",
    "comedy": "喜剧片", "drama": "剧情片", "western": "西部片", "thriller": "惊悚片", "musical": "歌舞片",
    "documentary": "纪录片", "medicine": "医学", "poetry": "诗歌", "physics": "物理学", "sculpture": "雕塑",
    "navigation": "航海", "botany": "植物学", "music": "音乐", "history": "历史",
}  # fmt: skip


def _year(
    name: str, subject: str, noun: str, sentences: tuple[str, ...], zh: tuple[str, ...], low: int, high: int
) -> Relation:
    return Relation(name, subject, "year", noun, sentences, zh, low=low, high=high)


RELATIONS = (
    Relation(
        "born_in", "person", "city", "birthplace",
        ("{p} was born in {o}.", "The birthplace of {s} is {o}.", "{p} came into the world in {o}.",
         "{s} was a native of {o}.", "{o} is the birthplace of {s}."),
        ("{p}出生于{o}。", "{s}的出生地是{o}。", "{o}是{s}的故乡。"),
    ),
    _year(
        "born", "person", "birth year",
        ("{p} was born in {o}.", "The year of birth of {s} was {o}.", "{p} was born in the year {o}.",
         "The life of {s} began in {o}."),
        ("{p}生于{o}年。", "{s}的出生年份是{o}年。", "{s}在{o}年出生。"), 1700, 1980,
    ),
    Relation(
        "profession", "person", "word", "profession",
        ("{p} worked as a {o}.", "{s} was a {o}.", "By profession {s} was a {o}.", "{p} made a living as a {o}."),
        ("{p}的职业是{o}。", "{p}以{o}为业。"), words=PROFESSIONS,
    ),
    Relation(
        "spouse", "person", "person", "spouse",
        ("{p} married {o}.", "{s} was married to {o}.", "The spouse of {s} was {o}.", "{p} shared a house with {o}, "
         "to whom {s} was married."),
        ("{p}的配偶是{o}。", "{s}与{o}结为夫妻。", "{o}是{s}的配偶。"), pairs=True,
    ),
    Relation(
        "employer", "person", "company", "employer",
        ("{p} worked for {o}.", "{s} was employed by {o}.", "The employer of {s} was {o}.", "{p} earned wages at {o}."),
        ("{p}曾任职于{o}。", "{s}曾在{o}工作。", "{s}的雇主是{o}。"),
    ),
    Relation(
        "studied_at", "person", "university", "university",
        ("{p} studied at {o}.", "{s} was a student of {o}.", "The university of {s} was {o}.",
         "{p} took a degree at {o}."),
        ("{p}就读于{o}。", "{s}曾在{o}求学。", "{o}是{s}的母校。"),
    ),
    Relation(
        "located_in", "city", "country", "country",
        ("{s} lies in {o}.", "{p} is a city of {o}.", "The country of {s} is {o}.", "{p} belongs to {o}."),
        ("{s}位于{o}。", "{p}是{o}的一座城市。", "{s}属于{o}。"),
    ),
    Relation(
        "mayor", "city", "person", "mayor",
        ("The mayor of {s} is {o}.", "{p} is governed by {o}, the mayor.", "{o} is mayor of {s}.",
         "The office of mayor of {s} is held by {o}."),
        ("{p}的市长是{o}。", "{o}担任{s}的市长。", "{s}由{o}出任市长。"),
    ),
    Relation(
        "twin", "city", "city", "twin town",
        ("{s} is twinned with {o}.", "The twin town of {s} is {o}.", "{p} has a twin town, {o}."),
        ("{p}与{o}结为友好城市。", "{s}的友好城市是{o}。", "{o}是{s}的友好城市。"), pairs=True,
    ),
    Relation(
        "population", "city", "count", "population",
        ("{s} has {o} inhabitants.", "The population of {s} is {o}.", "{o} people live in {s}."),
        ("{p}有{o}名居民。", "{s}的人口是{o}。", "{s}住着{o}人。"), low=1_000, high=99_999,
    ),
    Relation(
        "capital", "country", "city", "capital",
        ("The capital of {s} is {o}.", "{p} is ruled from its capital, {o}.", "{o} is the capital of {s}."),
        ("{p}的首都是{o}。", "{s}定都于{o}。", "{o}是{s}的首都。"),
    ),
    _year(
        "independence", "country", "year of independence",
        ("{s} became independent in {o}.", "{p} has been independent since {o}.",
         "The independence of {s} dates from {o}."),
        ("{p}于{o}年独立。", "{s}在{o}年取得独立。", "{s}的独立年份是{o}年。"), 1750, 1950,
    ),
    Relation(
        "founder", "company", "person", "founder",
        ("{s} was founded by {o}.", "The founder of {s} was {o}.", "{o} founded {s}.", "{p} was set up by {o}."),
        ("{p}由{o}创立。", "{s}的创始人是{o}。", "{o}创办了{s}。"),
        inverse=("{o} founded {s}.", "{o} was the founder of {s}."),
        inverse_zh=("{o}创办了{s}。", "{o}是{s}的创始人。"),
    ),
    Relation(
        "seat", "company", "city", "seat",
        ("{s} has its seat in {o}.", "{p} is based in {o}.", "The seat of {s} is in {o}.", "{p} is run from {o}."),
        ("{p}的总部设在{o}。", "{s}的总部位于{o}。", "{o}是{s}的总部所在地。"),
    ),
    _year(
        "founded", "company", "founding year",
        ("{s} was founded in {o}.", "{p} dates from {o}.", "The founding year of {s} was {o}.",
         "{p} opened its doors in {o}."),
        ("{p}成立于{o}年。", "{s}创办于{o}年。", "{s}的成立年份是{o}年。"), 1750, 1990,
    ),
    Relation(
        "product", "company", "word", "product",
        ("{p} makes {o}.", "{s} is known for its {o}.", "The product of {s} is {o}.", "{p} sells {o}."),
        ("{p}生产{o}。", "{s}的产品是{o}。", "{s}以生产{o}闻名。"), words=GOODS,
    ),
    Relation(
        "owner", "company", "company", "owner",
        ("{p} belongs to {o}.", "{s} is owned by {o}.", "The owner of {s} is {o}.", "{o} owns {s}."),
        ("{p}归{o}所有。", "{s}的所有者是{o}。", "{o}拥有{s}。"),
    ),
    Relation(
        "campus", "university", "city", "campus",
        ("The campus of {s} is in {o}.", "{p} stands in {o}.", "{s} teaches in {o}."),
        ("{p}的校园在{o}。", "{s}的校园位于{o}。", "{o}是{s}的校园所在地。"),
    ),
    Relation(
        "rector", "university", "person", "rector",
        ("The rector of {s} is {o}.", "{p} is led by {o}, the rector.", "{o} is rector of {s}."),
        ("{p}的校长是{o}。", "{o}担任{s}的校长。", "{s}由{o}出任校长。"),
    ),
    _year(
        "opened", "university", "opening year",
        ("{s} opened in {o}.", "{p} has taught since {o}.", "The opening year of {s} was {o}."),
        ("{p}于{o}年开办。", "{s}在{o}年开始授课。", "{s}的开办年份是{o}年。"), 1600, 1950,
    ),
    Relation(
        "author", "book", "person", "author",
        ("{s} was written by {o}.", "The author of {s} is {o}.", "{o} wrote {s}.", "{p} is a work of {o}."),
        ("{p}的作者是{o}。", "{s}出自{o}之手。", "{o}写了{s}。"),
        inverse=("{o} wrote {s}.", "{o} is the author of {s}."), inverse_zh=("{o}写了{s}。", "{o}是{s}的作者。"),
    ),
    Relation(
        "publisher", "book", "company", "publisher",
        ("{s} was published by {o}.", "{p} came out with {o}.", "The publisher of {s} was {o}.", "{o} published {s}."),
        ("{p}由{o}出版。", "{s}的出版者是{o}。", "{o}出版了{s}。"),
    ),
    _year(
        "published", "book", "year of publication",
        ("{s} came out in {o}.", "{p} first appeared in {o}.", "The year of publication of {s} was {o}.",
         "{p} was printed in {o}."),
        ("{p}出版于{o}年。", "{s}在{o}年问世。", "{s}的出版年份是{o}年。"), 1800, 1999,
    ),
    Relation(
        "set_in", "book", "city", "setting",
        ("{s} is set in {o}.", "The setting of {s} is {o}.", "{p} tells a story from {o}."),
        ("{p}的故事发生在{o}。", "{s}以{o}为背景。", "{o}是{s}的故事发生地。"),
    ),
    Relation(
        "director", "film", "person", "director",
        ("{s} was directed by {o}.", "The director of {s} was {o}.", "{o} directed {s}.",
         "{p} was made by {o}, the director."),
        ("{p}由{o}执导。", "{s}的导演是{o}。", "{o}执导了{s}。"),
        inverse=("{o} directed {s}.", "{o} was the director of {s}."),
        inverse_zh=("{o}执导了{s}。", "{o}是{s}的导演。"),
    ),
    Relation(
        "based_on", "film", "book", "source",
        ("{s} is based on {o}.", "{p} brings {o} to the screen.", "The source of {s} is {o}."),
        ("{p}改编自{o}。", "{s}取材于{o}。", "{s}的原著是{o}。"),
    ),
    Relation(
        "genre", "film", "word", "genre",
        ("{s} is a {o}.", "{p} is counted as a {o}.", "The genre of {s} is {o}."),
        ("{p}的类型是{o}。", "{s}属于{o}。"), words=GENRES,
    ),
    _year(
        "released", "film", "year of release",
        ("{s} was released in {o}.", "{p} was first shown in {o}.", "The year of release of {s} was {o}."),
        ("{p}上映于{o}年。", "{s}在{o}年首映。", "{s}的上映年份是{o}年。"), 1900, 1999,
    ),
    Relation(
        "mouth", "river", "city", "mouth",
        ("{s} ends at {o}.", "The mouth of {s} is at {o}.", "{p} reaches the sea at {o}."),
        ("{p}在{o}入海。", "{s}的河口在{o}。", "{o}位于{s}的河口。"),
    ),
    Relation(
        "length", "river", "count", "length",
        ("{s} is {o} kilometres long.", "The length of {s} is {o} kilometres.", "{p} runs for {o} kilometres."),
        ("{p}全长{o}公里。", "{s}的长度是{o}公里。", "{s}绵延{o}公里。"), low=20, high=4_000,
    ),
    Relation(
        "builder", "ship", "company", "builder",
        ("{s} was built by {o}.", "The builder of {s} was {o}.", "{o} built {s}."),
        ("{p}由{o}建造。", "{s}的建造者是{o}。", "{o}建造了{s}。"),
    ),
    Relation(
        "home_port", "ship", "city", "home port",
        ("The home port of {s} is {o}.", "{p} sails from {o}.", "{s} has its home port in {o}."),
        ("{p}的母港是{o}。", "{s}以{o}为母港。", "{o}是{s}的母港。"),
    ),
    Relation(
        "captain", "ship", "person", "captain",
        ("The captain of {s} was {o}.", "{p} sailed under {o}, the captain.", "{o} was captain of {s}."),
        ("{p}的船长是{o}。", "{o}担任{s}的船长。", "{s}由{o}担任船长。"),
    ),
    Relation(
        "museum_city", "museum", "city", "city",
        ("{s} can be visited in {o}.", "The city of {s} is {o}.", "{p} is housed in {o}."),
        ("{p}坐落于{o}。", "{s}位于{o}。", "{s}设在{o}。"),
    ),
    Relation(
        "architect", "museum", "person", "architect",
        ("{s} was designed by {o}.", "The architect of {s} was {o}.", "{o} drew the plans of {s}."),
        ("{p}由{o}设计。", "{s}的建筑师是{o}。", "{o}设计了{s}。"),
    ),
    Relation(
        "leader", "expedition", "person", "leader",
        ("{s} was led by {o}.", "The leader of {s} was {o}.", "{o} led {s}."),
        ("{p}由{o}率领。", "{s}的领队是{o}。", "{o}率领了{s}。"),
    ),
    Relation(
        "vessel", "expedition", "ship", "vessel",
        ("{s} travelled on {o}.", "The vessel of {s} was {o}.", "{o} carried {s}."),
        ("{p}乘{o}出行。", "{s}乘坐的船是{o}。", "{o}运送了{s}。"),
    ),
    _year(
        "departed", "expedition", "year of departure",
        ("{s} departed in {o}.", "{p} set out in {o}.", "The year of departure of {s} was {o}."),
        ("{p}于{o}年启程。", "{s}在{o}年出发。", "{s}的启程年份是{o}年。"), 1750, 1960,
    ),
    Relation(
        "donor", "prize", "company", "donor",
        ("{s} is paid for by {o}.", "The donor of {s} is {o}.", "{o} gives the money for {s}."),
        ("{p}由{o}资助。", "{s}的出资者是{o}。", "{o}为{s}出资。"),
    ),
    Relation(
        "first_winner", "prize", "person", "first winner",
        ("{s} first went to {o}.", "The first winner of {s} was {o}.", "{o} was the first winner of {s}."),
        ("{p}的首位得主是{o}。", "{o}首先获得{s}。", "{s}首先授予{o}。"),
        inverse=("{o} was the first winner of {s}.",), inverse_zh=("{o}是{s}的首位得主。", "{o}首先获得{s}。"),
    ),
    Relation(
        "field", "prize", "word", "field",
        ("{s} is given for {o}.", "The field of {s} is {o}.", "{p} honours work in {o}."),
        ("{p}授予{o}领域。", "{s}的授奖领域是{o}。", "{s}表彰{o}方面的成就。"), words=FIELDS,
    ),
)  # fmt: skip

TYPE_BY_NAME = {kind.name: kind for kind in TYPES}
RELATION_BY_NAME = {relation.name: relation for relation in RELATIONS}
