"""Documents are cut into passages of about a hundred words, the unit that is indexed and cited.

A text is a row of units (sentences, lines); units are packed in order until a passage is full, preferably up to the end
of a paragraph. Passages never overlap, and leave out nothing but blank space: what a page says can always be found.
"""

import re
from collections.abc import Iterator

from pydantic import Field

from fathom.core.config import Config

Span = tuple[int, int]

CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_IDEOGRAPH = re.compile(f"[{CJK}]")
_WORD = re.compile(rf"[^\W{CJK}]+")
_TOKEN = re.compile(rf"(?P<ideograph>[{CJK}])|(?P<word>[^\W{CJK}]{{1,60}})|(?P<other>[^\w\s]{{1,60}})")
# A unit ends at a line break, or after a full stop that a blank (or, in Chinese and Japanese, nothing) follows.
_UNIT_END = re.compile(r"\n+|[.!?…][\"'”’)\]]*\s+|[。！？；][」』”’）]*")
# Mean length of jieba's words over 300 articles of the zhwiki slice.
_IDEOGRAPHS_PER_WORD = 1.8
_CHARACTERS_PER_WORD = 10  # at most, or hashes, genomes and lines of dashes would make passages without end
_TAIL_SHARE = 4  # a last passage shorter than this part of the target joins the one before it


class PassageConfig(Config):
    """Sizes in words; 1.8 Chinese or Japanese characters count as one."""

    target_words: int = Field(default=100, ge=1, description="a passage ends at the next paragraph's end from here on")
    max_words: int = Field(default=150, ge=2, description="a passage ends at the last sentence's end before this")


def split_passages(text: str, config: PassageConfig = PassageConfig()) -> list[Span]:
    """Spans (start, end) of the passages of `text` in code points, in order, apart, none blank at either end.

    Every character that is not blank lies in exactly one of them. Only the tail of a document may make one longer than
    `max_words`, by a quarter of `target_words`.
    """
    spans: list[Span] = []
    start = end = -1
    size = 0.0
    for unit_start, unit_end, words, opens in _units(text, config.max_words):
        full = size + words > config.max_words or (opens and size >= config.target_words)
        if start >= 0 and full:
            spans.append((start, end))
            start, size = -1, 0.0
        if start < 0:
            start = unit_start
        end, size = unit_end, size + words
    if start >= 0:
        if spans and size * _TAIL_SHARE < config.target_words:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def count_words(text: str) -> float:
    """Words of `text`: a Chinese or Japanese character counts as a part of one, ten characters as one at least."""
    words: float = len(_WORD.findall(text))
    if not text.isascii():
        words += len(_IDEOGRAPH.findall(text)) / _IDEOGRAPHS_PER_WORD
    return max(words, len(text) / _CHARACTERS_PER_WORD)


def _units(text: str, max_words: int) -> Iterator[tuple[int, int, float, bool]]:
    """(start, end, words, opens a paragraph) of the trimmed units of `text`; none has more than `max_words`."""
    opens = True
    position = 0
    for border in _UNIT_END.finditer(text):
        for unit in _trimmed(text, position, border.end(), max_words):
            yield (*unit, opens)
            opens = False
        opens = opens or "\n" in border.group()
        position = border.end()
    for unit in _trimmed(text, position, len(text), max_words):
        yield (*unit, opens)
        opens = False


def _trimmed(text: str, start: int, end: int, max_words: int) -> Iterator[tuple[int, int, float]]:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    piece = piece.strip()
    if not piece:
        return
    words = count_words(piece)
    if words <= max_words:
        yield start, start + len(piece), words
        return
    for left, right in _cut(piece, max_words):
        yield start + left, start + right, count_words(piece[left:right])


def _cut(piece: str, max_words: int) -> Iterator[Span]:
    """Cut a sentence that is too long between words, or inside what is too long for a word."""
    start, words = 0, 0.0
    longest = max_words * _CHARACTERS_PER_WORD
    for token in _TOKEN.finditer(piece):
        word = 0.0 if token.lastgroup == "other" else 1.0
        full = words + word > max_words or token.end() - start > longest
        if full and token.start() > start:
            yield start, start + len(piece[start : token.start()].rstrip())
            start, words = token.start(), 0.0
        words += word
    yield start, len(piece)
