"""Terms of a text in any language: words where there are blanks, character pairs where there are none."""

import re
import unicodedata

CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
_TOKEN = re.compile(rf"[{CJK}]+|[^\W_{CJK}]+")
_IS_CJK = re.compile(rf"[{CJK}]")
_VOICED = "\u3099\u309a"  # the marks that tell ga from ka are letters, not accents

# Words that say nothing about what a text is about; the four languages of the default corpora.
STOPWORDS = frozenset(
    """a an the of in on at to for from by with and or but nor as is are was were be been being am do does did has have
    had he she it its his her their they them this that these those who whom whose which what when where why how there
    than then so such not no into over under about after before between during also both same other more most any each
    i you we me my your our us if will would can could may might must shall should
    le la les un une des du de et ou en dans sur pour par avec est sont qui que quoi dont au aux ce cette ces son sa ses
    el los las una uno unos unas del y o en con por para es son que quien se su sus al lo como fue era""".split()
)


def fold(text: str) -> str:
    """Lower case without accents, compatibility forms unified (full-width digits become plain)."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize(
        "NFC", "".join(char for char in decomposed if char in _VOICED or not unicodedata.combining(char))
    )


def terms(text: str, *, stopwords: bool = False) -> list[str]:
    """Folded terms in order: words, and overlapping character pairs of CJK runs (a single one where the run is one
    long). English plural and possessive endings are cut. Stop words are left out unless asked for."""
    found: list[str] = []
    for run in _TOKEN.findall(fold(text)):
        if _IS_CJK.match(run):
            found += [run[i : i + 2] for i in range(max(1, len(run) - 1))]
        elif stopwords or run not in STOPWORDS:
            found.append(_stem(run))
    return found


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
