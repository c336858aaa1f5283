"""How well the citation check tells true sentences from corrupted ones, on real text.

Sentences of Wikipedia passages are taken as they are or lightly changed (true), or with one error put in (false), each
citing its passage, with two other passages beside it as evidence. The errors are made by rules of their own, which
share no code with the check. Two things have no goal: "exchanged" errors, where a passage has both values, which no
check of words can see for certain; and "triple", facts of the questions put into a sentence of their own ("The director
of X is Y."), true and with another's value, which shows what a page does not say in so many words.
"""

import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from fathom.bench.harness import BenchOptions, Figure
from fathom.core.errors import ConfigError
from fathom.core.evidence import Evidence
from fathom.core.model import content_hash
from fathom.core.seeds import stream
from fathom.grading.citation import check_answer

NAME = "citations"
SUMMARY = "detection of injected errors and false alarms of the citation check"
GOALS: dict[str, tuple[str, float]] = {
    "detected_number": (">=", 0.95),
    "detected_date": (">=", 0.95),
    "detected_name": (">=", 0.95),
    "detected_quote": (">=", 0.95),
    "false_alarm_rate": ("<=", 0.05),
}

MONTHS = "January February March April May June July August September October November December".split()
_MONTH = "|".join(MONTHS)
_SENTENCE = re.compile(r"(?<=[a-z0-9)\"][.!])\s+(?=[A-Z])")
_DATE = re.compile(rf"\b(\d{{1,2}}) ({_MONTH}) (\d{{3,4}})\b|\b({_MONTH}) (\d{{1,2}}), (\d{{4}})\b")
_YEAR = re.compile(r"\b(1[0-9]{3}|20[0-2][0-9])\b")
_NUMBER = re.compile(r"(?<![\d,.])\b(\d{1,3}(?:,\d{3})+|\d{1,5}(?:\.\d+)?)\b(?![\d,.]*\d)")
_NAME = re.compile(r"(?<=[a-z,] )([A-Z][a-z]+(?: [A-Z][a-z]+){1,2})(?=[ ,.;)])")
_AUXILIARY = re.compile(r"\b(is|was|were|are|has|had|did)\b(?! not| also| been)")


class Passage(NamedTuple):
    """A passage of the corpus, with those of its sentences that are used."""

    title: str
    text: str
    sentences: tuple[str, ...]


Change = Callable[[str, Passage, Sequence[str], random.Random], str | None]


def run(options: BenchOptions) -> dict[str, Figure]:
    """Figures: `detected_KIND` and `false_alarm_KIND` as shares of the sentences of that kind, `n_KIND` how many there
    were; `detection_rate` over number, date, name and quote, `false_alarm_rate` over all true sentences."""
    if options.shared_data is None:
        raise ConfigError("bench citations needs the passages of twowiki, in ../shared/data beside the checkout")
    rng = stream(20261122, "bench", "citations")
    passages = list(_passages(json.loads((options.shared_data / "twowiki" / "corpus.json").read_text("utf-8"))))
    names = sorted({name for passage in passages for name in _NAME.findall(passage.text)})
    chosen = rng.sample(passages, min(len(passages), 250 if options.quick else 2000))
    flagged: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    began = time.perf_counter()
    for number, passage in enumerate(chosen, 1):
        others = [other for other in rng.sample(passages, 3) if other != passage][:2]
        evidence = [_evidence(at, p) for at, p in enumerate([passage, *others], 1)]
        _count(list(_cases(passage, names, rng)), evidence, tried, flagged)
        if number % 100 == 0:
            options.progress(f"{number} of {len(chosen)} passages, {tried.total()} sentences")
    facts = _facts(json.loads((options.shared_data / "twowiki" / "questions_dev.json").read_text("utf-8")))
    by_title = {passage.title: passage for passage in passages}
    subjects = sorted({subject for subject, _, _ in facts if subject in by_title})
    for subject in rng.sample(subjects, min(len(subjects), 150 if options.quick else len(subjects))):
        cases = list(_triples(subject, facts, by_title[subject], rng))
        _count(cases, [_evidence(1, by_title[subject])], tried, flagged)
    seconds = time.perf_counter() - began
    return _figures(tried, flagged, seconds)


def _count(
    cases: Sequence[tuple[str, str]], evidence: Sequence[Evidence], tried: Counter[str], flagged: Counter[str]
) -> None:
    """Check the (kind, sentence) `cases` as the paragraphs of one answer, each citing the first piece of evidence."""
    paragraphs = [f"{text} [E{2 if kind == 'wrong_source' else 1}]\n\n" for kind, text in cases]
    sentences = check_answer("".join(paragraphs), evidence).sentences
    start = 0
    for (kind, _), paragraph in zip(cases, paragraphs, strict=True):
        end = start + len(paragraph)
        verdicts = {sentence.verdict for sentence in sentences if start <= sentence.start < end}
        tried[kind] += 1
        flagged[kind] += not verdicts <= {"supported", "no_claim"}
        start = end


