"""`Boundary`: what a run may send out, whatever its model was talked into by a page.

An address is opened only where the user gave it or a result of this run showed it, so nothing can be written into one.
Once a run holds private text (the user's files and their names, say) and asks a public web, addresses must have been
shown by public results, and a query may use only words of the question and of public results, and few signs besides: a
private word, or what it is encoded in, is none of them. Both rest on what the run has seen, not on what attacks look
like. What goes out is written as it was shown, so that capitals, blanks, signs and fragments carry nothing, and public
words that one after the other spell a private one are kept back (`Spelling`).

What remains: which of the words and addresses shown are used, and in what order, is a choice, and a choice tells
something, in a code that was agreed on anything.
Reference: the rule of two (Meta, 2025) and provenance of addresses; in-band defences fail against adaptive attacks
(Nasr et al. 2025).
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Self
from urllib.parse import urlsplit

from fathom.core.errors import ToolError
from fathom.core.task import Task
from fathom.tools.spelling import MOST_CHARS, MOST_WORDS, Spelling

_ADDRESS = re.compile(r"https?://[^\s<>\"'\\^`{|}\[\]]+", re.IGNORECASE)
_TRAILING = ".,;:!?)'*_~"
_WORD = re.compile(r"[^\W_]+")
# Scripts written without spaces: pairs of characters stand for words.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
_OPERATORS = {word: word for word in "site after before filetype intitle or and not".split()}
_DATE = re.compile(r"\d{4}(-\d\d){0,2}")
_NARROWING = re.compile(r"-?(?:site|after|before|filetype|intitle):(?=\w)", re.IGNORECASE)
_MARKS = "\"'.,:;?!()-/&+#%_"
_MOST_MARKS, _MOST_SINGLE = 12, 3  # of a query
_RUN_OF_MARKS = re.compile(r"[.,:;?!\-/&+#%_]{2}|(?:[^\w\s]\s+){3}")
_SINGLE = re.compile(r"(?<!\w)\w(?!\w)")
_NAMED = 5  # words named in a refusal
_OUTER = "\"'.,:;?!()-/_*<>[]{}|~^$@=`“”‘’«»„…–—。、，；：！？（）"
_MARKED_CHARS = 80  # of a word with signs in it that is kept as it was shown


class Boundary:
    """The boundary of one run. `private` says whether it holds private text."""

    def __init__(self, question: str) -> None:
        self.private = False
        self._addresses: dict[str, dict[str, None]] = {}
        self._public_addresses: dict[str, dict[str, None]] = {}
        self._words: dict[str, str] = dict(_OPERATORS)
        self._pairs: set[str] = set()
        self._marked: dict[str, str] = {}
        self._asked = frozenset(_words(_folded(question)))
        self._spelling = Spelling()
        self._unread: list[tuple[str, tuple[str, ...], bool]] = []
        self.show(question)

    @classmethod
    def of(cls, task: Task) -> Self:
        """The boundary of a run for `task`, to which the names of the user's files are private already."""
        boundary = cls(task.question)
        if task.files:
            boundary.show("\n".join(task.files), private=True)
        return boundary

    def show(self, text: str, addresses: Iterable[str] = (), *, private: bool = False) -> None:
        """Something from outside was shown to the model: its text, and addresses besides those that stand in it."""
        self.private = self.private or private
        self._unread.append((text, tuple(addresses), private))

    def check_address(self, address: str, *, outgoing: bool) -> str:
        """The address to open. Where opening it leaves this machine that is `address` as it was shown. Raises
        `ToolError` of kind `denied` for one that nobody has shown, or, once this run holds private text, no public
        result. In a world on this machine what is no web address passes: a title, say."""
        if not outgoing and not _ADDRESS.match(address.strip()):
            return address
        self._read()
        closed = outgoing and self.private
        key = canonical(address)
        forms = (self._public_addresses if closed else self._addresses).get(key)
        if forms is None:
            where = "a public result" if closed else "the question or a result"
            raise ToolError("denied", f"Not opened: only addresses that {where} has shown may be opened.")
        if closed and (why := self._spelling.refuse_address(key, _words(_folded(key)), self._words)):
            raise ToolError("denied", f"Not opened: this run holds private text, so it may not open {why}.")
        return address if not outgoing or (address in forms and not closed) else next(iter(forms))

    def check_words(self, text: str) -> str:
        """The text to send; in a run that holds private text each word is written as it was shown. Raises `ToolError`
        of kind `denied` for text that is to leave this machine and has words that are not public in such a run."""
        if not self.private:
            return text
        self._read()
        plain = unicodedata.normalize("NFKC", text)
        words = _words(_folded(plain))
        if len(plain) > MOST_CHARS or len(words) > MOST_WORDS:
            raise ToolError(
                "denied",
                f"Not sent: this run holds private text, so one text may have at most {MOST_WORDS} words and "
                f"{MOST_CHARS:,} characters. Say it in fewer.",
            )
        tokens = [token for token in plain.split() if token.strip(_OUTER).casefold() not in self._marked]
        if why := _coded(plain, " ".join(tokens)):
            raise ToolError("denied", f"Not sent: this run holds private text, so it may not send {why}.")
        units = _units(_folded(plain))
        if unknown := sorted(units.difference(self._words, self._pairs)):
            named = ", ".join(f'"{word}"' for word in unknown[:_NAMED]) + (", ..." if len(unknown) > _NAMED else "")
            raise ToolError(
                "denied",
                "Not sent: this run holds private text, so only words of the question and of public results may go "
                f"out. Not among them: {named}.",
            )
        if why := self._spelling.refuse_words(words, self._words, self._asked):
            raise ToolError("denied", f"Not sent: this run holds private text, so it may not send {why}.")
        # One phrase may be quoted; with more of them the marks would be a code.
        kept = plain if plain.count('"') == 2 else plain.replace('"', " ")
        return " ".join(filter(None, map(self._as_shown, kept.split())))

    def _as_shown(self, token: str) -> str:
        """A word, or several with signs in it, as it was shown; signs that were not shown there become blanks, but for
        quotation marks around it and for what narrows a search."""
        narrowing = match.group().casefold() if (match := _NARROWING.match(token)) else ""
        core = token[len(narrowing) :].strip(_OUTER)
        quotes = ('"' if token.startswith('"') else "", '"' if token.endswith('"') and len(token) > 1 else "")
        shown = core if narrowing and _DATE.fullmatch(core) else self._marked.get(core.casefold())
        if shown is None:
            words = _WORD.findall(core)
            shown = " ".join(self._words.get(word.casefold(), word.casefold()) for word in words)
        return f"{quotes[0]}{narrowing}{shown}{quotes[1]}" if shown else ""

    def _read(self) -> None:
        """Take in what was shown since the last check: in a world on this machine none is ever made."""
        for text, addresses, private in self._unread:
            found = list(dict.fromkeys((*addresses, *_addresses_in(text))))
            for known in (self._addresses,) if private else (self._addresses, self._public_addresses):
                for url in found:
                    known.setdefault(canonical(url), {})[url] = None
            plain = unicodedata.normalize("NFKC", "\n".join((text, *addresses)))
            if private:
                self._spelling.hide(_words(_folded(plain)), plain)
                continue
            for word in _WORD.findall(plain):
                self._words.setdefault(word.casefold(), word)
            for token in (*plain.split(), *(canonical(url).partition("/")[0] for url in found)):
                if len(core := token.strip(_OUTER)) <= _MARKED_CHARS and not core.isalnum():
                    self._marked.setdefault(core.casefold(), core)
            self._pairs |= _units(_folded(plain))
        self._unread.clear()


def _coded(text: str, made: str) -> str:
    """What in `text` could carry more than its words do; empty where nothing could. `made` is what of it was not shown
    as it stands."""
    marks = [character for character in made if not (character.isalnum() or character.isspace())]
    if set(marks) - set(_MARKS) or len(marks) > _MOST_MARKS or _RUN_OF_MARKS.search(made):
        return "such signs, or so many"
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


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _words(folded: str) -> list[str]:
    return _WORD.findall(folded)


def _units(folded: str) -> set[str]:
    """Words, as they are compared."""
    units: set[str] = set()
    for run in _UNSPACED.findall(folded):
        units |= {run[at : at + 2] for at in range(max(1, len(run) - 1))}
    return units | set(_WORD.findall(_UNSPACED.sub(" ", folded)))
