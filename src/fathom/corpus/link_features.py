"""What a corpus says of each pair of a page and another page it names: the features the linker weighs.

All of them are shares, rates or logarithms of such, so that they mean the same in corpora of any size and language.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fathom.core.assets import Progress, quiet
from fathom.corpus.document import Document
from fathom.corpus.mentions import KINDS, Finder, Mention, Surface, find_surfaces, lower

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
_REPORT_EVERY = 200
_LEAD_CHARS = 500.0  # a mention is early on this scale
_SHORT_CHARS = 5000.0  # one mention on a page much shorter than this is not yet a high density
_FEW = 5.0  # uses too few to speak of a share
_SELF_WEIGHT = 3.0  # of a page among the pages it names, as if it named itself e^2 times

FEATURES = (
    "bias",
    "bare",
    "plural",
    "part",
    "cognate",
    "lower_share",
    "lower_share*log_rate",
    "lower_share^2",
    "own_share",
    "log_case_agreement",
    "free",
    "log_count",
    "log_density",
    "log_first",
    "log_likeness",
    "mutual",
    "several_words",
)
"""Of a page that names a target: the kind of surface it uses; the surface's share of lower case, also times the log
rate per character at which the corpus names the target; its share of uses on the target's own page; how usual its case
here is there; whether it stands outside longer names; its count here, per character, and where it is first; the
likeness of the pages that the two name; whether the target names the page; whether the surface has several words."""


class Candidates(NamedTuple):
    """Pairs of pages: `source` names `target`, first in `text[start:end]`. One row each, `features` as FEATURES."""

    source: Integers
    target: Integers
    start: Integers
    end: Integers
    features: Floats


class _Group:
    """All mentions of one page by one surface, or of one pair of pages."""

    __slots__ = ("capital", "capitals", "count", "end", "free", "kind", "start", "surface")

    def __init__(self, surface: int, start: int, end: int, kind: int = 0) -> None:
        self.surface, self.start, self.end, self.kind = surface, start, end, kind
        self.count = self.capital = self.capitals = 0
        self.free = False

    def add(self, other: "_Group") -> None:
        self.count += other.count
        self.capital += other.capital
        self.capitals += other.capitals
        self.free = self.free or other.free
        if other.start < self.start:
            self.start, self.end = other.start, other.end

    @property
    def cases(self) -> tuple[int, int, int]:
        """Uses in lower case, with a capital, in capitals."""
        return self.count - self.capital - self.capitals, self.capital, self.capitals


Groups = dict[int, _Group]


def find_candidates(documents: Sequence[Document], on_progress: Progress = quiet) -> Candidates:
    """Every pair of a page and another it mentions by a title, or by a variant of one, with its features."""
    texts = [lower(document.text) for document in documents]
    surfaces = find_surfaces(documents, texts)
    finder = Finder([surface.text for surface in surfaces])
    pages: list[Groups] = []
    for index, document in enumerate(documents):
        if index % _REPORT_EVERY == 0:
            on_progress("finding mentions of titles", index, len(documents))
        pages.append(_group(document.text, texts[index], finder.find(texts[index])))
    on_progress("finding mentions of titles", len(documents), len(documents))
    pairs = [_pairs(index, groups, surfaces) for index, groups in enumerate(pages)]
    return _describe(documents, surfaces, pages, pairs)


def _group(text: str, low: str, mentions: Iterable[Mention]) -> Groups:
    groups: Groups = {}
    for start, end, surface in mentions:
        group = groups.get(surface)
        if group is None:
            group = groups[surface] = _Group(surface, start, end)
        group.count += 1
        found = text[start:end]
        if found == low[start:end]:
            group.free = True
            continue
        if found.isupper():
            group.capitals += 1
        else:
            group.capital += 1
        group.free = group.free or not _inside_a_name(text, start, end)
    return groups


def _inside_a_name(text: str, start: int, end: int) -> bool:
    """Whether a capitalised word stands directly before or after, as in Oxford University Press."""
    if text[end : end + 1] == " " and text[end + 1 : end + 2].isupper():
        return True
    if start < 2 or text[start - 1] != " ":
        return False
    before = max(text.rfind(" ", 0, start - 1), text.rfind("\n", 0, start - 1)) + 1
    # A capital that opens a sentence says nothing.
    return text[before].isupper() and before > 1 and text[before - 2].isalnum() and text[start - 2].isalnum()


def _pairs(index: int, groups: Groups, surfaces: Sequence[Surface]) -> Groups:
    """By target what the page says of it; the surface is that of the best kind."""
    pairs: Groups = {}
    for surface, group in groups.items():
        for target, kind in surfaces[surface].owners:
            if target == index:
                continue
            rank = KINDS.index(kind)
            known = pairs.get(target)
            if known is None:
                known = pairs[target] = _Group(surface, group.start, group.end, rank)
            elif rank < known.kind:
                known.kind, known.surface = rank, surface
            known.add(group)
    return pairs


def _describe(
    documents: Sequence[Document], surfaces: Sequence[Surface], pages: Sequence[Groups], pairs: Sequence[Groups]
) -> Candidates:
    uses, low = np.zeros(len(surfaces)), np.zeros(len(surfaces))
    own: dict[tuple[int, int], int] = {}
    own_cases = np.full((len(documents), 3), 1 / 3)  # one use of unknown case, so that nothing is impossible
    for index, groups in enumerate(pages):
        for surface, group in groups.items():
            uses[surface] += group.count
            low[surface] += group.cases[0]
            if any(owner == index for owner, _ in surfaces[surface].owners):
                own[surface, index] = group.count
                own_cases[index] += group.cases
    table = np.array(
        [
            (source, target, group.start, group.end, group.surface, group.kind, group.count, group.free, *group.cases)
            for source, groups in enumerate(pairs)
            for target, group in groups.items()
        ],
        dtype=np.int64,
    ).reshape(-1, 11)
    source, target, start, end, surface, kind, count, free = table[:, :8].T
    rarity = -np.log((np.bincount(target, minlength=len(documents)) + 1) / (len(documents) + 1))
    lengths = np.array([len(document.text) for document in documents])
    rate = np.log((np.bincount(target, count, len(documents)) + 1) / (lengths.sum() + 1))
    several = np.array([" " in surface.text for surface in surfaces], dtype=np.float64)
    lower_share = low[surface] / uses[surface]
    own_uses = np.array([own.get(key, 0) for key in zip(surface.tolist(), target.tolist(), strict=True)])
    cases = own_cases[target]
    agreement = (table[:, 8:] * cases).sum(axis=1) / (count * cases.sum(axis=1))
    mutual = np.array([page in pairs[other] for page, other in table[:, :2].tolist()])
    columns: list[NDArray[Any]] = [
        np.ones(len(table)),
        *(kind == rank for rank in range(1, len(KINDS))),
        lower_share,
        lower_share * rate[target],
        lower_share**2,
        own_uses / (uses[surface] + _FEW),
        np.log(agreement),
        free,
        np.log(count),
        np.log(count / (lengths[source] + _SHORT_CHARS)),
        np.log1p(start / _LEAD_CHARS),
        np.log(_likeness(pairs, rarity) + 0.003),
        mutual,
        several[surface],
    ]
    features = np.stack([column.astype(np.float64) for column in columns], axis=1)
    return Candidates(source, target, start, end, features)


def _likeness(pairs: Sequence[Groups], weight: Floats) -> Floats:
    """Per pair the cosine of the weighted sets of pages that the two name, each of them included in its own."""
    rows, values = [], []
    for index, groups in enumerate(pairs):
        targets = np.array([index, *groups], dtype=np.int64)
        counts = np.array([group.count for group in groups.values()], dtype=np.float64)
        vector = np.concatenate(([_SELF_WEIGHT], 1 + np.log(counts))) * weight[targets]
        rows.append(targets)
        values.append(vector / (np.linalg.norm(vector) or 1.0))
    dense = np.zeros(len(pairs))
    parts: list[Floats] = [np.zeros(0)]
    for index, groups in enumerate(pairs):
        if not groups:
            continue
        dense[rows[index]] = values[index]
        products = dense[np.concatenate([rows[target] for target in groups])]
        products *= np.concatenate([values[target] for target in groups])
        starts = np.cumsum([0, *(len(rows[target]) for target in groups)])[:-1]
        parts.append(np.add.reduceat(products, starts))
        dense[rows[index]] = 0.0
    return np.concatenate(parts)
