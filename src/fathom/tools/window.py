"""Windows: the parts of a page that matter for a goal.

A page that is too long is never cut at its head. It is split at its paragraphs (long ones at sentence ends), each piece
is scored against the goal by BM25 with the page as its own corpus, and the best pieces are given, in the page's order.
"""

import math
import re
from collections import Counter

from fathom.core.text import terms

Span = tuple[int, int]

_BREAK = re.compile(r"\n\s*\n|\n|(?<=[.!?])\s+(?=[A-Z\"'(\[\u00c0-\u024f])|(?<=[。！？])")


def pieces(text: str, size: int) -> list[Span]:
    """Spans that cover all non-blank text in order, each at most `size` characters (code points), broken where
    possible at paragraph or sentence ends."""
    cuts = [match.end() for match in _BREAK.finditer(text)] + [len(text)]
    spans: list[Span] = []
    start = end = 0
    for cut in cuts:
        paragraph = "\n" in text[start:end] and end > start
        if cut - start > size or (paragraph and end - start > size // 2):
            if end > start:
                spans.append((start, end))
            start = end
        while cut - start > size:
            spans.append((start, start + size))
            start += size
        end = cut
    spans.append((start, len(text)))
    return [span for span in (_trim(text, *span) for span in spans) if span[0] < span[1]]


def _trim(text: str, start: int, end: int) -> Span:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())


def relevance(goal: str, parts: list[str]) -> list[float]:
    """BM25 (k1 = 1.2, b = 0.75) of each part for `goal`, with the parts as the corpus."""
    bags = [Counter(terms(part)) for part in parts]
    lengths = [sum(bag.values()) for bag in bags]
    average = (sum(lengths) / len(lengths) if lengths else 0.0) or 1.0
    wanted = set(terms(goal))
    idf = {}
    for term in wanted:
        holders = sum(term in bag for bag in bags)
        idf[term] = math.log(1 + (len(bags) - holders + 0.5) / (holders + 0.5))
    scores = []
    for bag, length in zip(bags, lengths, strict=True):
        norm = 1.2 * (0.25 + 0.75 * length / average)
        scores.append(sum(idf[term] * bag[term] * 2.2 / (bag[term] + norm) for term in wanted if term in bag))
    return scores


def windows(text: str, goal: str, *, limit: int, size: int = 800) -> list[Span]:
    """Spans of `text`, in order, of at most `limit` characters in all, chosen by relevance to `goal`.

    The whole text, in pieces, where it fits. Neighbours of equal relevance are taken in the page's order, so a goal
    that matches nothing gives the page's beginning.
    """
    return chosen(text, pieces(text, min(size, limit)), goal, limit=limit, size=size)


def chosen(text: str, spans: list[Span], goal: str, *, limit: int, size: int) -> list[Span]:
    """Those of `spans` that `windows` would give, however `text` was cut into them."""
    if sum(end - start for start, end in spans) <= limit:
        return spans
    scores = relevance(goal, [text[start:end] for start, end in spans])
    best: list[Span] = []
    room = limit
    for index in sorted(range(len(spans)), key=lambda i: (-scores[i], i)):
        start, end = spans[index]
        if end - start <= room:
            best.append(spans[index])
            room -= end - start
        if room < size // 8:
            break
    return sorted(best)
