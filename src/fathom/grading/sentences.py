"""Split Markdown or plain text, in any language, into sentences with exact offsets, and find evidence markers.

Blocks first (headings, list items, quotes, tables, code), sentences inside them after. What lies between pieces is
white space or Markdown structure, so pieces and gaps together are the text again. A full stop ends a sentence unless
it belongs to an abbreviation, an initial, a number or a date; markers behind it (`... 875. [E1]`) belong to it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from fathom.grading.lexicon import ABBREVIATIONS, ENDING_ABBREVIATIONS, MONTHS, STOPWORDS

PieceKind = Literal["text", "heading", "header_row", "row", "code"]


class Piece(NamedTuple):
    """A sentence, heading, table row or code block: `text[start:end]`, offsets in code points."""

    start: int
    end: int
    kind: PieceKind


_ITEM = r"\^?[Ee]?\d{1,3}(?:\s?[-–]\s?[Ee]?\d{1,3})?"
_SEPARATOR = r"\s?[,;，、；&]\s?|\s"
# Names evidence as `[E1]`, `[E1, E4]`, `[E2-E4]`; `[3]` and a link target behind it are what models write by habit.
MARKER = re.compile(rf"[\[【]\s?(?:{_ITEM})(?:(?:{_SEPARATOR})(?:{_ITEM}))*\s?[\]】](?:\([^()\s]{{0,500}}\))?")

_LINE = re.compile(r"[^\n]*\n?")
_FENCE = re.compile(r"[ ]{0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"[ ]{0,3}#{1,6}(?:[ \t]+|$)")
_RULE = re.compile(r"[ ]{0,3}(?:-[ \t]*){3,}$|[ ]{0,3}(?:\*[ \t]*){3,}$|[ ]{0,3}(?:_[ \t]*){3,}$|[ ]{0,3}={3,}[ \t]*$")
_LIST = re.compile(r"[ \t]*(?:[-*+•·–][ \t]+|\d{1,3}[.)][ \t]+|[（(]?[一二三四五六七八九十]{1,3}[、)）][ \t]*)")
_QUOTED = re.compile(r"[ ]{0,3}>[ \t]?")
_TABLE_RULE = re.compile(r"[\s|:\-]+$")

_STOP = re.compile(r"[.!?…。！？｡।॥؟۔]+")
_WIDE_STOPS = frozenset("。！？｡।॥؟۔")
_CLOSERS = "\"'”’»›」』）)】*_`"
_WORD_BEFORE = re.compile(r"[^\W_](?:[^\W_]|[.'’]){0,15}$")
_WORD_AFTER = re.compile(r"[\W_]{0,6}?([^\W\d_]+)")
_STARTERS = frozenset(w for lang in ("en", "de", "fr", "es") for w in STOPWORDS[lang] if len(w) > 1) | {"a"}


def split(text: str) -> list[Piece]:
    """The pieces of Markdown `text`, in order and disjoint; none is empty or begins or ends with white space."""
    pieces: list[Piece] = []
    for start, end, kind in _blocks(text):
        if kind == "text":
            pieces.extend(_sentences(text, start, end))
        else:
            start, end = _strip(text, start, end)
            if start < end:
                pieces.append(Piece(start, end, kind))
    return pieces


def split_plain(text: str) -> list[Piece]:
    """As `split` for text that is no Markdown, such as a page: every line break ends a sentence only if it is a blank
    line, and `#`, `|` or `-` mean nothing."""
    pieces: list[Piece] = []
    start = 0
    for gap in re.finditer(r"\n[ \t\r]*\n\s*|\Z", text):
        pieces.extend(_sentences(text, start, gap.start()))
        start = gap.end()
    return pieces


def markers(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int, tuple[str, ...]]]:
    """(start, end, ids) of each marker in `text[start:end]`. Bare numbers read as `E` ids; ranges are spelt out."""
    return [
        (m.start(), m.end(), _ids(m.group())) for m in MARKER.finditer(text, start, len(text) if end is None else end)
    ]


def _ids(marker: str) -> tuple[str, ...]:
    inside = re.split(r"[\]】]", marker, maxsplit=1)[0]
    ids: list[str] = []
    for first, last in re.findall(r"(\d{1,3})(?:\s?[-–]\s?[Ee]?(\d{1,3}))?", inside):
        low, high = int(first), int(last or first)
        # A longer range is more likely a typo than a citation; its ends are kept.
        numbers: Sequence[int] = range(low, high + 1) if 0 <= high - low <= 20 else (low, high)
        ids.extend(f"E{number}" for number in numbers)
    return tuple(dict.fromkeys(ids))


def _blocks(text: str) -> Iterator[tuple[int, int, PieceKind]]:
    """(start, end, kind) of each block. Consecutive plain lines are one block."""
    begin = end = -1
    fence = ""
    lines = [(m.start(), m.group().rstrip("\n")) for m in _LINE.finditer(text) if m.group()]
    for index, (offset, line) in enumerate(lines):
        if fence:
            end = offset + len(line)
            closing = line.strip()
            if not (closing.startswith(fence) and not closing.strip(fence[0])):
                continue
            yield begin, end, "code"
            begin, fence = -1, ""
            continue
        content, kind = _content(line)
        if (kind != "text" or content > 0 or not line.strip()) and begin >= 0:
            yield begin, end, "text"
            begin = -1
        if kind == "code":
            opening = _FENCE.match(line)
            fence = opening.group(1) if opening else ""
            begin, end = offset, offset + len(line)
        elif kind == "row":
            below = lines[index + 1][1] if index + 1 < len(lines) else ""
            yield offset, offset + len(line), "header_row" if _is_table_rule(below) else "row"
        elif kind == "heading":
            yield offset + content, offset + len(line), "heading"
        elif line.strip() and content >= 0:
            if begin < 0:
                begin = offset + content
            end = offset + len(line)
    if begin >= 0:
        yield begin, end, "code" if fence else "text"


def _content(line: str) -> tuple[int, PieceKind]:
    """(offset of the line's content behind its Markdown prefix, -1 where it has none; the block's kind)."""
    if _FENCE.match(line):
        return 0, "code"
    if _RULE.match(line) or _is_table_rule(line):
        return -1, "text"
    at = 0
    while (quoted := _QUOTED.match(line, at)) is not None:
        at = quoted.end()
    heading = _HEADING.match(line, at)
    if heading:
        return heading.end(), "heading"
    if line.strip().startswith("|"):
        return 0, "row"
    while (item := _LIST.match(line, at)) is not None and not _is_date(line, item.end()):
        at = item.end()
    return at, "text"


def _is_table_rule(line: str) -> bool:
    return "|" in line and "-" in line and _TABLE_RULE.match(line) is not None


def _is_date(line: str, at: int) -> bool:
    """`11. November` at the start of a line is a date and no list item."""
    word = _WORD_AFTER.match(line, at)
    return word is not None and line[max(0, at - 4) : at].strip()[:1].isdigit() and word.group(1).casefold() in MONTHS


def _sentences(text: str, start: int, end: int) -> Iterator[Piece]:
    start, end = _strip(text, start, end)
    # Where a block opens with a marker, markers stand before their sentences.
    leading = MARKER.match(text, start, end) is not None
    begin = start
    for at in sorted({*(m.start() for m in _STOP.finditer(text, start, end)), *_soft_ends(text, start, end)}):
        if at < begin:
            continue
        stop = _STOP.match(text, at, end)
        tail = _tail(text, stop.end() if stop else at, end, markers_follow=not leading)
        if tail >= end:
            break
        if stop is None or _ends_sentence(text, begin, stop.start(), stop.end(), tail, end):
            if begin < tail:
                yield Piece(*_strip(text, begin, tail), "text")
            begin = _strip(text, tail, end)[0]
    if begin < end:
        yield Piece(begin, end, "text")


def _soft_ends(text: str, start: int, end: int) -> Iterator[int]:
    """Line ends that end a sentence without a full stop: hard breaks, lines that end in a colon or a marker."""
    for newline in re.finditer(r"\n", text[start:end]):
        at = start + newline.start()
        line = text[max(start, text.rfind("\n", start, at) + 1) : at]
        if line.endswith(("  ", "\\")) or line.rstrip().endswith((":", "：", "]", "】")):
            yield at


def _tail(text: str, at: int, end: int, *, markers_follow: bool) -> int:
    """Where a sentence whose stop ends at `at` really ends: behind closing quotes, emphasis and markers."""
    while at < end and text[at] in _CLOSERS:
        at += 1
    while markers_follow:
        blank = at
        while blank < end and text[blank].isspace():
            blank += 1
        marker = MARKER.match(text, blank, end)
        if marker is None:
            break
        at = marker.end()
        while at < end and text[at] in _CLOSERS + ".。":
            at += 1
    return at


def _ends_sentence(text: str, begin: int, stop: int, stop_end: int, tail: int, end: int) -> bool:
    cluster = text[stop:stop_end]
    if _inside_quote(text, max(begin, stop - 2000), tail, end):
        return False
    if any(char in _WIDE_STOPS for char in cluster):
        return True
    following = text[tail]
    wide = _is_wide(following)
    if not (following.isspace() or wide or MARKER.match(text, tail, end)):
        return False
    if MARKER.search(text, stop_end, tail):
        return True
    ahead = _WORD_AFTER.match(text[tail : tail + 60])
    next_word = ahead.group(1) if ahead else ""
    if next_word[:1].islower() and not wide:
        return False
    if cluster != ".":
        return True
    before = _WORD_BEFORE.search(text, max(begin, stop - 17), stop)
    return before is None or _word_may_end(before.group(), next_word, text[tail : tail + 8].strip()[:1])


_QUOTE_PAIRS = ("“”", "「」", "『』", "«»")


def _inside_quote(text: str, begin: int, tail: int, end: int) -> bool:
    """Whether a quote opened after `begin` is still open at `tail`; one that is not closed soon is a stray mark."""
    soon = min(end, tail + 400)
    if text.count('"', begin, tail) % 2 and text.find('"', tail, soon) >= 0:
        return True
    return any(
        text.count(pair[0], begin, tail) > text.count(pair[1], begin, tail) and text.find(pair[1], tail, soon) >= 0
        for pair in _QUOTE_PAIRS
    )


def _word_may_end(word: str, next_word: str, next_char: str) -> bool:
    folded = word.casefold().replace("’", "'")
    if folded.isdigit():
        return next_word.casefold() not in MONTHS or len(folded) > 2
    if len(word) == 1 and word.isupper():
        return next_word.casefold() in _STARTERS
    if folded in ENDING_ABBREVIATIONS:
        return next_word.casefold() in _STARTERS
    if folded in ABBREVIATIONS:
        # "No. 5" and "b. 1920", but "no." and "plan b." end sentences.
        return (folded in ("no", "art", "in", "ed") or len(folded) == 1) and not next_char.isdigit()
    return True


def _is_wide(char: str) -> bool:
    return "\u2e80" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7af" or "\uff00" <= char <= "\uffef"


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
