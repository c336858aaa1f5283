"""Contradictions that can be seen without understanding: negation on one side only, an opposite, figures exchanged.

Each check compares a claim with the evidence sentences picked for it, and says nothing unless both speak of the same
words: a negator counts for the few content words behind it.
"""

import re
from collections.abc import Sequence

from fathom.grading.claims import Claim, stem
from fathom.grading.lexicon import HAN_NEGATORS, NEGATORS, OPPOSITES, STOPWORDS
from fathom.grading.sources import Reading
from fathom.grading.text import HAN, fold

_WORD = re.compile(r"[^\W_]+")
_SCOPE = 2


def contrasts(claim: Claim, readings: Sequence[Reading]) -> list[str]:
    """What contradicts `claim` in `readings`, in words that go before "in E1"; empty where nothing does."""
    if not readings:
        return []
    found = _negation(claim, readings) or _han_negation(claim, readings)
    return found + _opposites(claim, readings) + _exchanged(claim, readings)


def _negated(text: str) -> tuple[set[str], set[str]]:
    """(stems of the content words that a negator stands before, stems of the others)."""
    folded = re.sub(r"n't\b", " not ", re.sub(r"\bnot (?:only|just|until|least)\b", " ", fold(text)))
    negated: set[str] = set()
    others: set[str] = set()
    for clause in re.split(r"[,;:.!?]", folded):
        left = 0
        for word in _WORD.findall(clause):
            if word in NEGATORS:
                left = _SCOPE
            elif len(word) > 2 and word not in _FUNCTION_WORDS and not HAN.search(word):
                (negated if left else others).add(stem(word))
                left = max(0, left - 1)
    return negated - others, others


_FUNCTION_WORDS = STOPWORDS["en"] - NEGATORS


def _negation(claim: Claim, readings: Sequence[Reading]) -> list[str]:
    denied, said = _negated(claim.text)
    pages = [_negated(reading.folded) for reading in readings]
    page_denied = {word for negated, _ in pages for word in negated}
    page_said = {word for _, plain in pages for word in plain}
    flipped = sorted(denied & page_said - page_denied)
    if flipped:
        return [f'"{flipped[0]}" is denied here, but not']
    flipped = sorted(said & page_denied - page_said)
    return [f'"{flipped[0]}" is said here, but denied'] if flipped else []


def _han_negation(claim: Claim, readings: Sequence[Reading]) -> list[str]:
    if not HAN.search(claim.text):
        return []
    page = "".join(reading.folded for reading in readings)
    mine = fold(claim.text)
    for one, other, verb in ((mine, page, "denied here, but not"), (page, mine, "said here, but denied")):
        for negator in HAN_NEGATORS:
            for match in re.finditer(re.escape(negator) + r"([\u4e00-\u9fff]{2})", one):
                scope = match.group(1)
                places = [m.start() for m in re.finditer(re.escape(scope), other)]
                if places and not any(other[max(0, at - 2) : at].endswith(HAN_NEGATORS) for at in places):
                    return [f'"{scope}" is {verb}']
    return []


def _opposites(claim: Claim, readings: Sequence[Reading]) -> list[str]:
    page = {word for reading in readings for word in reading.words}
    for word in _WORD.findall(fold(claim.text)):
        against = sorted(OPPOSITES.get(word, frozenset()) & page) if word not in page else []
        if against:
            return [f'"{word}" is not there, but its opposite "{against[0]}" is']
    return []


def _exchanged(claim: Claim, readings: Sequence[Reading]) -> list[str]:
    """Two figures, each with the name before it, paired the other way round than on the page."""
    names = [fold(item.surface) for item in claim.items if item.kind == "name"]
    figures = [item.surface for item in claim.items if item.quantity is not None]
    text = fold(claim.text)
    if len(names) < 2 or len(figures) < 2 or "respectively" in text:
        return []
    mine = _pairs(text, names, figures)
    page = " ".join(reading.folded for reading in readings)
    if "respectively" in page:
        return []
    theirs = _pairs(page, names, figures)
    crossed = [figure for figure in mine if figure in theirs and mine[figure] != theirs[figure]]
    if len(crossed) >= 2 and {mine[f] for f in crossed} == {theirs[f] for f in crossed}:
        return [f'{crossed[0]} goes with "{mine[crossed[0]]}" here, but with "{theirs[crossed[0]]}"']
    return []


def _pairs(text: str, names: Sequence[str], figures: Sequence[str]) -> dict[str, str]:
    """Figure -> the name that stands nearest before it."""
    pairs = {}
    for figure in figures:
        at = text.find(figure)
        before = {text.rfind(name, 0, at): name for name in names} if at > 0 else {}
        nearest = max(before, default=-1)
        if nearest >= 0:
            pairs[figure] = before[nearest]
    return pairs
