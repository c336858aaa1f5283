"""Text to index terms, the same way for passages and for queries.

Chinese and Japanese runs are cut before the indexer sees them; everything else is left to it: words at anything that is
not a letter or digit, lower case, accents off, English stems.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tantivy

NAME = "words-en_stem+cjk-bigrams/1"
_RUN = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af]+")
_MAX_TERM_BYTES = 100


def segment(text: str) -> str:
    """`text` with blanks between the character pairs of its Chinese and Japanese runs; other text as it is."""
    if text.isascii():
        return text
    return _RUN.sub(_pairs, text)


def _pairs(run: re.Match[str]) -> str:
    characters = run.group()
    pairs = [characters[i : i + 2] for i in range(max(1, len(characters) - 1))]
    return f" {' '.join(pairs)} "


def analyzer() -> "tantivy.TextAnalyzer":
    """What turns segmented text into terms."""
    import tantivy

    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(_MAX_TERM_BYTES))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )
