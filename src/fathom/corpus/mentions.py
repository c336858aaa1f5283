"""Where pages name other pages: surfaces (titles and their variants) found in texts.

All surfaces are sought at once (Aho-Corasick) in lower case, then taken leftmost and longest at word boundaries;
between CJK characters every place is a boundary. The corpus itself decides which variants there are: a part or a
cognate of a title ("Einstein", "Japanese") counts only if that title's page uses it much more often than others do.
"""

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fathom.core.text import STOPWORDS
from fathom.corpus.document import Document

Kind = Literal["title", "bare", "plural", "part", "cognate"]
KINDS: tuple[Kind, ...] = ("title", "bare", "plural", "part", "cognate")

_CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
_IS_CJK = re.compile(f"[{_CJK}]")
_QUALIFIER = re.compile(r"\s*[(（][^()（）]*[)）]$")
_TOKEN = re.compile(r"\S+")
_WORD = re.compile(rf"[^\W\d_{_CJK}]+")
_EDGE = " \t\n,;:.!?\"'“”«»-–"
_SURROGATE = re.compile("[\ud800-\udfff]")
_LETTER = re.compile(r"[^\W\d_]")

_SAMPLE_PAGES = 500  # enough to know how common a phrase is elsewhere; all of them would double the time
_MIN_OWN = 6  # uses on the page itself below which nothing can be learnt
_MIN_LIFT = 30.0  # times as frequent on the page as in the sample; 10 is as good on wikispeedia and costs a third more
_STEM = 4  # letters a cognate shares with its title at least


class Surface(NamedTuple):
    """A text in lower case and the pages it may mean, as (index of the document, kind)."""

    text: str
    owners: tuple[tuple[int, Kind], ...]


class Mention(NamedTuple):
    """`text[start:end]` of a document is the surface of that index."""

    start: int
    end: int
    surface: int


def lower(text: str) -> str:
    """Lower case of the same length, so that offsets hold, and without lone surrogates."""
    simple = text.lower()
    if len(simple) != len(text):
        simple = "".join(low if len(low := char.lower()) == 1 else char for char in text)
    return simple if simple.isascii() else _SURROGATE.sub("\ufffd", simple)


def bare_title(title: str) -> str:
    """The title without its qualifier: "Mercury (planet)" is called Mercury in texts."""
    return _QUALIFIER.sub("", title) or title


def find_surfaces(documents: Sequence[Document], texts: Sequence[str]) -> list[Surface]:
    """The surfaces to look for. `texts` are those of the documents in lower case."""
    owners: dict[str, dict[int, Kind]] = defaultdict(dict)

    def add(text: str, owner: int, kind: Kind) -> None:
        text = lower(text).strip()
        # A bare number or a single character names nothing reliably.
        if len(text) > 1 and _LETTER.search(text):
            owners[text].setdefault(owner, kind)

    for index, document in enumerate(documents):
        for title in (document.title, *document.aliases):
            add(title, index, "title")
    for index, document in enumerate(documents):
        for title in (document.title, *document.aliases):
            add(bare_title(title), index, "bare")
    for index, document in enumerate(documents):
        for form in _other_number(bare_title(document.title)):
            add(form, index, "plural")
    for text, owner, kind in _learn_variants(documents, texts, set(owners)):
        add(text, owner, kind)
    return [Surface(text, tuple(pages.items())) for text, pages in owners.items()]


def _other_number(title: str) -> list[str]:
    """Plural of an English, French or Spanish name, and its singular where it is one."""
    if len(title) < 2 or not title[-1:].isalpha() or _IS_CJK.search(title[-1:]):
        return []
    forms = [title + "s"] if not title.endswith("s") else []
    if title.endswith("y"):
        forms.append(title[:-1] + "ies")
    if title.endswith(("s", "x", "z", "ch", "sh", "n", "r", "l", "d")):
        forms.append(title + "es")
    if title.endswith("s") and not title.endswith(("ss", "us", "is")) and len(title) > 4:
        forms.append(title[:-1])
    return forms


