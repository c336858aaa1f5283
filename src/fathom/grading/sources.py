"""Evidence made searchable: which of its sentences hold an item or a word of a claim.

A page's title counts as said by every sentence of the page: "It is 8,849 m high" under the title "Mount Everest" bears
out a sentence about Mount Everest.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fathom.core.evidence import Evidence
from fathom.grading.claims import Item, Vocabulary, name_key, squeeze, stem, words_of
from fathom.grading.lexicon import LIFE_TERMS
from fathom.grading.quantities import Quantity, quantities
from fathom.grading.sentences import split_plain
from fathom.grading.text import fold, language, plain, scripts

_CAPITALISED = re.compile(r"[A-Z][\w-]{0,40}(?: (?:(?:of|the|and|for) )?[A-Z][\w-]{0,40}){1,7}")
_TWO_CAPITALS = re.compile(r"(?=\b([A-Z][\w'-]{1,40} [A-Z][\w'-]{1,40}))")


@dataclass(frozen=True)
class Reading:
    """A stretch of text as the checks see it; `start` and `end` are offsets in the evidence's text (0 for a title)."""

    start: int
    end: int
    text: str
    folded: str
    squeezed: str
    words: tuple[str, ...]
    stems: frozenset[str]
    quantities: tuple[Quantity, ...]
    acronyms: frozenset[str]
    name_pairs: frozenset[str]
    life: tuple[Quantity, Quantity] | None

    @classmethod
    def of(cls, text: str, lang: str, start: int = 0) -> "Reading":
        words = tuple(map(name_key, words_of(text)))
        life = life_dates(text, lang)
        implied = ["born", "died"] if life else []
        return cls(
            start=start,
            end=start + len(text),
            text=text,
            folded=fold(text),
            squeezed=squeeze(text),
            words=words,
            stems=frozenset(map(stem, [*words_of(text), *implied])),
            quantities=tuple(quantities(text, lang)),
            acronyms=_acronyms(text),
            name_pairs=_name_pairs(text),
            life=life,
        )

    def holds(self, item: Item) -> bool:
        """Whether the stretch itself says `item`."""
        if item.quantity is not None:
            mine = item.quantity
            return any(mine.agrees(theirs) for theirs in self.quantities)
        if item.kind == "name":
            if len(item.parts) == 1 and (item.parts[0] in self.acronyms or _is_verbatim(item, self.squeezed)):
                return True
            if item.pieces and all(piece in self.squeezed for piece in item.pieces):
                return True
            return holds_name(self.words, item.parts)
        if item.kind == "quote":
            return bool(item.parts) and all(part in self.squeezed for part in item.parts)
        return fold(item.surface).rstrip("/") in self.folded

    def has_word(self, word: str) -> bool:
        return word in self.stems

    def has_term(self, term: str) -> bool:
        return term in self.folded or (self.life is not None and any(term in terms for terms in LIFE_TERMS.values()))


_LIFE = re.compile(r"[(（][^()（）\n]{4,160}[)）]")
_DASH = re.compile(r"\s*[-–—－~～]\s*")


def life_dates(text: str, lang: str) -> tuple[Quantity, Quantity] | None:
    """The dates of birth and death where `text` gives them as "(... - ...)" in its first 200 characters."""
    bracket = _LIFE.search(text, 0, 200)
    if bracket is None:
        return None
    for dash in _DASH.finditer(bracket.group()):
        ends = (bracket.group()[1 : dash.start()], bracket.group()[dash.end() : -1])
        dates = [[q for q in quantities(end, lang) if q.dates] for end in ends]
        if len(dates[0]) == 1 and len(dates[1]) == 1 and _years_apart(dates[0][0], dates[1][0]):
            return dates[0][0], dates[1][0]
    return None


def _years_apart(first: Quantity, last: Quantity) -> bool:
    return 0 < last.dates[0].year - first.dates[0].year < 120


def _is_verbatim(item: Item, squeezed: str) -> bool:
    """Names in scripts without blanks, and titles in title marks, are looked for as they stand."""
    return not item.parts[0].isascii() and item.parts[0] in squeezed


def holds_name(words: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether `parts` stand near each other in `words`, in any order ("Hugh, King of Italy" for "King Hugh of Italy"),
    or one side is the other's acronym."""
    if not parts:
        return True
    wanted = set(parts)
    width = 2 * len(parts) + 2
    places = [index for index, word in enumerate(words) if word in wanted]
    for first in places:
        if wanted <= set(words[first : first + width]):
            return True
    return len(parts) > 1 and "".join(part[0] for part in parts) in words


def _acronyms(text: str) -> frozenset[str]:
    """The initials, in lower case, of the runs of capitalised words in `text`."""
    return frozenset(
        "".join(re.findall(r"\b[A-Z]", match.group())).lower() for match in _CAPITALISED.finditer(plain(text))
    )


def _name_pairs(text: str) -> frozenset[str]:
    """Each two neighbouring capitalised words, folded."""
    return frozenset(fold(match.group(1)) for match in _TWO_CAPITALS.finditer(plain(text)))


class Source:
    """One piece of evidence with its title and sentences read."""

    def __init__(self, evidence: Evidence, vocabulary: Vocabulary) -> None:
        self.evidence = evidence
        self.vocabulary = vocabulary
        self.lang = language(evidence.text)
        pieces = split_plain(evidence.text)
        self.title = Reading.of(evidence.title, self.lang)
        self.whole = Reading.of(evidence.text, self.lang)
        self.sentences = [Reading.of(evidence.text[p.start : p.end], self.lang, p.start) for p in pieces]
        self.scripts = scripts(evidence.text + evidence.title)
        vocabulary.learn(evidence.text)
        vocabulary.learn(evidence.title)

    def holds(self, item: Item) -> bool:
        """Whether the evidence, its title included, says `item`."""
        if item.kind == "address" and fold(item.surface).rstrip("/") == fold(self.evidence.url).rstrip("/"):
            return True
        if self.whole.holds(item) or self.title.holds(item):
            return True
        return item.kind == "name" and holds_name(self.title.words + self.whole.words, item.parts)

    def can_name(self, item: Item) -> bool:
        """Whether the evidence could have the name at all: it is written in one of the scripts the name is in."""
        return item.kind != "name" or bool(scripts(item.surface) & self.scripts) or not scripts(item.surface)
