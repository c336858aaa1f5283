"""A file being read: where it lies, what documents call it, and the tally of what is wrong with it.

Documents never name the machine: a file is called by its path relative to the folder that was given, or by its own name
where a file was given. A document without an address of its own gets `file:<that path>`, and inside a file with several
documents `file:<that path>#<id or title>`; a second one of the same address gets `~2`, in the order of reading.
"""

import re
from collections.abc import Callable
from pathlib import Path

from fathom.core.errors import InputError
from fathom.corpus.ingest.encoding import mend
from fathom.corpus.ingest.isolate import Parsers
from fathom.corpus.ingest.options import ReadOptions

OnProblem = Callable[[InputError], None]

WIKI_SAFE = "!$'()*,-./:;@_~"  # what MediaWiki leaves bare in the addresses of its pages
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0%#?<>\"\\^`{|}\u2028\u2029\ufffe\uffff]")


class Source:
    """One file. Readers take it, yield documents, call `skip` for records they leave out and raise `InputError` where
    they cannot go on."""

    def __init__(self, path: Path, name: str, options: ReadOptions, parsers: Parsers, names: "Names") -> None:
        self.path, self.name, self.options, self.parsers, self.names = path, name, options, parsers, names
        self.first: InputError | None = None
        self.skipped = 0

    @property
    def root(self) -> Path:
        """The folder that `name` is relative to."""
        return self.path.parents[self.name.count("/")]

    def error(self, kind: InputError.Kind, reason: str, offset: int | None = None, hint: str = "") -> InputError:
        """An error about this file, in one line whatever a parser put into `reason`."""
        return InputError(self.path, kind, " ".join(reason.split()), offset=offset, hint=hint)

    def skip(self, error: InputError) -> None:
        """Count a record that is left out; the file's one problem names the first."""
        self.skipped += 1
        self.first = self.first or error

    def verdict(self, last: InputError | None) -> InputError | None:
        """The one problem of this file, if any: the first damage met, with the number of records left out before the
        end or before `last`, where reading stopped."""
        if self.first is None:
            return last
        first = self.first
        reason = first.reason
        if self.skipped > 1:
            reason += f"; {self.skipped} records were left out, this is the first"
        if last is not None:
            at = f" at byte {last.offset}" if last.offset is not None else ""
            reason += f"; reading stopped{at}: {last.kind}: {last.reason}"
        return InputError(self.path, first.kind, reason, offset=first.offset, hint=first.hint)

    def address(self, part: str = "") -> str:
        """The address of the document `part` of this file, or of the file's only one; unique within the call."""
        return self.names.unique(file_address(self.name, part))


class Names:
    """Addresses given out so far. It keeps hashes, 100 bytes for each derived address."""

    def __init__(self) -> None:
        self._given: dict[int, int] = {}

    def unique(self, address: str) -> str:
        given, key = address, hash(address)
        while hash(given) in self._given:
            self._given[key] += 1
            given = f"{address}~{self._given[key]}"
        self._given[hash(given)] = 1
        return given


def file_address(name: str, part: str = "") -> str:
    """`file:<name>` or `file:<name>#<part>`; letters of any script stay, blanks become `_`, the rest is escaped."""
    return f"file:{_escape(name)}" + (f"#{_escape(part)}" if part else "")


def _escape(text: str) -> str:
    return _UNSAFE.sub(_escaped, mend(text))


def _escaped(match: re.Match[str]) -> str:
    char = match.group()
    return "_" if char == " " else "".join(f"%{byte:02X}" for byte in char.encode())
