"""`Spelling`: what public words say that leave a run one after the other, put together.

A page can list letters, syllables and numbers, which makes them public words, and order that a private word be sent as
a row of them. So what is about to go out is looked at together with what went before: across the borders of words, with
the longer ones between left out, and backwards. What is private is known, so it is looked for as it is, reversed and in
rot13; other codes are not known, and for these letters and alike addresses are few in one run. Once something was kept
back, short words are no longer sent, unless the question has them, nor addresses like those before: what was left out
of a spelling would be told by the rest.
"""

import codecs
import re
from collections.abc import Container, Iterable, Iterator, Sequence

_LEAST_PRIVATE = 4  # characters of a private word that is looked for
_SINGLES, _PIECES, _WORDS = 4, 5, 8  # characters in a row that are too many: of letters, of short words, of any
_PAIR, _PIECE = 2, 3  # characters of a short word
_BEFORE = 12  # words sent before that are looked at
_MOST_LETTERS, _MOST_ALIKE = 6, 6  # of a run
_ALIKE = 3  # characters in which alike addresses differ
_DIGITS = re.compile(r"\d(?:[\d .\-]*\d)?")
_FUNCTION = frozenset(
    "a an the of in on at to by for and or not is are was be it its as who how why did do has had "
    "der die das und im am le la les de des du et un une el los en y il lo e com org net www".split()
)

_Row = Sequence[tuple[str, bool]]
"""Words in order; True for those that may be passed over."""


class Spelling:
    """What one run has sent. Words are compared as they are given, so they come folded."""

    def __init__(self) -> None:
        self._private: dict[str, str] = {}
        self._texts = ""
        self._words: list[str] = []
        self._letters: set[str] = set()
        self._addresses: list[tuple[str, Sequence[str]]] = []
        self._kept_back = False

    def hide(self, words: Sequence[str], text: str) -> None:
        """Words of a private text, and the text, in which digits may stand in groups."""
        numbers = ("".join(filter(str.isdigit, run)) for run in _DIGITS.findall(text))
        self._texts += _forms("".join(words))
        for word in {word for word in (*words, *numbers) if len(word) >= _LEAST_PRIVATE}.difference(self._private):
            self._private[word] = _forms(word)

    def refuse_words(self, words: Sequence[str], known: Container[str], free: Iterable[str]) -> str:
        """Why these words may not follow those sent before; empty, and they count as sent, where they may. `known` are
        the public words, `free` those of the question, which may be sent without being counted."""
        short = {word for word in words if len(word) <= _PIECE}.difference(free, _FUNCTION)
        letters = self._letters | {word for word in short if len(word) == 1}
        if self._kept_back and short:
            return "short words any more, since some together made a private one"
        if len(letters) > _MOST_LETTERS:
            return "so many different letters one by one"
        if self._spells(words, known):
            return "words that together make a private one"
        self._letters = letters
        self._words += words
        return ""

    def refuse_address(self, address: str, words: Sequence[str], known: Container[str]) -> str:
        """The same of an address about to be opened, with the words in it."""
        others = [(other, its) for other, its in self._addresses if other != address]
        alike = sum(_alike(address, other) for other in {other for other, _ in others})
        if len(others) == len(self._addresses) and alike >= (1 if self._kept_back else _MOST_ALIKE):
            return "so many addresses that differ in a sign or two"
        last = others[-1][1] if others else ()
        new = [word for word in words if word not in last]
        if self._spells(new, known):
            return "addresses that together make a private word"
        self._addresses.append((address, words))
        self._words += new
        return ""

    def _spells(self, words: Sequence[str], known: Container[str]) -> bool:
        """Whether the words, with those before them, make a private one, or letters and pairs any part of the texts."""
        whole, single = self._texts, "".join(forms for word, forms in self._private.items() if word not in known)
        rows = ((1, _SINGLES, whole), (_PAIR, _PIECES, whole), (_PIECE, _PIECES, single), (None, _WORDS, single))
        for most, least, hidden in rows:
            # Words without a meaning of their own may be pieces, or stand between pieces.
            short = [word for word in words if most is None or len(word) <= most]
            before = [word for word in self._words if most is None or len(word) <= most][-_BEFORE:]
            row = [(word, most is not None and word in _FUNCTION) for word in (*before, *short)]
            if short and any(_found(order, least, hidden) for order in (row, row[::-1])):
                self._kept_back = True
                return True
        return False


def _forms(text: str) -> str:
    """The text as it is, reversed, and both in rot13."""
    plain = f"{text}\n{text[::-1]}\n"
    return plain + codecs.encode(plain, "rot13")


def _found(row: _Row, least: int, hidden: str) -> bool:
    """Whether a stretch of the words written together stands in `hidden` and is not part of one word alone. Numbers are
    told by fewer characters."""
    sizes = {least, min(least, _PIECES)}
    for at, (first, optional) in enumerate(row):
        for text, solid in _together(row, at, first, not optional, len(first) + least - 1):
            for size in sizes if solid else ():
                for start in range(max(0, len(first) - size + 1), min(len(first), len(text) - size + 1)):
                    part = text[start : start + size]
                    if part in hidden and (size == least or any(map(str.isdigit, part))):
                        return True
    return False


def _together(row: _Row, at: int, text: str, solid: bool, most: int) -> Iterator[tuple[str, bool]]:
    """What can be read from the word at `at` on, up to `most` characters, with and without those that may be passed
    over; and whether there is one among them that may not be."""
    yield text, solid
    if len(text) >= most:
        return
    for following in range(at + 1, len(row)):
        word, optional = row[following]
        yield from _together(row, following, text + word, solid or not optional, most)
        if not optional:
            return


def _alike(one: str, other: str) -> bool:
    start = _shared(one, other)
    end = _shared(one[start:][::-1], other[start:][::-1])
    return max(len(one), len(other)) - start - end <= _ALIKE


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    differ = (at for at, (mine, its) in enumerate(zip(one, other, strict=False)) if mine != its)
    return next(differ, min(len(one), len(other)))
