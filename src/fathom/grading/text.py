"""Text made comparable: one form for compatibility characters, quotes, dashes, blanks, case and accents."""

import re
import unicodedata

from fathom.core.text import fold as fold_letters
from fathom.grading.lexicon import STOPWORDS

_QUOTES = str.maketrans(
    {**dict.fromkeys("“”„‟«»＂″", '"'), **dict.fromkeys("‘’‚‛`´′", "'"), "\u00ad": "", "\u200b": ""}
)
_EMPHASIS = re.compile(r"\*{1,3}|(?<!\w)_{1,3}(?=\S)|(?<=\S)_{1,3}(?!\w)|~~|`")
_BLANKS = re.compile(r"\s+")
HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
LATIN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def plain(text: str) -> str:
    """`text` without Markdown emphasis, compatibility forms and odd quotes; blanks are single. Case is kept."""
    normal = unicodedata.normalize("NFKC", text.translate(_QUOTES))
    return _BLANKS.sub(" ", normal.translate(_QUOTES)).strip()


def without_emphasis(text: str) -> str:
    return _EMPHASIS.sub("", text)


def fold(text: str) -> str:
    """`plain` in lower case and without accents, for comparing."""
    return fold_letters(plain(text))


def language(text: str) -> str:
    """The likeliest language of `text` (ISO 639-1): "zh" where Han characters prevail, else the one most of whose
    function words occur, "en" where none does."""
    letters = sum(char.isalpha() for char in text[:4000])
    if len(HAN.findall(text[:4000])) * 2 > letters:
        return "zh"
    words = LATIN.findall(fold(text[:4000]))
    counts = {lang: sum(word in stopwords for word in words) for lang, stopwords in STOPWORDS.items()}
    best = max(counts, key=lambda lang: (counts[lang], lang == "en"))
    return best if counts[best] > counts["en"] else "en"
