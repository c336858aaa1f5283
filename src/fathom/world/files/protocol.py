"""`Files`: the files given with a question, by name."""

from typing import Protocol

from fathom.core.errors import InputError
from fathom.core.evidence import Page
from fathom.core.model import Frozen
from fathom.corpus.ingest.attached.reader import Form


class FileText(Frozen):
    """What one file says, as a page that can be cited. `name` is what it is asked for by, `page.url` the same as an
    address; a file inside an archive is `<archive>#<name>`. `form` and `overview` are those of `Attached`. Where
    `problem` is set the text is empty or not all of the file; `failure` is its kind."""

    name: str
    page: Page
    form: Form = "prose"
    overview: int = 0
    problem: str = ""
    failure: InputError.Kind | None = None


class FileReading(Frozen):
    """What was read for a request: the file's `name` as it is listed, one text or, of an archive, one per file in it,
    and `wanted`, what stood behind `#` in the request and names no file: the part that is looked for."""

    name: str
    texts: tuple[FileText, ...]
    wanted: str = ""


class Files(Protocol):
    """The files of a run. Raises `PageNotFoundError` for a name that is not among them, `AccessDeniedError` for one
    that leads out of them or may not be read, `ProviderFault` where this machine fails. What a file holds raises
    nothing."""

    async def read(self, asked: str) -> FileReading:
        """What the file `asked` says; `asked` is a name, or `name#file in an archive`, or `name#what is looked for`."""
        ...

    async def close(self) -> None: ...
