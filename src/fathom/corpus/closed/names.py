"""Names nobody bears: words of two or three syllables out of a fixed bank.

Words are numbered; a number gives its word by arithmetic, and a seed shuffles the numbers. So a million different names
need no table, and a small vocabulary that has the syllables can spell any name it has never seen.
"""

from math import gcd

from fathom.core.seeds import derive_seed

# A syllable begins with one consonant and ends in a vowel or one more, so words fall into syllables in one way only.
# So many syllables, since two names of a text that begin alike are what a small model mixes up.
_ONSETS = tuple("bdfghjklmnprstvz")
_RIMES = tuple(vowel + end for vowel in "aeiou" for end in ("", "l", "m", "n", "r", "s"))
SYLLABLES = tuple(onset + rime for onset in _ONSETS for rime in _RIMES)
# Two characters sound a syllable: one its onset, one the rest.
_ONSETS_ZH, _RIMES_ZH = (
    "巴达法加哈贾卡拉马纳帕拜萨塔瓦泽",
    "阿尔姆安斯昂埃勒梅恩厄塞伊里米因英西奥洛莫欧翁索乌鲁穆温文苏",
)
SYLLABLE_ZH = {
    onset + rime: zh_onset + zh_rime
    for onset, zh_onset in zip(_ONSETS, _ONSETS_ZH, strict=True)
    for rime, zh_rime in zip(_RIMES, _RIMES_ZH, strict=True)
}

TWO, THREE = len(SYLLABLES) ** 2, len(SYLLABLES) ** 3
WORDS = TWO + THREE
"""How many words there are."""


class Words:
    """A seed's own order of all words, short ones first: different numbers below `WORDS` give different words."""

    def __init__(self, seed: int, *path: str) -> None:
        self._add = derive_seed(seed, *path, "add")
        self._times = _coprime(derive_seed(seed, *path, "times") % TWO)

    def syllables(self, number: int) -> tuple[str, ...]:
        """The syllables of the word with that number."""
        short = number < TWO
        size = TWO if short else THREE
        place = ((number if short else number - TWO) * self._times + self._add) % size
        parts = []
        for _ in range(2 if short else 3):
            place, at = divmod(place, len(SYLLABLES))
            parts.append(SYLLABLES[at])
        return tuple(parts)

    def word(self, number: int) -> str:
        """The word, capitalised."""
        return "".join(self.syllables(number)).capitalize()


def _coprime(number: int) -> int:
    """The next number from there that shares no factor with the number of syllables, and so none with its powers."""
    number = max(number, 2)
    while gcd(number, len(SYLLABLES)) != 1:
        number += 1
    return number
