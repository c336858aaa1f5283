"""Candidate answers: spans of evidence that could answer a question of a given kind.

A small model reads better than it writes: asked to pick one of the spans its evidence really contains, it cannot invent
an answer. The kind comes from the question word; the spans from plain surface rules (dates, numbers, names).
"""

import re
from typing import Literal

from fathom.core.text import fold, terms

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
_MONTH_NAMES = frozenset(fold(name) for name in f"{_MONTHS}|{_FOREIGN_MONTHS}".split("|"))
_NUMBER = re.compile(
    r"\b\d[\d,.\u00a0 ]*\d?(?:\s?(?:million|billion|thousand|km2?|m|metres|meters|kg|%|feet|miles|°C))?\b"
)
_INITIAL = r"(?:[A-ZÀ-ÖØ-ÞĀ-ŽА-Я]\.)+"
_WORD = r"(?:[A-ZÀ-ÖØ-ÞĀ-ŽŞА-Я][\w'’\-]+|[A-ZÀ-Þ]\b)"
_JOIN = r"(?:(?:of|de|da|do|dos|del|di|von|van|der|den|the|du|la|le|al|el|ibn|bin|y|zu|af)\s+){0,2}"
_NAME = re.compile(
    rf"(?:{_INITIAL}|{_WORD})(?:\s*(?<=\.)|\s+(?=\S))?(?:{_JOIN}(?:{_INITIAL}|{_WORD}|I+\b)(?:\s+(?=\S))?)*"
)
_CJK_NAME = re.compile(r"[《「『“]([^》」』”]{1,30})[》」』”]|[\u4e00-\u9fff·]{2,8}")
_SENTENCE_START = re.compile(r"(?:^|[.!?]\s+|\n\s*)$")
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
    r"|^(?:what|que) (?:is|are|was|were|does|do) (?!.*\bof\b)|怎|为什么|什么是|是什么"
)


def kind_of(question: str) -> Kind:
    """What kind of span answers `question`, by its question word (English, French, Spanish, Chinese)."""
    text = fold(question)
    kinds: tuple[tuple[re.Pattern[str], Kind], ...] = (
        (_WHEN, "date"),
        (_HOW_MUCH, "number"),
        (_WHO, "name"),
        (_HOW, "prose"),
    )
    return next((kind for pattern, kind in kinds if pattern.search(text)), "any")


def candidates(text: str, kind: Kind, *, question: str, most: int = 24) -> list[str]:
    """Different spans of `text` of that kind, in order, without those the question itself already names."""
    if kind == "date":
        found = _dates(text)
    elif kind == "number":
        found = [match.group().strip(" ,.") for match in _NUMBER.finditer(text)]
    elif kind == "name":
        found = _names(text)
    else:
        found = _names(text) + _dates(text)
    asked = set(terms(question))
    fresh = [span for span in found if terms(span) and not set(terms(span)) <= asked]
    return list(dict.fromkeys(fresh))[:most]


def _dates(text: str) -> list[str]:
    return [match.group().strip(" ,") for match in _DATE.finditer(text)]


def _names(text: str) -> list[str]:
    spans: list[str] = []
    for match in _NAME.finditer(text):
        span = re.sub(r"['’]s?$", "", match.group().strip(" ,"))
        words = span.split()
        if fold(words[0]) in _OPENERS and _SENTENCE_START.search(text[: match.start()]):
            words = words[1:]
        span = " ".join(words)
        if span and not _DATE.fullmatch(span) and fold(span) not in _MONTH_NAMES:
            spans.append(span)
    spans += [match.group(1) or match.group() for match in _CJK_NAME.finditer(text)]
    return spans
