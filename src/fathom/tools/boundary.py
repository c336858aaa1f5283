"""`Boundary`: what a run may send out, whatever its model was talked into by a page.

An address is opened only where the user gave it or a result of this run showed it, so nothing can be written into one.
Once a run holds private text (the user's files, say) and asks a public web, addresses must have been shown by public
results, and a query may use only words of the question and of public results, and few signs besides: a private word,
or what it is encoded in, is none of them. Both rest on what the run has seen, not on what attacks look like.

What remains: which of the words and addresses shown are used, and in what order, is a choice, and a choice tells
something.
Reference: the rule of two (Meta, 2025) and provenance of addresses; in-band defences fail against adaptive attacks
(Nasr et al. 2025).
"""

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

from fathom.core.errors import ToolError

_ADDRESS = re.compile(r"https?://[^\s<>\"'\\^`{|}\[\]]+", re.IGNORECASE)
_TRAILING = ".,;:!?)'*_~"
_WORD = re.compile(r"[^\W_]+")
# Scripts written without spaces: pairs of characters stand for words.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
_OPERATORS = frozenset({"site", "after", "before", "or", "and", "not", "filetype", "intitle"})
_MARKS = "\"'.,:;?!()-/&+#%_"
_MOST_MARKS, _MOST_SINGLE = 12, 3  # of a query
_RUN_OF_MARKS = re.compile(r"[.,:;?!\-/&+#%_]{2}|(?:[^\w\s]\s+){3}")
_SINGLE = re.compile(r"(?<!\w)\w(?!\w)")
_NAMED = 5  # words named in a refusal


class Boundary:
    """The boundary of one run. `private` says whether it holds private text."""

    def __init__(self, question: str) -> None:
        self.private = False
        self._addresses: set[str] = set()
        self._public_addresses: set[str] = set()
        self._words: set[str] = set(_OPERATORS)
        self._unread: list[tuple[str, tuple[str, ...], bool]] = []
        self.show(question)

    def show(self, text: str, addresses: Iterable[str] = (), *, private: bool = False) -> None:
        """Something from outside was shown to the model: its text, and addresses besides those that stand in it."""
        self.private = self.private or private
        self._unread.append((text, tuple(addresses), private))

    def check_address(self, address: str, *, outgoing: bool) -> None:
        """Raises `ToolError` of kind `denied` for an address that nobody has shown, or, where opening it leaves this
        machine, no public result. In a world on this machine what is no web address passes: a title, say."""
        if not outgoing and not _ADDRESS.match(address.strip()):
            return
        self._read()
        closed = outgoing and self.private
        if canonical(address) not in (self._public_addresses if closed else self._addresses):
            where = "a public result" if closed else "the question or a result"
            raise ToolError("denied", f"Not opened: only addresses that {where} has shown may be opened.")

    def check_words(self, text: str) -> None:
        """Raises `ToolError` of kind `denied` for text that is to leave this machine and has words that are not public
        in a run that holds private text."""
        if not self.private:
            return
        if why := _coded(text):
            raise ToolError("denied", f"Not sent: this run holds private text, and what goes out may hold no {why}.")
        self._read()
        if unknown := sorted(_units(text) - self._words):
            named = ", ".join(f'"{word}"' for word in unknown[:_NAMED]) + (", ..." if len(unknown) > _NAMED else "")
            raise ToolError(
                "denied",
                "Not sent: this run holds private text, so only words of the question and of public results may go "
                f"out. Not among them: {named}.",
            )

    def _read(self) -> None:
        """Take in what was shown since the last check: in a world on this machine none is ever made."""
        for text, addresses, private in self._unread:
            found = {canonical(url) for url in (*_addresses_in(text), *addresses)}
            self._addresses |= found
            if not private:
                self._public_addresses |= found
                self._words |= _units(text)
        self._unread.clear()


def _coded(text: str) -> str:
    """What in `text` could carry more than its words do; empty where nothing could."""
    marks = [character for character in text if not (character.isalnum() or character.isspace())]
    if set(marks) - set(_MARKS) or len(marks) > _MOST_MARKS or _RUN_OF_MARKS.search(text):
        return "such signs"
    return "so many single letters" if len(_SINGLE.findall(text)) > _MOST_SINGLE else ""


def canonical(address: str) -> str:
    """One form for the ways to write an address: without scheme and fragment, the host in lower case."""
    text = address.strip()
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port not in (None, 80, 443) else "")
    except ValueError:
        return text
    login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{login}{host}{parts.path.removesuffix('/')}{query}"


def _addresses_in(text: str) -> Iterable[str]:
    """Addresses that stand in `text`; one in brackets or at the end of a sentence with and without what follows."""
    for match in _ADDRESS.finditer(text):
        found = match.group()
        yield found
        yield found.partition(")")[0]
        while found[-1] in _TRAILING:
            found = found[:-1]
            yield found


def _units(text: str) -> set[str]:
    """Words, as they are compared."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    units: set[str] = set()
    for run in _UNSPACED.findall(folded):
        units |= {run[at : at + 2] for at in range(max(1, len(run) - 1))}
    return units | set(_WORD.findall(_UNSPACED.sub(" ", folded)))
