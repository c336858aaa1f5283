"""Candidate answers: spans of evidence that could answer a question of a given kind.

A small model reads better than it writes: asked to pick one of the spans its evidence really contains, it cannot invent
an answer. The kind comes from the question word; the spans from plain surface rules (dates, numbers, names), ordered by
how near they stand to words that state the relation asked for ("born", "directed by").
"""

import math
import re
from bisect import bisect_left
from functools import lru_cache
from itertools import accumulate
from typing import Literal, NamedTuple

from fathom.agents.nations import country_of
from fathom.core.text import STOPWORDS, fold, terms

Kind = Literal["date", "number", "name", "any", "prose"]

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_FOREIGN_MONTHS = (
    "janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre|"
    "enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
)
_DATE = re.compile(
    rf"\b\d{{1,2}}(?:st|nd|rd|th|er)? (?:de )?(?:{_MONTHS}|{_FOREIGN_MONTHS}),?(?: (?:de )?\d{{3,4}})?\b"
    rf"|\b(?:{_MONTHS}) \d{{1,2}}(?:, ?\d{{3,4}})?\b|\b(?:{_MONTHS}) \d{{3,4}}\b"
    r"|\b\d{4}-\d{2}-\d{2}\b|\d{1,4}年(?:\d{1,2}月(?:\d{1,2}日)?)?"
    r"|\b1\d{3}\b|\b20\d{2}\b|\b[3-9]\d{2}\b(?: (?:AD|BC|BCE|CE))?"
)
MONTHS = {fold(name): at % 12 + 1 for at, name in enumerate(f"{_MONTHS}|{_FOREIGN_MONTHS}".split("|"))}
_NUMBER = re.compile(
    r"\b\d[\d,.\u00a0 ]*\d?(?:\s?(?:million|billion|thousand|km2?|m|metres|meters|kg|%|feet|miles|°C))?\b"
)
_INITIAL = r"(?:[A-ZÀ-ÖØ-ÞĀ-ŽА-Я]\.)+"
_WORD = r"(?:[A-ZÀ-ÖØ-ÞĀ-ŽŞА-Я][\w'’\-]+|[A-ZÀ-Þ]\b)"
_JOIN = r"(?:(?:of|de|da|do|dos|del|di|von|van|der|den|the|du|la|le|al|el|ibn|bin|y|zu|af)[^\S\n]+){0,2}"
_NAME = re.compile(rf"(?:{_INITIAL}|{_WORD})(?:[^\S\n]+{_JOIN}(?:{_INITIAL}|{_WORD}|I+\b))*")
_RANKS = "King|Queen|Prince|Princess|Duke|Duchess|Count|Countess|Earl|Marquess|Margrave|Baron|Lord|Landgrave|Elector"
_TITLE = re.compile(rf", (?:\d+\w\w )?(?:{_RANKS}) of [A-ZÀ-ÖØ-Þ][\w\-]+(?:[ -][A-ZÀ-ÖØ-Þ][\w\-]+)*")
_HONORIFIC = re.compile(
    rf"^(?:(?:[A-Z]\w+ )?(?:{_RANKS}|President|Governor|Emperor|Sultan|Sir|Dr\.?|(?:Son|Daughter|Child) of) (?!of\b))+"
)
_CJK_NAME = re.compile(r"[《「『“]([^》」』”]{1,30})[》」』”]|[\u4e00-\u9fff·]{2,8}")
_OPENERS = frozenset(
    fold(word)
    for word in """The A An It He She They His Her Its In On At During After Before From When
While This That These Those As By For With Although However Both Among There Their Since Born Il Elle Le La Les Un Une
En El Los Las Su Sus""".split()
)


