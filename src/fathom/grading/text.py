"""Text made comparable: one form for compatibility characters, quotes, dashes, blanks, case and accents."""

import re
import unicodedata
from collections import Counter

from fathom.core.text import fold as fold_letters
from fathom.grading.lexicon import STOPWORDS

_QUOTES = str.maketrans(
    {**dict.fromkeys("“”„‟«»＂″", '"'), **dict.fromkeys("‘’‚‛`´′", "'"), "\u00ad": "", "\u200b": ""}
)
_EMPHASIS = re.compile(r"\*{1,3}|(?<!\w)_{1,3}(?=\S)|(?<=\S)_{1,3}(?!\w)|~~|`")
_SURROGATES = re.compile("[\ud800-\udfff]")
_BLANKS = re.compile(r"\s+")
HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_KANA = re.compile(r"[\u3041-\u30ff]")
_SCRIPTS = (
    ("zh", re.compile(r"[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
)
LATIN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def plain(text: str) -> str:
    """`text` without compatibility forms, odd quotes and lone surrogates; blanks are single. Case is kept."""
    if text.isascii():
        return _BLANKS.sub(" ", text.replace("`", "'")).strip()
    text = _SURROGATES.sub("\ufffd", text)
    normal = unicodedata.normalize("NFKC", text.translate(_QUOTES))
    return _BLANKS.sub(" ", normal.translate(_QUOTES)).strip()


def without_emphasis(text: str) -> str:
    """`text` without Markdown's marks for emphasis and code."""
    return _EMPHASIS.sub("", text)


def fold(text: str) -> str:
    """`plain` in lower case and without accents, for comparing."""
    spelt = plain(text)
    return spelt.lower() if spelt.isascii() else fold_letters(spelt)


def scripts(text: str) -> frozenset[str]:
    """The scripts that at least a tenth of the letters of `text` are in, as Unicode names them (LATIN, CJK, ...)."""
    counts = Counter(unicodedata.name(char, "").split(" ", 1)[0] for char in text[:2000] if char.isalpha())
    return frozenset(script for script, count in counts.items() if count * 10 >= counts.total())


def language(text: str) -> str:
    """The likeliest language of `text` (ISO 639-1). Scripts decide first; among languages in Latin letters the one most
    of whose function words occur, "en" where none does."""
    sample = text[:4000]
    letters = sum(char.isalpha() for char in sample)
    for lang, pattern in _SCRIPTS:
        if len(pattern.findall(sample)) * 2 > letters:
            return "ja" if lang == "zh" and len(_KANA.findall(sample)) * 10 > letters else lang
    words = LATIN.findall(fold(sample))
    counts = {lang: sum(word in stopwords for word in words) for lang, stopwords in STOPWORDS.items()}
    best = max(counts, key=lambda lang: (counts[lang], lang == "en"))
    return best if counts[best] > counts["en"] else "en"
