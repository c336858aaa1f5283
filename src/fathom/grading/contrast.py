"""Contradictions that can be seen without understanding: negation on one side only, an opposite, figures exchanged.

Each check compares a claim with the evidence sentences picked for it, and says nothing unless both speak of the same
words: a negator counts for the few content words behind it.
"""

import re
from collections.abc import Sequence
from itertools import zip_longest

from fathom.grading.claims import Claim, Item, read_claim, stem, words_of
from fathom.grading.lexicon import HAN_NEGATORS, LIFE_TERMS, NEGATORS, OPPOSITES, ROLES, STOPWORDS
from fathom.grading.sources import Reading, Source
from fathom.grading.text import HAN, fold, plain

_WORD = re.compile(r"[^\W_]+")
_SCOPE = 2


def contrasts(claim: Claim, sources: Sequence[Source], readings: Sequence[Reading]) -> list[str]:
    """What contradicts `claim` in `readings`, the sentences picked out of `sources`, in words that go before "in E1";
    empty where nothing does."""
    if not readings:
        return []
    found = _negation(claim, readings) or _han_negation(claim, readings)
    found += _opposites(claim, readings) + _rank(claim, readings) + _exchanged(claim, readings)
    found += _objects(claim, readings) + _subjects(claim, readings)
    return found + _life(claim, sources) + _apart(claim, sources) + _in_its_place(claim, sources, readings[0])