_WHEN = re.compile(r"\b(?:when|date|year|quand|cuando|fecha|annee)\b|什么时候|何时|哪一年|几年")
_HOW_MUCH = re.compile(
    r"\b(?:how (?:many|much|high|tall|long|old|far|large|big|deep)|combien|cuant[oa]s?)\b|多少|多高|多长|几个"
)
_WHO = re.compile(r"\b(?:who|whom|whose|where|which|place|qui|ou|quien|donde|country|nationality)\b|谁|哪")
_HOW = re.compile(
    r"^(?:how|why|explain|describe|tell|comment|pourquoi|como|por que)\b"
    r"|^(?:what|que) (?:is|are|was|were|does|do|es|son) (?!.*\b(?:of|del?)\b)|^qu.est-ce qu(?!.*\b(?:du|de|des)\b)"
    r"|怎|为什么|什么是|是什么"
)
# "Who was Ada Lovelace?" asks for a description; with any other word in lower case it asks for a name.
_WHO_IS = re.compile(
    r"(?:who|qui|qui[eé]n)\s(?:is|was|est|[eé]tait|es|fue)(?:\s(?-i:[A-ZÀ-Þ][\w.'’\-]*|of|the|de|von|van|der|la))+",
    re.IGNORECASE,
)


def kind_of(question: str) -> Kind:
    """What kind of span answers `question`, by its question word (English, French, Spanish, Chinese)."""
    text = fold(question).strip(" ¿?？.")
    if _WHO_IS.fullmatch(question.strip(" ¿?？.")):
        return "prose"
    kinds: tuple[tuple[re.Pattern[str], Kind], ...] = (
        (_WHEN, "date"),
        (_HOW_MUCH, "number"),
        (_WHO, "name"),
        (_HOW, "prose"),
    )
    return next((kind for pattern, kind in kinds if pattern.search(text)), "any")


class _Cue(NamedTuple):
    """Words in a question and the words by which a text states the same."""

    asked: re.Pattern[str]
    stated: re.Pattern[str]


def _cue(asked: str, stated: str) -> _Cue:
    return _Cue(re.compile(rf"\b(?:{asked})\b", re.IGNORECASE), re.compile(stated, re.IGNORECASE))


_CUES = (
    _cue("born|birth|birthday|birthplace", r"\bborn\b|\bbirth"),
    _cue("die|died|death|dead", r"\bdied\b|\bdeath\b|\bkilled\b|\bdies\b|\bexecuted\b"),
    _cue("direct\\w*", r"\bdirected by\b|\bdirector\b|\bfilm by\b|\bdirected and \w+ by\b"),
    _cue("compos\\w*", r"\bcompos\w+ by\b|\bmusic (?:was |is )?(?:\w+ )?by\b|\bscore\w* by\b|\bcompos"),
    _cue(
        "perform\\w*|sing|sings|sang|singer",
        r"\b(?:recorded|performed|sung|released) by\b|\b(?:song|single|album|track) (?:recorded )?by\b",
    ),
    _cue(
        "writer|author|wrote|write|written|screenwriter",
        r"\bwritten (?:\w+ \w+ )?by\b|\b(?:novel|book|play|poem|story) by\b|\bwrote\b|\bauthor\b",
    ),
    _cue("produc\\w*", r"\bproduced by\b|\bproduc"),
    _cue("father|parent", r"\b(?:son|daughter|child|born) (?:of|to)\b|\bfather\b"),
    _cue("mother", r"\b(?:son|daughter|child) of [^.;]{3,90}?\band\b|\bmother\b|\bby (?:his|her) (?:\w+ )?wife\b"),
    _cue("spouse|wife|husband|marr\\w*", r"\bmarri\w+(?: to)?\b|\bwife(?: of)?\b|\bhusband\b|\bconsort of\b|\bwed"),
    _cue("sibling|brother|sister", r"\bbrother\b|\bsister\b|\bsibling"),
    _cue("child|son|daughter|children", r"\bson\b|\bdaughter\b|\bfather of\b|\bmother of\b|\bchildren\b"),
    _cue("released|release|came|publication|published", r"\breleased\b|\bis an? \b|\bpublished\b"),
    _cue("founded|founder|established|inception|formed", r"\bfounded\b|\bestablished\b|\bformed\b|\bfounder"),
    _cue(
        "stud\\w+|educated|graduat\\w+|school|university",
        r"\bstudied (?:\w+ )?at\b|\bgraduated\b|\beducated\b|\battended\b",
    ),
    _cue("award|prize|won|win|received", r"\bwon\b|\bawarded\b|\breceived\b|\bAward"),
    _cue("work|worked|employer", r"\bprofessor\b|\bworked (?:at|for)\b|\bjoined\b|\bat\b"),
    _cue("buried", r"\bburied\b|\btomb\b"),
)
_PLACE = re.compile(r"\b(?:in|at|near|to|from|of)\s+(?:the\s+)?$")
_LIFE = re.compile(r"\(([^()]*)\)")


