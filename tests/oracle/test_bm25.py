"""The index against BM25 written out: every passage scored for every query."""

import math
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

from fathom.corpus.lexical import LexicalIndex, write_index

K1, B = 1.2, 0.75
WORDS = [f"w{number}" for number in range(40)]


def bm25(query: list[str], passages: list[list[str]]) -> list[tuple[int, float]]:
    mean = sum(map(len, passages)) / len(passages)
    scores = {}
    for number, passage in enumerate(passages):
        counts = Counter(passage)
        score = 0.0
        for term in dict.fromkeys(query):
            having = sum(term in other for other in passages)
            idf = math.log(1 + (len(passages) - having + 0.5) / (having + 0.5))
            length = K1 * (1 - B + B * len(passage) / mean)
            score += idf * counts[term] * (1 + K1) / (counts[term] + length)
        if score:
            scores[number] = score
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def test_scores_and_order_are_those_of_bm25(tmp_path: Path) -> None:
    stream = random.Random(7)
    # Lengths up to 40 words are kept exactly by the index; longer ones to three bits.
    passages = [stream.choices(WORDS, weights=range(1, 41), k=stream.randint(3, 38)) for _ in range(120)]
    write_index(tmp_path / "index", [(n, passage[0], " ".join(passage[1:])) for n, passage in enumerate(passages)], 64)
    index = LexicalIndex(tmp_path / "index")
    for _ in range(60):
        query = stream.choices(WORDS, k=stream.randint(1, 6))
        expected = bm25(query, passages)
        found = index.search(" ".join(query), len(passages))
        assert {number for number, _ in found} == {number for number, _ in expected}
        truth = dict(expected)
        assert all(abs(score - truth[number]) < 2e-4 for number, score in found)
        assert all(truth[a] >= truth[b] - 2e-4 for (a, _), (b, _) in pairwise(found))
