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
from collections.abc import Container, Iterable, Sequence

MOST_WORDS, MOST_CHARS = 200, 2000
"""Of one text that may go out of a run with private text, and words of an address."""
_MOST_BEGUN = 2000  # ways to read on that are open at once; a sentence of small words alone has some hundred
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
        if why := self._spelt(words, known, "words that together make a private one"):
            return why
        self._letters = letters
        self._words += words
        return ""

    def refuse_address(self, address: str, words: Sequence[str], known: Container[str]) -> str:
        """The same of an address about to be opened, with the words in it."""
        if len(words) > MOST_WORDS:
            return f"an address of more than {MOST_WORDS} words"
        others = [(other, its) for other, its in self._addresses if other != address]
        alike = sum(_alike(address, other) for other in {other for other, _ in others})
        if len(others) == len(self._addresses) and alike >= (1 if self._kept_back else _MOST_ALIKE):
            return "so many addresses that differ in a sign or two"
        last = others[-1][1] if others else ()
        new = [word for word in words if word not in last]
        if why := self._spelt(new, known, "addresses that together make a private word"):
            return why
        self._addresses.append((address, words))
        self._words += new
        return ""

    def _spelt(self, words: Sequence[str], known: Container[str], refusal: str) -> str:
        """`refusal` where the words, with those before them, make a private one, or letters and pairs any part of the
        texts; another one where they can be read in too many ways to tell."""
        whole: set[str] = set()
        single: set[str] = set()
        rows = ((1, _SINGLES, whole), (_PAIR, _PIECES, whole), (_PIECE, _PIECES, single), (None, _WORDS, single))
        for most, least, sought in rows:
            # Words without a meaning of their own may be pieces, or stand between pieces.
            short = [word for word in words if most is None or len(word) <= most]
            before = [word for word in self._words if most is None or len(word) <= most][-_BEFORE:]
            row = [(word, most is not None and word in _FUNCTION) for word in (*before, *short)]
            for order in (row, row[::-1]) if short else ():
                found = _stretches(order, least)
                if found is None:
                    return "so many small words in a row"
                sought |= found
        private = "".join(forms for word, forms in self._private.items() if word not in known)
        if _stands_in(self._texts, whole) or _stands_in(private, single):
            self._kept_back = True
            return refusal
        return ""


def _forms(text: str) -> str:
    """The text as it is, reversed, and both in rot13."""
    plain = f"{text}\n{text[::-1]}\n"
    return plain + codecs.encode(plain, "rot13")


def _stands_in(hidden: str, stretches: set[str]) -> bool:
    """Whether one of the stretches is in `hidden`, in one pass for all: one by one they would take seconds."""
    from ahocorasick_rs import AhoCorasick

    return bool(stretches) and bool(AhoCorasick(list(stretches)).find_matches_as_strings(hidden))


def _stretches(row: _Row, least: int) -> set[str] | None:
    """What words of the row give written together, in stretches of `least` characters that are not part of one word
    alone; numbers are told by fewer. None where there are too many ways to read it."""
    found: set[str] = set()
    for size in {least, min(least, _PIECES)}:
        read = _read_together(row, size)
        if read is None:
            return None
        found |= {text for text in read if size == least or any(map(str.isdigit, text))}
    return found


def _read_together(row: _Row, size: int) -> set[str] | None:
    """Stretches of `size` characters from within a word on into those that follow, with and without those that may be
    passed over, and with one that may not be. The work is bounded by how many texts shorter than `size` the words can
    make, not by how many ways there are to make them. None where they are too many."""
    found: set[str] = set()
    begun: set[tuple[str, bool]] = set()  # shorter yet, and whether a word is in it that may not be passed over
    settled: set[str] = set()  # words that added nothing since something was begun
    for word, optional in row:
        if optional and word in settled:
            continue
        grown = {(text + word, solid or not optional) for text, solid in begun}
        found.update(text[:size] for text, solid in grown if solid and len(text) >= size)
        new = {(word[-chars:], not optional) for chars in range(1, min(size, len(word) + 1))}
        new.update(state for state in grown if len(state[0]) < size)
        if optional and new <= begun:
            settled.add(word)
            continue
        begun = begun | new if optional else new
        settled.clear()
        if len(begun) > _MOST_BEGUN:
            return None
    return found


def _alike(one: str, other: str) -> bool:
    start = _shared(one, other)
    end = _shared(one[start:][::-1], other[start:][::-1])
    return max(len(one), len(other)) - start - end <= _ALIKE


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    differ = (at for at, (mine, its) in enumerate(zip(one, other, strict=False)) if mine != its)
    return next(differ, min(len(one), len(other)))
