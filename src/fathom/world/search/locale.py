"""Where and in which language to search, by the writing of the query.

Any Chinese character means China and simplified Chinese, everything in Latin letters the United States and English: the
rule of the released system. Kana and Hangul are told apart first, and other scripts where most letters are of them, so
that one Greek letter in an English question changes nothing.

Reference: Tongyi DeepResearch, `inference/tool_search.py`, for the first two.
"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from fathom.world.search.protocol import SearchQuery


@dataclass(frozen=True)
class Locale:
    """A language (ISO 639-1, lower case) and a country (ISO 3166-1, upper case)."""

    lang: str
    country: str

    @property
    def tag(self) -> str:
        """As in `en-US`."""
        return f"{self.lang}-{self.country}"

    @property
    def is_chinese(self) -> bool:
        return self.lang == "zh"


ENGLISH = Locale("en", "US")
CHINESE = Locale("zh", "CN")

_HAN = re.compile("[\u4e00-\u9fff]")
_KANA = re.compile("[\u3041-\u30fa\u30fc-\u30ff]")
_HANGUL = re.compile("[\u1100-\u11ff\uac00-\ud7a3]")
# By the first word of a letter's Unicode name. Where a script has several languages, the one with most speakers online.
_SCRIPTS = {
    "CYRILLIC": Locale("ru", "RU"),
    "ARABIC": Locale("ar", "SA"),
    "HEBREW": Locale("he", "IL"),
    "GREEK": Locale("el", "GR"),
    "THAI": Locale("th", "TH"),
    "DEVANAGARI": Locale("hi", "IN"),
    "BENGALI": Locale("bn", "BD"),
    "TAMIL": Locale("ta", "IN"),
}
_COUNTRIES = {
    "en": "US", "zh": "CN", "ja": "JP", "ko": "KR", "de": "DE", "fr": "FR", "es": "ES", "it": "IT", "pt": "BR",
    "nl": "NL", "pl": "PL", "sv": "SE", "da": "DK", "nb": "NO", "fi": "FI", "cs": "CZ", "tr": "TR", "uk": "UA",
    "vi": "VN", "id": "ID", "hu": "HU", "ro": "RO", **{locale.lang: locale.country for locale in _SCRIPTS.values()},
}  # fmt: skip


def locale_of(query: SearchQuery) -> Locale:
    """The locale of `query.lang` where that names one, else by the letters of the text. Total."""
    lang, _, country = query.lang.replace("_", "-").partition("-")
    if re.fullmatch(r"[A-Za-z]{2}", lang):
        known = country.upper() if re.fullmatch(r"[A-Za-z]{2}", country) else _COUNTRIES.get(lang.lower(), "US")
        return Locale(lang.lower(), known)
    text = query.text
    if _KANA.search(text):
        return Locale("ja", "JP")
    if _HANGUL.search(text):
        return Locale("ko", "KR")
    if _HAN.search(text):
        return CHINESE
    letters = Counter(unicodedata.name(char, "").partition(" ")[0] for char in text if char.isalpha())
    if letters:
        script, count = letters.most_common(1)[0]
        if 2 * count > letters.total():
            return _SCRIPTS.get(script, ENGLISH)
    return ENGLISH
