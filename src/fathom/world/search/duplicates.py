"""Hits that are one page, or one text in several places, from any engine or several.

Two hits are of one cluster when their canonical addresses agree, or when title and snippet agree almost word for word:
the Jaccard similarity of their sets of three-term shingles. Short texts say too little for the second.

Reference: Broder, "On the resemblance and containment of documents", 1997.
Differs from the paper: the sets are compared whole, without sketches, since there are at most some hundreds of hits.
"""

from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from fathom.core.config import Config
from fathom.core.text import terms
from fathom.world.protocol import Hit
from fathom.world.search.addresses import canonical_url, host_of

_SHINGLE = 3
_COMPARED_CHARS = 2000


class TidyConfig(Config):
    """How a list of hits is made short and varied."""

    similarity: float = Field(
        default=0.8, gt=0, le=1, description="share of common shingles from which two texts are one"
    )
    least_terms: int = Field(default=12, ge=_SHINGLE, description="terms a text needs to be compared by its words")
    per_domain: int = Field(default=0, ge=0, description="most hits of one host; 0 for no limit")


def clusters(hits: Sequence[Hit], config: TidyConfig = TidyConfig()) -> tuple[tuple[Hit, ...], ...]:
    """The hits in groups of near-duplicates, in order of each group's first; each hit is in exactly one."""
    urls = [canonical_url(hit.url) for hit in hits]
    shingles = [_shingles(hit, config.least_terms) for hit in hits]
    group = list(range(len(hits)))
    for later in range(len(hits)):
        for earlier in range(later):
            same = urls[earlier] == urls[later] or _similar(shingles[earlier], shingles[later], config.similarity)
            if same and group[earlier] != group[later]:
                first, second = sorted((group[earlier], group[later]))
                group = [first if number == second else number for number in group]
    members: dict[int, list[Hit]] = {}
    for number, hit in zip(group, hits, strict=True):
        members.setdefault(number, []).append(hit)
    return tuple(tuple(members[number]) for number in sorted(members))


def tidy(hits: Sequence[Hit], k: int, config: TidyConfig = TidyConfig()) -> tuple[Hit, ...]:
    """At most `k` hits in their order: the first of each cluster, and of one host no more than `per_domain`."""
    kept: list[Hit] = []
    taken: Counter[str] = Counter()
    for first, *_ in clusters(hits, config):
        host = host_of(first.url)
        if config.per_domain and host and taken[host] >= config.per_domain:
            continue
        taken[host] += 1
        kept.append(first)
    return tuple(kept[:k])


def _shingles(hit: Hit, least: int) -> frozenset[tuple[str, ...]]:
    words = terms(f"{hit.title} {hit.snippet}"[:_COMPARED_CHARS], stopwords=True)
    if len(words) < least:
        return frozenset()
    return frozenset(zip(*(words[start:] for start in range(_SHINGLE)), strict=False))


def _similar(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]], least: float) -> bool:
    if not one or not other or min(len(one), len(other)) < least * max(len(one), len(other)):
        return False
    common = len(one & other)
    return common >= least * (len(one) + len(other) - common)
