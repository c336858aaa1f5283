"""`Document`: one page of a corpus with its links, licence and provenance; `Passage`: a span of it that is indexed."""

from fathom.core.model import Frozen, content_hash


class Link(Frozen):
    """A link to another page. `anchor` is the linking text and `offset` its place in the page's text, in code points;
    -1 where the source gives the link but not its place."""

    target: str
    anchor: str = ""
    offset: int = -1


class Document(Frozen):
    """One page. `url` is its identity inside a corpus; `aliases` are other titles that mean this page (redirects).

    `source` says where the text came from (file or package, with version), `licence` as an SPDX id where there is one.
    """

    url: str
    title: str
    text: str
    lang: str = ""
    categories: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    licence: str = ""
    source: str = ""
    date: str = ""

    @property
    def text_hash(self) -> str:
        return content_hash(self.text)


class Passage(Frozen):
    """A span of a document: `text == document.text[start:end]`, offsets in code points. `id` counts over the corpus."""

    id: int
    url: str
    title: str
    start: int
    end: int
    text: str


class Match(Frozen):
    """A passage found for a query. Scores compare within one query only."""

    passage: Passage
    score: float