class _Span(NamedTuple):
    start: int
    text: str


def candidates(text: str, kind: Kind, *, question: str, most: int = 24, margin: float = math.inf) -> list[str]:
    """Different spans of `text` of that kind, likeliest first, without those the question itself already names; at
    most `most`, and none whose distance is more than `margin` (about characters) above the best one's."""
    if kind == "date":
        found = _dates(text)
    elif kind == "number":
        found = [_Span(match.start(), match.group().strip(" ,.")) for match in _NUMBER.finditer(text)]
    elif kind == "name":
        found = _places(text) if _asks_place(question) else _names(text)
    else:
        found = sorted(_names(text) + _dates(text))
    if re.search(r"\b(?:country|nationality)\b", question, re.IGNORECASE):
        found = _nations(text) or found
    asked = set(terms(question))
    fresh = [span for span in found if terms(span.text) and not set(terms(span.text)) <= asked]
    layout = _Layout(text, question)
    far = {span: _distance(span, layout) for span in fresh}
    ranked = sorted(far, key=lambda span: (far[span], span.start))
    return list(dict.fromkeys(span.text for span in ranked if far[span] <= far[ranked[0]] + margin))[:most]


class _Layout:
    """Where in a text the question's relation is stated, sentences end and lives are dated: what distances need,
    found once so that the work for many spans stays small."""

    def __init__(self, text: str, question: str) -> None:
        self.text, self.question = text, question
        self._counted = _HOW_MUCH.search(fold(question)) is not None
        found = [match for stated in _stated(question) for match in stated.finditer(text)]
        cues = sorted((match.end(), match.start()) for match in found)
        self._ends = [end for end, _ in cues]
        # Entry i: the first start among the cues from i on, by their ends.
        self._starts = list(accumulate((start for _, start in reversed(cues)), min))[::-1]
        self._breaks = [match.start() for match in re.finditer(r"[.!?;](?=\s)", text)]
        lives = [(match, _dates(match.group(1))) for match in _LIFE.finditer(text)]
        at = [(match.start(), match.end(), dates) for match, dates in lives if len(dates) >= 2]
        self.births = {start + 1 + dates[0].start for start, _, dates in at}
        self.deaths = {start + 1 + dates[-1].start for start, _, dates in at}

    def to_cue(self, at: int) -> float:
        """Characters from the nearest cue to `at`; a sentence between counts 60, a cue behind half as far again."""
        after = bisect_left(self._ends, at + 1)
        far = 400.0
        if after:
            far = min(far, at - self._ends[after - 1] + 60 * self._sentences(self._ends[after - 1], at))
        if after < len(self._starts):
            start = self._starts[after]
            # A number stands in front of what it counts.
            slope, extra = (1.0, 0) if self._counted else (1.5, 15)
            far = min(far, slope * (start - at) + extra + 60 * self._sentences(at, max(at, start)))
        return far

    def _sentences(self, start: int, end: int) -> int:
        return max(0, bisect_left(self._breaks, end - 1) - bisect_left(self._breaks, start))