def _learn_variants(
    documents: Sequence[Document], texts: Sequence[str], known: set[str]
) -> Iterator[tuple[str, int, Kind]]:
    """(text, page, kind) of parts and cognates of titles that their own page uses more than others do."""
    claims: dict[str, list[tuple[float, int, Kind]]] = defaultdict(list)
    for index, document in enumerate(documents):
        text, title = texts[index], lower(bare_title(document.title))
        within = _seams(text)
        counts: dict[tuple[str, Kind], int] = {(part, "part"): _count(text, within, part) for part in _parts(title)}
        counts |= {(word, "cognate"): count for word, count in _cognates(title, text).items()}
        for (name, kind), count in counts.items():
            if count >= _MIN_OWN and name not in known:
                claims[name].append((count / len(text), -index, kind))
    if not claims:
        return
    sample = texts[:: max(1, len(texts) // _SAMPLE_PAGES)]
    size = sum(map(len, sample)) or 1
    elsewhere: Counter[int] = Counter()
    finder = Finder(list(claims))
    for text in sample:
        elsewhere.update(mention.surface for mention in finder.find(text, longest=False))
    for number, (name, found) in enumerate(claims.items()):
        rate, minus_index, kind = max(found)
        if rate >= _MIN_LIFT * (elsewhere[number] + 1) / size:
            yield name, -minus_index, kind


def _parts(title: str) -> Iterable[str]:
    """Beginnings and ends of a title of several words."""
    spans = [match.span() for match in _TOKEN.finditer(title)]
    for cut in range(1, len(spans)):
        for part in (title[: spans[cut - 1][1]].strip(_EDGE), title[spans[cut][0] :].strip(_EDGE)):
            words = part.split()
            if len(part) > 2 and words and words[0] not in STOPWORDS and words[-1] not in STOPWORDS:
                yield part


def _cognates(title: str, text: str) -> Counter[str]:
    """Words that begin as a title of one word does, and how often `text` uses them."""
    if not _WORD.fullmatch(title) or len(title) < _STEM:
        return Counter()
    stem = title[: max(_STEM, len(title) - 3)]
    words = re.findall(rf"\b{re.escape(stem)}[^\W\d_]{{0,8}}\b", text)
    return Counter(word for word in words if word != title and len(word) <= len(title) + 4)


def _count(text: str, within: bytes, part: str) -> int:
    count, at = 0, text.find(part)
    while at >= 0:
        end = at + len(part)
        count += not (within[at] or within[end])
        at = text.find(part, end)
    return count


@cache
def _letters() -> NDArray[np.bool_]:
    """By code point, whether it is a letter or digit of a script that parts words by blanks."""
    return np.array([chr(code).isalnum() and not _IS_CJK.match(chr(code)) for code in range(sys.maxunicode + 1)])


def _seams(text: str) -> bytes:
    """For each place from 0 to the length of `text` 1 where it lies within a word, 0 where a word may begin or end."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    letters = _letters()[codes]
    within = np.zeros(len(text) + 1, dtype=np.uint8)
    within[1:-1] = letters[1:] & letters[:-1]
    return within.tobytes()


class Finder:
    """Finds surfaces in texts that `lower` made."""

    def __init__(self, surfaces: Sequence[str]) -> None:
        import ahocorasick_rs

        # Overlapping matches, so that a longer one that ends within a word does not hide a shorter one that fits.
        automaton = ahocorasick_rs.AhoCorasick(surfaces)
        self._find: Callable[..., list[tuple[int, int, int]]] = automaton.find_matches_as_indexes

    def find(self, text: str, *, longest: bool = True) -> list[Mention]:
        """Mentions in order; with `longest` without overlaps, the leftmost and then longest of them."""
        within = _seams(text)
        found = [
            (start, -end, surface)
            for surface, start, end in self._find(text, overlapping=True)
            if not (within[start] or within[end])
        ]
        found.sort()
        if not longest:
            return [Mention(start, -minus_end, surface) for start, minus_end, surface in found]
        mentions, last = [], 0
        for start, minus_end, surface in found:
            if start >= last:
                last = -minus_end
                mentions.append(Mention(start, last, surface))
        return mentions