def _negated(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """The content words that a negator stands before, and the others; both stem -> as written. Capitalised negators are
    parts of titles ("No Time for Flowers"), and `no` before a capital is part of a Japanese name."""
    spelt = re.sub(r"n't\b", " not ", re.sub(r"\bnot (?:only|just|until|least)\b|, however\b,?", " ", plain(text)))
    negated: dict[str, str] = {}
    others: dict[str, str] = {}
    for clause in re.split(r"[,;:!?]|\.\s", spelt.replace("-", "\u2010")):
        left = 0
        tokens = _TOKEN.findall(clause)
        for token, following in zip_longest(tokens, tokens[1:], fillvalue=""):
            word = fold(token.strip("\u2010"))
            if token in NEGATORS and not (token == "no" and following[:1].isupper()):
                left = _SCOPE
            elif len(word) > 2 and word not in _FUNCTION_WORDS and not HAN.search(word):
                (negated if left else others).setdefault(stem(word), word)
                left = max(0, left - 1)
    return negated, others


_TOKEN = re.compile(r"(?:[^\W_]|\u2010)+")
_FUNCTION_WORDS = STOPWORDS["en"] - NEGATORS


def _negation(claim: Claim, readings: Sequence[Reading]) -> list[str]:
    denied, said = _negated(claim.text)
    pages = [_negated(reading.text) for reading in readings]
    page_denied = {word for negated, _ in pages for word in negated}
    page_said = {word for _, others in pages for word in others}
    for word in (word for key, word in denied.items() if key in page_said and key not in page_denied):
        return [f'"{word}" is denied here, but not']
    for word in (word for key, word in said.items() if key in page_denied - page_said and key not in denied):
        return [f'"{word}" is said here, but denied']
    return []


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
    text, page = fold(claim.text), " ".join(reading.folded for reading in readings)
    if len(figures) < 2 or "respectively" in text or "respectively" in page:
        return []
    span = re.search(r"from \D{0,3}(\d[\d.,]*\d) to \D{0,3}(\d[\d.,]*\d)", text)
    if span and re.search(rf"from \D{{0,3}}{re.escape(span[2])} to \D{{0,3}}{re.escape(span[1])}(?!\d)", page):
        return [f"it goes from {span[1]} to {span[2]} here, but the other way"]
    mine, theirs = _pairs(text, names, figures), _pairs(page, names, figures)
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


def _life(claim: Claim, sources: Sequence[Source]) -> list[str]:
    """The date of birth given for that of death, or the other way round."""
    words = {stem(word) for word in words_of(claim.text)}
    says = {kind for kind, terms in LIFE_TERMS.items() if kind in words or any(term in claim.text for term in terms)}
    dates = [item.quantity for item in claim.items if item.quantity is not None and item.quantity.dates]
    if len(says) != 1 or len(dates) != 1:
        return []
    for source in sources:
        for reading in source.sentences[:1]:
            if reading.life is None:
                continue
            born, died = (dates[0].agrees(end) for end in reading.life)
            if "died" in says and born and not died:
                return [f"{dates[0].surface} is the date of birth"]
            if "born" in says and died and not born:
                return [f"{dates[0].surface} is the date of death"]
    return []


def _apart(claim: Claim, sources: Sequence[Source]) -> list[str]:
    """The claim's one date stands in no sentence with one of its names, while every sentence with that name has another
    date: "won the Chemistry prize in 1903" where the page says 1903 of Physics and 1911 of Chemistry."""
    dates = [item for item in claim.items if item.kind == "date"]
    if len(dates) != 1 or dates[0].quantity is None:
        return []
    readings = [reading for source in sources for reading in source.sentences]
    for name in (item for item in claim.items if item.kind == "name"):
        if any(source.title.holds(name) for source in sources):
            continue
        holding = [reading for reading in readings if reading.holds(name)]
        others = [[q for q in reading.quantities if q.dates] for reading in holding]
        if holding and all(others) and not any(reading.holds(dates[0]) for reading in holding):
            return [f'"{name.surface}" goes with {dates[0].surface} here, but with {others[0][0].surface}']
    return []


_SUPERLATIVE = re.compile(
    r"\b(second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|\d+(?:nd|rd|th))[ -]((?:most |least )?\w+|\w+est)\b"
)


def _rank(claim: Claim, readings: Sequence[Reading]) -> list[str]:
    """`the longest` for `the second-longest`."""
    mine = fold(claim.text)
    for reading in readings:
        for match in _SUPERLATIVE.finditer(reading.folded):
            rank, word = match.groups()
            if not word.startswith("most ") and not word.endswith("est"):
                continue
            bare = re.compile(rf"(?<!{re.escape(rank)}[ -])\b{re.escape(word)}\b")
            ranked = re.search(rf"(?:second|third|fourth|fifth|nth|nd|rd|th)[ -]{re.escape(word)}\b", mine)
            if bare.search(mine) and not ranked and not bare.search(reading.folded):
                return [f'"{word}" is not there, but "{match.group()}" is']
    return []


_PARTICIPLES = frozenset("born written won sung led built made held taken sold lost shot set drawn".split())
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_NAMES = r"[A-Z][\w'-]{0,40}(?:[ ,]+(?:(?:and|of|de|von) )?[A-Z][\w'-]{0,40}){0,9}"
_HEAD = re.compile(
    rf"\b([a-z]{{3,}})(?: [^A-Z\s]*\d\S*| (?:{_MONTH})\b,?){{0,3}} (by|in|to|from|at|into) (?:the )?({_NAMES})"
)


def _objects(claim: Claim, readings: Sequence[Reading]) -> list[str]:
    """`directed by Brandt` where the page has `directed by Holt`."""
    mine = _heads(claim.text)
    page: dict[tuple[str, str], list[str]] = {}
    for reading in readings:
        for key, name in _heads(plain(reading.text)):
            page.setdefault(key, []).append(name)
    for key, name in mine:
        others = page.get(key, [])
        words = [word for word in words_of(name) if word not in ROLES]
        if others and words and not any(set(words) & set(words_of(other)) for other in others):
            return [f'"{key[0]} {key[1]} {name}" is not there, but "{key[0]} {key[1]} {others[0]}" is']
    return []


def _heads(text: str) -> list[tuple[tuple[str, str], str]]:
    """((verb, preposition), the names behind it) of each such phrase."""
    return [
        ((match[1], match[2]), match[3])
        for match in _HEAD.finditer(text)
        if match[1].endswith("ed") or match[1] in _PARTICIPLES
    ]


_SUBJECT = re.compile(r"([A-Z][\w'-]{0,40}(?: (?:(?:of|de|von) )?[A-Z][\w'-]{0,40}){0,4}) ([a-z]{3,})\b")


def _subjects(claim: Claim, readings: Sequence[Reading]) -> list[str]:
    """`Borduria ceded` where the page has `Ruritania ceded` and the claim speaks of both, or `Hedwig died in 1280`
    where the page says so of Konrad."""
    claimed = set(words_of(claim.text))
    dates = [item for item in claim.items if item.kind == "date"]
    for match in _SUBJECT.finditer(claim.text):
        subject, verb = match.groups()
        own = set(words_of(subject)) - ROLES
        if not own or verb in STOPWORDS["en"] or not (verb.endswith("ed") or verb in _ACTIVE):
            continue
        doers = [(reading, other) for reading in readings for other in _subjects_of(reading, verb)]
        if any(own & set(words_of(other)) for _, other in doers):
            continue
        for reading, other in doers:
            dated = any(reading.holds(date) for date in dates) and not own & set(reading.words)
            if dated or set(words_of(other)) - ROLES <= claimed:
                return [f'"{subject} {verb}" is not there, but "{other} {verb}" is']
    return []


def _subjects_of(reading: Reading, verb: str) -> list[str]:
    found = [match[1] for match in _SUBJECT.finditer(plain(reading.text)) if match[2] == verb]
    return [subject for subject in found if fold(subject.split()[0]) not in STOPWORDS["en"]]


_ACTIVE = frozenset(
    "won beat wrote led built made held took sold lost gave left sang founds defeats owns bought".split()
)


# From here on a page's sentence says the same as the claim but for what stands in one place.
_NEARLY_ALL = 0.8


def _in_its_place(claim: Claim, sources: Sequence[Source], best: Reading) -> list[str]:
    """The best sentence has all of the claim but one date, number or name, and another one that the claim has not:
    `between 1918 and 1928`, where the page says `between 1916 and 1928` here and 1918 elsewhere."""
    source = next((source for source in sources if any(best is reading for reading in source.sentences)), None)
    odd = [item for item in claim.items if not best.holds(item)]
    words = [*claim.words, *claim.terms]
    held = sum(best.has_word(word) for word in claim.words) + sum(best.has_term(term) for term in claim.terms)
    if (
        source is None
        or source.lang != claim.lang
        or len(odd) != 1
        or len(words) < 2
        or held < _NEARLY_ALL * len(words)
    ):
        return []
    item = odd[0]
    if source.title.holds(item) or item.kind not in ("date", "number", "name"):
        return []
    for other in read_claim(best.text, source.vocabulary, source.lang).items:
        if other.kind == item.kind and not any(_same(mine, other) for mine in claim.items):
            return [f'"{item.surface}" stands here, but "{other.surface}"']
    return []


def _same(mine: Item, other: Item) -> bool:
    if mine.quantity is not None and other.quantity is not None:
        return mine.quantity.agrees(other.quantity) or other.quantity.agrees(mine.quantity)
    return mine.kind == other.kind and bool(set(mine.parts) & set(other.parts))
