"""Short answers: taken out of a longer text, brought to one form, and compared.

Two answers are the same when their normal forms are equal, when both are the same yes or no, the same date or number
however written, or the same set of items in any order. A given answer may be more precise than the gold one ("15
October 1863" for "1863"), never less.

Differs from the SQuAD script it extends: hyphens part words instead of joining them, accents and Chinese script do not
matter, and signs that make a difference (C++, C#, 5 %, -5) are kept.
Reference: Rajpurkar et al. 2016, SQuAD, section 6.1 (normalisation, exact match, F1).
"""

import re
from collections import Counter
from itertools import permutations

from fathom.corpus.segment import simplified
from fathom.grading.lexicon import UNITS
from fathom.grading.quantities import Quantity, quantities
from fathom.grading.sentences import MARKER
from fathom.grading.text import HAN, fold, language, plain, without_emphasis

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# Letters whose accent is part of them, so that Unicode does not take it off.
_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "&": " and "}
)
_JOINED = re.compile(r"'|(?<!\d)\.|\.(?!\d)")
_SIGN = re.compile(r"(?<![\w.])[-\u2212\u2013](?=\d)")
_NO_WORD = re.compile(r"[^\w+#%$€£¥°.]|_")
_CJK_BLANK = re.compile(rf"(?<=[{_CJK}])\s+(?=[{_CJK}])")
_TOKEN = re.compile(rf"[{_CJK}]|[^\s{_CJK}]+")
_ARTICLES = frozenset(("a", "an", "the"))

_LABEL = re.compile(
    r"^\W*(?:the\s+)?(?:(?:final|short|exact|correct)\s+)?"
    r"(?:answer(?:\s+(?:is|to the question is))?|antwort|réponse|respuesta|(?:最终|最終|正确)?答案(?:是|为|為)?)"
    r"\s*(?:[:：]|(?<=\bis)\s|(?<=[是为為]))\s*(.+)$",
    re.IGNORECASE,
)
_BULLET = re.compile(r"^\s*(?:[-*+•>]\s+|\d+[.)]\s+)")

_YES = frozenset("yes yeah true oui si ja 是 是的 对 對".split())
_NO = frozenset("no false non nein 否 不 不是 不对 不對".split())
_FILLERS = frozenset(
    "it was were is in on at about around approximately circa c roughly of the a an ad ce exactly".split()
)
_LIST = re.compile(r"\s*(?:;|,|、|，|；|\||\n|\band\b|&|和|及)\s*")
_MAX_ITEMS = 7  # 7! orders are the most that is ever tried; longer lists are compared item by item in normal form


def short_answer(text: str) -> str:
    """The short answer a text leads with or labels: the last line that says `Answer: ...`, else the first line that is
    no heading. Citation markers and Markdown emphasis are taken off."""
    lines = [plain(without_emphasis(MARKER.sub(" ", line))) for line in text.splitlines()]
    labelled = [match[1] for line in lines if (match := _LABEL.match(line))]
    if labelled:
        return labelled[-1].strip()
    said = [line for line in lines if line and not line.startswith("#")]
    return _BULLET.sub("", said[0]).strip() if said else ""


def normalise(text: str) -> str:
    """The form in which answers are compared: folded, no punctuation, no English articles, single blanks."""
    folded = fold(text).translate(_LETTERS)
    if HAN.search(folded):
        folded = simplified(folded)
    signed = _SIGN.sub("minus ", folded)
    words = _NO_WORD.sub(" ", _JOINED.sub("", signed)).split()
    kept = [word for word in words if word not in _ARTICLES] or words
    return _CJK_BLANK.sub("", " ".join(kept)) or folded


def f1(given: str, gold: str) -> float:
    """Token F1 of two short answers; Chinese and Japanese count by character. Yes and no only match whole."""
    one, other = normalise(given), normalise(gold)
    if one != other and {one, other} & (_YES | _NO):
        return 0.0
    mine, theirs = _TOKEN.findall(one), _TOKEN.findall(other)
    shared = sum((Counter(mine) & Counter(theirs)).values())
    return 2 * shared / (len(mine) + len(theirs)) if shared else 0.0


def contains(given: str, gold: str) -> bool:
    """Whether the words of `gold` stand in `given` in a row."""
    mine, theirs = _TOKEN.findall(normalise(given)), _TOKEN.findall(normalise(gold))
    return bool(theirs) and any(mine[i : i + len(theirs)] == theirs for i in range(len(mine) - len(theirs) + 1))


def same(given: str, gold: str) -> bool:
    """Whether short answer `given` is `gold`."""
    if _same_item(given, gold):
        return True
    mine, theirs = _items(given), _items(gold)
    if len(theirs) < 2 or len(mine) != len(theirs):
        return False
    if len(theirs) > _MAX_ITEMS:
        return Counter(map(normalise, mine)) == Counter(map(normalise, theirs))
    return any(all(map(_same_item, mine, order)) for order in permutations(theirs))


def _same_item(given: str, gold: str) -> bool:
    if not given.strip() or not gold.strip():
        return False
    if normalise(given) == normalise(gold):
        return True
    wanted = _polarity(gold)
    if wanted is not None and len(normalise(gold).split()) == 1:
        return _polarity(given) == wanted
    mine, theirs = _figure(given), _figure(gold)
    if mine is not None and theirs is not None:
        return _negative(given) == _negative(gold) and theirs.agrees(mine)
    # "John Anderson (musician)" tells which one is meant.
    return normalise(_bare(given)) == normalise(_bare(gold))


def _items(text: str) -> list[str]:
    return [item for item in _LIST.split(without_emphasis(plain(text))) if item.strip(" .")]


def _bare(text: str) -> str:
    return re.sub(r"\s*[(（][^()（）]*[)）]\s*$", "", text.strip().rstrip(".")) or text


def _polarity(text: str) -> bool | None:
    first = (re.split(r"[\s,;:，。；：]", normalise(text), maxsplit=1) or [""])[0]
    head = (re.split(r"[,;:.，。；：!\s]", fold(text).strip(), maxsplit=1) or [""])[0]
    for word in (head, first):
        if word in _YES | _NO:
            return word in _YES
    return None


def _figure(text: str) -> Quantity | None:
    """The one date or number `text` consists of, units and filler words aside."""
    found = quantities(text, language(text))
    if len(found) != 1:
        return None
    left = fold(text).replace(found[0].surface, " ", 1).replace("per cent", "%")
    rest = re.findall(r"[^\W\d_]+|[%$€£¥°]", left)
    return found[0] if all(word in UNITS or word in _FILLERS for word in rest) else None


def _negative(text: str) -> bool:
    return bool(_SIGN.search(fold(text)) or re.search(r"\bminus\b", fold(text)))
