"""Names nobody bears: words of two or three syllables out of a fixed bank.

Words are numbered; a number gives its word by arithmetic, and a seed shuffles the numbers. So a million different names
need no table, and few syllables make all of them, which lets a small vocabulary spell any name it has never seen.
"""

from math import gcd

from fathom.core.seeds import derive_seed

# Every syllable begins with consonants and no end can run into an onset, so words fall into syllables in one way only.
_ONSETS = (
    "b",
    "br",
    "d",
    "dr",
    "f",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "kl",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "st",
    "t",
    "tr",
    "v",
    "z",
)
_ENDS = ("a", "el", "i", "on", "u", "ar", "e", "im")
SYLLABLES = tuple(onset + end for onset in _ONSETS for end in _ENDS)
_CHARACTERS = (
    "阿巴白班贝本比宾博布蔡查昌达戴丹德邓迪丁东杜恩尔法凡菲芬丰弗富盖甘高戈格根古哈海汉豪赫亨洪胡华惠霍基吉加嘉江杰"
    "金京久卡凯坎康考科克肯库拉莱兰朗劳乐雷黎里利连林龙卢鲁伦罗洛马迈曼毛梅门蒙米敏明莫墨穆纳乃南尼宁诺努欧帕派潘佩"
    "彭皮平普奇齐钱乔切琴青丘瑞若萨赛桑森沙山尚绍舍申圣施石舒斯苏索塔泰坦汤特滕提天铁廷通图托瓦万威维温文沃乌西希夏"
    "先晓谢辛雄修亚延杨叶伊因英尤于元越云泽"
)
SYLLABLE_ZH = dict(zip(SYLLABLES, _CHARACTERS, strict=False))

TWO, THREE = len(SYLLABLES) ** 2, len(SYLLABLES) ** 3
WORDS = TWO + THREE
"""How many words there are."""


class Words:
    """A seed's own order of all words: `word(n)` for different n below `WORDS` are different words."""

    def __init__(self, seed: int, *path: str) -> None:
        self._add = derive_seed(seed, *path, "add") % WORDS
        self._times = _coprime(derive_seed(seed, *path, "times") % WORDS)

    def syllables(self, number: int) -> tuple[str, ...]:
        """The syllables of the word with that number."""
        place = (number * self._times + self._add) % WORDS
        count = 2 if place < TWO else 3
        place -= 0 if place < TWO else TWO
        parts = []
        for _ in range(count):
            place, at = divmod(place, len(SYLLABLES))
            parts.append(SYLLABLES[at])
        return tuple(parts)

    def word(self, number: int) -> str:
        """The word, capitalised."""
        return "".join(self.syllables(number)).capitalize()


def _coprime(number: int) -> int:
    """The next number from there that has no factor in common with `WORDS`."""
    number = max(number, 2)
    while gcd(number, WORDS) != 1:
        number += 1
    return number
