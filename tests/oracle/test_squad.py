"""F1 and exact match against a second implementation of the SQuAD script, on text both treat alike."""

import re
import string
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.grading.answers import f1, normalise

# Hyphens, dots and signs are where fathom differs on purpose, so they are left out here.
WORDS = st.lists(st.sampled_from('the a an The cat Cat sat, on (mat) New York! 12 John\'s "dog"'.split()), max_size=8)


def official(text: str) -> list[str]:
    bare = "".join(char for char in text.lower() if char not in string.punctuation.replace("'", "") + "'")
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def official_f1(given: str, gold: str) -> float:
    mine, theirs = official(given), official(gold)
    shared = sum((Counter(mine) & Counter(theirs)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(mine), shared / len(theirs)
    return 2 * precision * recall / (precision + recall)


@settings(max_examples=150)
@given(WORDS, WORDS)
def test_f1_and_exact_match_agree_with_the_script(given: list[str], gold: list[str]) -> None:
    one, other = " ".join(given), " ".join(gold)
    if official(one) and official(other):
        assert abs(f1(one, other) - official_f1(one, other)) < 1e-12
        assert (normalise(one) == normalise(other)) == (official(one) == official(other))
