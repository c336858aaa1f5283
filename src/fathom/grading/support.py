"""Whether evidence bears a sentence out: nothing missing, nothing contradicted, and enough of its words there.

Numbers, dates, names, quotes and addresses must each be found. The evidence's sentences that hold most of the claim are
picked greedily; they are the spans a reader is shown, and the claim's other words are sought in them alone, so that
words scattered over a long page prove nothing. Negation and opposites are compared with the same sentences.

What this cannot see: roles exchanged between entities that are all in the evidence ("A defeated B" for "B defeated A"),
and paraphrases that change the meaning with words the evidence has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fathom.grading.claims import Claim, Item
from fathom.grading.contrast import contrasts
from fathom.grading.lexicon import KINDS
from fathom.grading.sources import Reading, Source, holds_name
from fathom.grading.text import fold

# Shares of a sentence's other words that the picked spans must hold. Set on the pairs of tests/golden/citations.jsonl.
COVERAGE_WITH_ITEMS = 0.45
COVERAGE_ALONE = 0.6
# More sentences than this for one claim's words means that they are scattered.
MAX_WORD_PICKS = 4


@dataclass(frozen=True)
class Support:
    """How far sources bear a claim out. `problems` says what is missing or contradicted, `notes` what a reader should
    know; `picks` are (index of the source, sentence), best first; `score` compares sources for one claim."""

    problems: tuple[str, ...]
    notes: tuple[str, ...]
    picks: tuple[tuple[int, Reading], ...]
    found: int
    score: float

    @property
    def holds(self) -> bool:
        return not self.problems


def weigh(claim: Claim, sources: Sequence[Source], known: Sequence[Source] = ()) -> Support:
    """How far `sources` together bear out `claim`. `known` is all evidence of the answer: a person named in full there
    may be named in full here, too, where these sources give the last name only."""
    where = ", ".join(source.evidence.id for source in sources)
    comparable = [item for item in claim.items if any(source.can_name(item) for source in sources)]
    missing = [item for item in comparable if not any(s.holds(item) for s in sources)]
    missing = [item for item in missing if not _known_in_full(item, sources, known)]
    picks = _pick(claim, sources, missing)
    problems = [_missing(item, sources, where) for item in missing]
    found = len(comparable) - len(missing)
    covered, total, absent = _coverage(claim, sources, picks, given=found > 0)
    notes: list[str] = []
    if all(source.lang != claim.lang for source in sources) and covered < total * COVERAGE_WITH_ITEMS:
        # Words of different languages cannot be compared, and one figure alone may be there by chance.
        if found < 2:
            problems.append(f"too little in it can be compared with {where}, which is in another language")
        else:
            notes.append("compared by names and figures only: the languages differ")
    elif total and covered < total * (COVERAGE_WITH_ITEMS if found else COVERAGE_ALONE):
        problems.append(f"{_listed(absent)} not in {where}")
    if not missing:
        problems.extend(f"{text} in {where}" for text in contrasts(claim, sources, [reading for _, reading in picks]))
    if len(claim.items) + len(claim.words) + len(claim.terms) == 1:
        notes.append("a value by itself: only that it occurs there was checked")
    score = (3 * found + covered) / max(1, 3 * len(claim.items) + total)
    return Support(tuple(problems), tuple(notes), tuple(picks), found + covered, round(score, 6))


def _pick(claim: Claim, sources: Sequence[Source], missing: Sequence[Item]) -> list[tuple[int, Reading]]:
    """The sentences with most of the claim, each adding something the ones before have not."""
    items = [item for item in claim.items if item not in missing]
    features: list[tuple[int, Reading, set[str]]] = []
    for index, source in enumerate(sources):
        for reading in source.sentences:
            held = {f"item {at}" for at, item in enumerate(items) if reading.holds(item)}
            held |= {f"word {word}" for word in claim.words if reading.has_word(word)}
            held |= {f"word {term}" for term in claim.terms if reading.has_term(term)}
            if held:
                features.append((index, reading, held))
    titled = {f"item {at}" for at, item in enumerate(items) if any(s.title.holds(item) for s in sources)}
    titled |= {f"word {word}" for word in claim.words if any(s.title.has_word(word) for s in sources)}
    picks: list[tuple[int, Reading]] = []
    have: set[str] = set()
    while features:
        index, reading, held = max(features, key=lambda f: (_weight(f[2] - have), _weight(f[2]), -f[0], -f[1].start))
        gain = held - have
        if not gain or (len(picks) >= MAX_WORD_PICKS and not any(f.startswith("item") for f in gain)):
            break
        picks.append((index, reading))
        # What a title says is worth something in choosing the first sentence and nothing for adding another.
        have |= held | titled
    return picks


def _weight(features: set[str]) -> int:
    return sum(3 if feature.startswith("item") else 1 for feature in features)


def _coverage(
    claim: Claim, sources: Sequence[Source], picks: Sequence[tuple[int, Reading]], *, given: bool
) -> tuple[int, int, list[str]]:
    """(words found in the picked spans and their titles, all words, those not found). Where a value is `given`, words
    for its kind that the page does not have are not counted."""
    readings = [reading for _, reading in picks] + [source.title for source in sources]
    absent = [word for stem, word in claim.words.items() if not any(reading.has_word(stem) for reading in readings)]
    absent += [term for term in claim.terms if not any(reading.has_term(term) for reading in readings)]
    if given:
        absent = [word for word in absent if word not in KINDS]
    total = len(absent) + sum(any(reading.has_word(stem) for reading in readings) for stem in claim.words)
    total += sum(any(reading.has_term(term) for reading in readings) for term in claim.terms)
    return total - len(absent), total, absent


def _known_in_full(item: Item, sources: Sequence[Source], known: Sequence[Source]) -> bool:
    if item.kind != "name" or len(item.parts) < 2 or not any(source.holds(item) for source in known):
        return False
    last = item.parts[-1]
    return len(last) > 3 and any(
        last in source.whole.words and not _has_other_first_name(source.whole, item.parts) for source in sources
    )


def _has_other_first_name(reading: Reading, parts: Sequence[str]) -> bool:
    """Whether the text has the last name right behind another capitalised word: then it may be someone else."""
    words = reading.words
    before = {words[at - 1] for at in range(1, len(words)) if words[at] == parts[-1]}
    return any(f"{word} {parts[-1]}" in reading.name_pairs for word in before if word not in parts)


def _missing(item: Item, sources: Sequence[Source], where: str) -> str:
    quantity = item.quantity
    surface = f'"{_short(item.surface)}"' if quantity is None else _short(item.surface)
    if quantity is not None and quantity.unit:
        bare = [q for s in sources for q in s.whole.quantities if q.values and set(q.values) & set(quantity.values)]
        if bare:
            return f"{item.kind} {surface} is {quantity.unit}, but {bare[0].unit or 'an ordinal'} in {where}"
    if item.kind == "name" and len(item.parts) > 1:
        words = [word for source in sources for word in source.title.words + source.whole.words]
        gone = [part for part in item.parts if part not in words]
        if not gone and not holds_name(words, item.parts):
            return f"name {surface} not in {where}: its words stand apart there"
        if 0 < len(gone) < len(item.parts):
            return f"name {surface} not in {where}: no {_listed(gone)}"
    return f"{item.kind} {surface} not in {where}"


def _listed(words: Sequence[str]) -> str:
    shown = ", ".join(f'"{fold(word)}"' for word in words[:5])
    return f"{shown} and {len(words) - 5} more words" if len(words) > 5 else shown


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