def _figures(tried: Counter[str], flagged: Counter[str], seconds: float) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    for kind in (*TRUE, *FALSE, "wrong_source", "triple", "triple_swapped"):
        name = "false_alarm" if kind in TRUE or kind == "triple" else "detected"
        figures[f"{name}_{kind}"] = round(flagged[kind] / max(1, tried[kind]), 4)
        figures[f"n_{kind}"] = tried[kind]
    asked = ("number", "date", "name", "quote")
    figures["detection_rate"] = _share(flagged, tried, asked)
    figures["false_alarm_rate"] = _share(flagged, tried, tuple(TRUE))
    figures["sentences_per_s"] = round(tried.total() / seconds, 1)
    return figures


def _share(flagged: Counter[str], tried: Counter[str], kinds: Sequence[str]) -> float:
    return round(sum(flagged[kind] for kind in kinds) / max(1, sum(tried[kind] for kind in kinds)), 4)


def _passages(rows: list[dict[str, str]]) -> Iterator[Passage]:
    for row in rows:
        sentences = tuple(s for s in _SENTENCE.split(row["text"]) if 40 <= len(s) <= 400 and s[-1] in ".!")
        if sentences:
            yield Passage(row["title"], row["text"], sentences)


Fact = tuple[str, str, str]


def _facts(questions: list[dict[str, Any]]) -> list[Fact]:
    """The (subject, relation, value) facts behind the questions, each once."""
    return sorted({(fact[0], fact[1], fact[2]) for question in questions for fact in question["evidence"]})


def _triples(subject: str, facts: Sequence[Fact], passage: Passage, rng: random.Random) -> Iterator[tuple[str, str]]:
    """(kind, sentence): each fact about `subject`, then the same with the value that another subject has."""
    for relation, value in ((fact[1], fact[2]) for fact in facts if fact[0] == subject):
        yield "triple", f"The {relation} of {subject} is {value}."
        others = [o for _, r, o in facts if r == relation and o != value and o not in passage.text]
        if others:
            yield "triple_swapped", f"The {relation} of {subject} is {rng.choice(others)}."


def _evidence(number: int, passage: Passage) -> Evidence:
    return Evidence(
        id=f"E{number}",
        url=f"twowiki:{passage.title}",
        title=passage.title,
        page_hash=content_hash(passage.text),
        start=0,
        end=len(passage.text),
        text=passage.text,
        fetched_at="",
    )


def _cases(passage: Passage, names: Sequence[str], rng: random.Random) -> Iterator[tuple[str, str]]:
    """(kind, sentence): one sentence of the passage in every form that it can be given."""
    sentence = rng.choice(passage.sentences)
    yield "wrong_source", sentence
    for kind, change in {**TRUE, **FALSE}.items():
        changed = change(sentence, passage, names, rng)
        if changed is not None:
            yield kind, changed


def _verbatim(sentence: str, _p: Passage, _n: Sequence[str], _r: random.Random) -> str:
    return sentence


def _clause_dropped(sentence: str, _p: Passage, _n: Sequence[str], _r: random.Random) -> str | None:
    """Without a bracket, or without what follows the last comma."""
    bare = re.sub(r" ?\([^()]*\)", "", sentence)
    if bare != sentence:
        return bare
    head, comma, tail = sentence.rpartition(", ")
    return f"{head}." if comma and len(head) > 40 and len(tail) > 15 and " and " not in tail else None


def _title_for_pronoun(sentence: str, passage: Passage, _n: Sequence[str], _r: random.Random) -> str | None:
    name = re.sub(r" \(.*\)", "", passage.title)
    changed = re.sub(r"^(?:He|She|It) ", f"{name} ", sentence)
    return changed if changed != sentence else None


def _date_rewritten(sentence: str, _p: Passage, _n: Sequence[str], rng: random.Random) -> str | None:
    """A full date in another form, or without its day."""

    def rewrite(match: re.Match[str]) -> str:
        day, month, year = (match[1], match[2], match[3]) if match[1] else (match[5], match[4], match[6])
        iso = f"{int(year):04}-{MONTHS.index(month) + 1:02}-{int(day):02}"
        return rng.choice([f"{month} {year}", f"{month} {day}, {year}", f"{day} {month} {year}", iso])

    changed = _DATE.sub(rewrite, sentence)
    return changed if changed != sentence else None


def _merged(_s: str, passage: Passage, _n: Sequence[str], _r: random.Random) -> str | None:
    if len(passage.sentences) < 2 or "." in passage.sentences[0][:-1]:
        return None
    first, second = passage.sentences[:2]
    head = second[0].lower() if re.match(r"(?:He|She|It|The|In|They|His|Her)\b", second) else second[0]
    return f"{first[:-1]}, and {head}{second[1:]}"


def _quoted(sentence: str, _p: Passage, _n: Sequence[str], rng: random.Random) -> str | None:
    words = _stretch(sentence, rng)
    return f'The page says "{" ".join(words)}".' if words else None


def _stretch(sentence: str, rng: random.Random) -> list[str]:
    words = sentence.split()
    if len(words) < 12 or '"' in sentence:
        return []
    start = rng.randrange(0, len(words) - 10)
    return words[start : start + 8]


def _number_changed(sentence: str, _p: Passage, _n: Sequence[str], rng: random.Random) -> str | None:
    """One figure that is no part of a date gets another digit."""
    dated = [m.span() for m in _DATE.finditer(sentence)]
    found = [m for m in _NUMBER.finditer(sentence) if not any(a <= m.start() < b for a, b in dated)]
    found = [m for m in found if not _YEAR.fullmatch(m[1])]
    if not found:
        return None
    match = rng.choice(found)
    at = rng.choice([i for i, char in enumerate(match[1]) if char.isdigit()])
    old = match[1][at]
    new = rng.choice([digit for digit in "123456789" if digit != old])
    return sentence[: match.start() + at] + new + sentence[match.start() + at + 1 :]


def _date_changed(sentence: str, _p: Passage, _n: Sequence[str], rng: random.Random) -> str | None:
    """Another day, month or year in a full date, or another bare year."""
    full = list(_DATE.finditer(sentence))
    if full:
        match = rng.choice(full)
        day, month, year = (match[1], match[2], match[3]) if match[1] else (match[5], match[4], match[6])
        kind = rng.randrange(3)
        day = str(rng.choice([d for d in range(1, 29) if d != int(day)])) if kind == 0 else day
        month = rng.choice([m for m in MONTHS if m != month]) if kind == 1 else month
        year = str(int(year) + rng.choice([-10, -3, -1, 1, 2, 7])) if kind == 2 else year
        return _put(sentence, match, f"{day} {month} {year}")
    years = list(_YEAR.finditer(sentence))
    if not years:
        return None
    match = rng.choice(years)
    return _put(sentence, match, str(int(match[1]) + rng.choice([-10, -3, -1, 1, 2, 7])))


def _put(sentence: str, match: re.Match[str], other: str) -> str:
    return f"{sentence[: match.start()]}{other}{sentence[match.end() :]}"


def _name_swapped(sentence: str, passage: Passage, names: Sequence[str], rng: random.Random) -> str | None:
    """A name of two or three words becomes another one from the corpus that the passage does not have."""
    found = list(_NAME.finditer(sentence))
    if not found:
        return None
    match = rng.choice(found)
    other = rng.choice(names)
    return None if other in passage.text else _put(sentence, match, other)


def _name_exchanged(sentence: str, passage: Passage, _n: Sequence[str], rng: random.Random) -> str | None:
    """A name becomes another one of the same passage."""
    found = list(_NAME.finditer(sentence))
    others = sorted(set(_NAME.findall(passage.text)) - {m[1] for m in found})
    if not found or not others:
        return None
    match = rng.choice(found)
    return _put(sentence, match, rng.choice(others))


def _year_exchanged(sentence: str, passage: Passage, _n: Sequence[str], rng: random.Random) -> str | None:
    """A year becomes another one of the same passage."""
    found = list(_YEAR.finditer(sentence))
    others = sorted(set(_YEAR.findall(passage.text)) - {m[1] for m in found})
    if not found or not others:
        return None
    match = rng.choice(found)
    return _put(sentence, match, rng.choice(others))


def _quote_altered(sentence: str, passage: Passage, _n: Sequence[str], rng: random.Random) -> str | None:
    """One word inside a quote becomes another word of the passage."""
    words = _stretch(sentence, rng)
    at = rng.randrange(1, 7)
    others = [word for word in passage.text.split() if word.isalpha() and words and word != words[at]]
    if not words or not others or not words[at].isalpha():
        return None
    words[at] = rng.choice(others)
    return f'The page says "{" ".join(words)}".'


def _negated(sentence: str, _p: Passage, _n: Sequence[str], _r: random.Random) -> str | None:
    """`not` put behind the first auxiliary, or taken away."""
    if " not " in sentence:
        return sentence.replace(" not ", " ", 1)
    changed = _AUXILIARY.sub(r"\1 not", sentence, count=1)
    return changed if changed != sentence else None


TRUE: dict[str, Change] = {
    "verbatim": _verbatim,
    "clause_dropped": _clause_dropped,
    "title_for_pronoun": _title_for_pronoun,
    "date_rewritten": _date_rewritten,
    "merged": _merged,
    "quoted": _quoted,
}
FALSE: dict[str, Change] = {
    "number": _number_changed,
    "date": _date_changed,
    "name": _name_swapped,
    "quote": _quote_altered,
    "negation": _negated,
    "name_exchanged": _name_exchanged,
    "year_exchanged": _year_exchanged,
}