def _distance(span: _Span, layout: _Layout) -> float:
    """How far `span` is from a statement of what is asked: characters to the nearest cue, spans before a cue and plain
    years counting as farther, places said to be "in" as nearer."""
    question = layout.question
    far = layout.to_cue(span.start)
    if _asks_place(question):
        far += 0 if _PLACE.search(layout.text[max(0, span.start - 20) : span.start]) else 40
        far += 25 if country_of(span.text) else 0
    elif re.match(r"who\b", question, re.IGNORECASE):
        far += (60 if country_of(span.text) else 0) + (0 if " " in span.text else 15)
    if _DATE.fullmatch(span.text):
        far += 20 if span.text.isdigit() and not re.search(r"\brelease", question) else 0
        far += _life_order(span, layout)
    return far


def _asks_place(question: str) -> bool:
    return (
        re.match(r"(?:where|(?:what|which) (?:is the |was the )?(?:birth)?place)\b", question, re.IGNORECASE)
        is not None
    )


@lru_cache(maxsize=256)
def _stated(question: str) -> tuple[re.Pattern[str], ...]:
    """How a text would state what is asked: by the table, else by the question's own longer lower-case words, with "by"
    behind them where there is one ("discoverer": "discovered by")."""
    known = tuple(cue.stated for cue in _CUES if cue.asked.search(question))
    if known:
        return known
    words = [word for word in re.findall(r"\b[a-z]{5,}\b", question) if word not in STOPWORDS]
    stems = [re.escape(word[: max(4, len(word) - 3)]) for word in words]
    return tuple(re.compile(rf"\b{stem}\w*(?:(?: \w+){{0,2}} by\b)?", re.IGNORECASE) for stem in stems)


def _life_order(span: _Span, layout: _Layout) -> float:
    """In "(12 March 1901 - 4 June 1977)" the first date is the birth and the last the death."""
    if re.search(r"\b(?:born|birth|birthday)\b", layout.question):
        return -500 if span.start in layout.births else 0
    if re.search(r"\b(?:die|died|death)\b", layout.question):
        return -500 if span.start in layout.deaths else 0
    return 0


def _dates(text: str) -> list[_Span]:
    return [_Span(match.start(), match.group().strip(" ,")) for match in _DATE.finditer(text)]


def _nations(text: str) -> list[_Span]:
    """Country names and adjectives, two words before one."""
    spans: list[_Span] = []
    for match in re.finditer(r"\b[A-Z][\w.]+(?: (?:and )?[A-Z]\w+)?", text):
        words = match.group().split()
        for part in (match.group(), words[0], words[-1]):
            if country_of(part):
                spans.append(_Span(match.start() + match.group().index(part), part))
                break
    return spans


def _names(text: str) -> list[_Span]:
    spans: list[_Span] = []
    for match in _NAME.finditer(text):
        start, span = match.start(), re.sub(r"['’]s?$", "", match.group().strip(" ,"))
        first = span.split()[0]
        if fold(first) in _OPENERS and _opens_sentence(text, start):
            start, span = start + len(first) + 1, span[len(first) + 1 :]
        bare = _HONORIFIC.sub("", span)
        start, span = (start + len(span) - len(bare), bare) if " " in bare else (start, span)
        if span and not _DATE.fullmatch(span) and fold(span) not in MONTHS:
            title = _TITLE.match(text, start + len(span))
            spans.append(_Span(start, span + (title.group() if title else "")))
    spans += [_Span(match.start(), match.group(1) or match.group()) for match in _CJK_NAME.finditer(text)]
    return spans


def _opens_sentence(text: str, start: int) -> bool:
    before = text[:start].rstrip()
    gap = text[len(before) : start]
    return not before or "\n" in gap or (bool(gap) and before[-1] in ".!?")


def _places(text: str) -> list[_Span]:
    """Names, each joined with the region said behind it: "Orlando, Florida"."""
    names = _names(text)
    joined: list[_Span] = []
    for at, span in enumerate(names):
        end = span.start + len(span.text)
        following = names[at + 1] if at + 1 < len(names) else None
        nation = country_of(span.text) or (following and country_of(following.text))
        if following and text[end : following.start] == ", " and not nation:
            span = _Span(span.start, text[span.start : following.start + len(following.text)])
        joined.append(span)
    return joined
