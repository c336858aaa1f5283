"""Text as a person would see it: what nobody sees, a model reads all the same, and somebody may have put it there."""

import re
from bisect import bisect_left
from collections.abc import Callable

from fathom.corpus.ingest.encoding import mend

# Of no width, turning the direction of writing, annotations, tags. Joiners stay: scripts of India and Persia, and
# emoji, are written with them.
_INVISIBLE = re.compile(
    "[\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """The text without characters that nobody sees, lone surrogates as U+FFFD."""
    return mend(_INVISIBLE.sub("", text))


def places(text: str) -> Callable[[int], int]:
    """From a place in `text` to the same place in `visible(text)`."""
    gone = [match.start() for match in _INVISIBLE.finditer(text)]
    return lambda place: place - bisect_left(gone, place)
