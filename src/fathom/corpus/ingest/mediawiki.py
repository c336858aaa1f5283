"""MediaWiki XML dumps, plain or packed, of any size.

Two passes over the file: the first keeps redirects (title to title, up to `redirects` of them) and skips all text, the
second yields the pages of namespace 0 with the titles that redirect to them as aliases. Links are resolved through
redirects to the address of the page they end at. Document type declarations are refused, so there are no entities to
blow up and nothing outside the file is read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit
from xml.parsers import expat

from fathom.core.errors import InputError
from fathom.corpus.document import Document, Link
from fathom.corpus.ingest.encoding import mend
from fathom.corpus.ingest.isolate import Job, Outcome
from fathom.corpus.ingest.languages import two_letters
from fathom.corpus.ingest.licences import of_host
from fathom.corpus.ingest.source import WIKI_SAFE, Source, file_address
from fathom.corpus.ingest.unpack import Stream

_BLOCK = 2**16
_PARSE_CPU_S = 5  # typical pages take 10 to 50 ms, the largest about 2 s
_PARSED_CHARS = 2_000_000  # MediaWiki's own limit is 2 MiB of UTF-8
_HOPS = 5
_HEAD_CHARS = 1000
_REDIRECT_TEXT = re.compile(
    r"\s*#\s*(?:redirect\w*|重定向|転送|weiterleitung)\s*:?\s*\[\[([^\[\]|#\n]+)", re.IGNORECASE
)
_BLANKS = re.compile(r"[ _\u00a0]+")
_NAMES = {"file": "file", "image": "file", "media": "file", "category": "category"}
_CATEGORY_KEY, _FILE_KEYS = "14", ("6", "-2")


@dataclass
class _Site:
    base: str = ""
    lang: str = ""
    first_letter: bool = True
    spaces: dict[str, str] = field(default_factory=lambda: dict(_NAMES))

    def title(self, target: str) -> str:
        """The title a link means: without section, blanks made even, begun with a capital where the wiki does so."""
        title = _BLANKS.sub(" ", target.split("#", 1)[0].lstrip(":")).strip()
        return title[:1].upper() + title[1:] if self.first_letter else title

    def address(self, name: str, title: str) -> str:
        """The page's own web address where the dump tells it, else one under the file's name."""
        prefix, slash, _ = self.base.rpartition("/")
        if not slash or not prefix.startswith(("http://", "https://")):
            return file_address(name, title)
        return f"{prefix}/{quote(mend(title).replace(' ', '_'), safe=WIKI_SAFE)}"

    @property
    def licence(self) -> str:
        try:
            return of_host(urlsplit(self.base).hostname or "")
        except ValueError:
            return ""


@dataclass
class _Page:
    title: str = ""
    space: str = "0"
    redirect: str | None = None
    model: str = ""
    date: str = ""
    text: str = ""
    oversized: bool = False
    offset: int = 0


def read_mediawiki(source: Source, stream: Stream) -> Iterator[Document]:
    """A document per page of namespace 0 that is no redirect and has text. Raises `InputError` where the XML is
    damaged; a page too large is left out."""
    redirects = _redirects(source)
    aliases: dict[str, list[str]] = {}
    for origin in redirects:
        aliases.setdefault(_final(redirects, origin), []).append(origin)
    dump = _Dump(source, stream, source.options.document_bytes)
    for page, outcome in source.parsers.map(_jobs(source, dump)):
        if outcome.failure:
            # Too slow to parse: the linear way never is.
            outcome = source.parsers.run(Job("wikitext:strip", {"wikitext": page.text}, _PARSE_CPU_S))
        if outcome.failure:
            source.skip(source.error(*outcome.failure[:2], page.offset))
            continue
        document = _document(source, dump.site, page, outcome, redirects, aliases)
        if document.text:
            yield document


def _jobs(source: Source, dump: "_Dump") -> Iterator[tuple[_Page, Job]]:
    for page in dump.pages():
        if page.space != "0" or page.redirect is not None or page.model not in ("", "wikitext"):
            continue
        if page.oversized:
            reason = f"page {page.title!r} has over {source.options.document_bytes} characters"
            source.skip(source.error("oversized", reason, page.offset))
        elif len(page.text) > _PARSED_CHARS:
            yield page, Job("wikitext:strip", {"wikitext": page.text}, _PARSE_CPU_S)
        else:
            arguments = {"wikitext": page.text, "spaces": dump.site.spaces}
            yield page, Job("wikitext:extract", arguments, _PARSE_CPU_S)


def _redirects(source: Source) -> dict[str, str]:
    """Title to title. Where the file is damaged, those before the damage; the second pass tells of it."""
    found: dict[str, str] = {}
    limit = source.options.redirects
    with Stream(source) as stream:
        dump = _Dump(source, stream, _HEAD_CHARS)
        try:
            for page in dump.pages():
                if page.space != "0" or page.redirect is None:
                    continue
                if len(found) >= limit:
                    reason = f"more than {limit} redirects; pages lack the aliases of the rest"
                    source.skip(source.error("oversized", reason, page.offset, "raise redirects"))
                    break
                found[page.title] = dump.site.title(page.redirect)
        except InputError:
            return found
    return found


def _final(redirects: dict[str, str], title: str) -> str:
    for _ in range(_HOPS):
        following = redirects.get(title)
        if following is None:
            break
        title = following
    return title


def _document(
    source: Source,
    site: _Site,
    page: _Page,
    outcome: Outcome,
    redirects: dict[str, str],
    aliases: dict[str, list[str]],
) -> Document:
    part = outcome.parts[0]
    links = []
    for target, anchor, offset in part["links"]:
        title = _final(redirects, site.title(target))
        if title and title != page.title:
            links.append(Link(target=site.address(source.name, title), anchor=anchor, offset=offset))
    return Document(
        url=source.names.unique(site.address(source.name, page.title)),
        title=page.title,
        text=part["text"],
        lang=site.lang,
        categories=tuple(dict.fromkeys(site.title(name) for name in part["categories"] if name)),
        aliases=tuple(alias for alias in aliases.get(page.title, ()) if alias != page.title),
        links=tuple(links),
        licence=site.licence,
        source=source.name,
        date=page.date[:10],
    )


class _Dump:
    """The pages of a dump, with at most `limit` characters of text each. `site` is known from the first page on."""

    def __init__(self, source: Source, stream: Stream, limit: int) -> None:
        self.site = _Site()
        self._source, self._stream, self._limit = source, stream, limit
        self._page: _Page | None = None
        self._done: list[_Page] = []
        self._held: list[str] = []
        self._held_chars = 0
        self._key = ""
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._doctype

    def pages(self) -> Iterator[_Page]:
        while True:
            data = self._stream.read(_BLOCK)
            try:
                self._parser.Parse(data, not data)
            except expat.ExpatError as error:
                yield from self._done
                raise self._failure(error, bool(data)) from None
            yield from self._done
            self._done.clear()
            if not data:
                return

    def _failure(self, error: expat.ExpatError, more: bool) -> InputError:
        offset = self._stream.position if self._stream.packed else self._parser.ErrorByteIndex
        reason = expat.errors.messages.get(error.code, "not XML")
        if not more:
            title = f", in page {self._page.title!r}" if self._page else ""
            return self._source.error("truncated", f"the dump ends early{title}", self._stream.position)
        return self._source.error("corrupt", f"not XML ({reason})", offset)

    def _doctype(self, *_: object) -> None:
        offset = self._stream.position if self._stream.packed else self._parser.CurrentByteIndex
        raise self._source.error("corrupt", "a document type declaration, which no dump has", offset)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "mediawiki":
            self.site.lang = two_letters(attributes.get("xml:lang", ""))
        elif tag == "page":
            offset = self._stream.position if self._stream.packed else self._parser.CurrentByteIndex
            self._page = _Page(offset=offset)
        elif tag == "redirect" and self._page:
            self._page.redirect = attributes.get("title", "")
        elif tag == "namespace":
            self._key = attributes.get("key", "")
        if tag in ("title", "ns", "text", "model", "timestamp", "base", "case", "namespace"):
            self._held, self._held_chars = [], 0
            self._parser.CharacterDataHandler = self._characters

    def _characters(self, data: str) -> None:
        self._held_chars += len(data)
        if self._held_chars <= self._limit:
            self._held.append(data)
        elif self._held_chars - len(data) < self._limit:
            self._held.append(data[: self._limit - self._held_chars])

    def _end(self, tag: str) -> None:
        self._parser.CharacterDataHandler = None
        if tag in ("base", "case", "namespace"):
            self._site_end(tag, "".join(self._held))
        elif self._page is None:
            return
        elif tag == "page":
            self._finish(self._page)
        elif tag in ("title", "ns", "text", "model", "timestamp"):
            self._page_end(self._page, tag, "".join(self._held))

    def _site_end(self, tag: str, text: str) -> None:
        if tag == "base":
            self.site.base = mend(text.strip())
        elif tag == "case":
            self.site.first_letter = text.strip() != "case-sensitive"
        elif text.strip():
            role = "category" if self._key == _CATEGORY_KEY else "file" if self._key in _FILE_KEYS else "other"
            self.site.spaces[text.strip().lower()] = role

    def _page_end(self, page: _Page, tag: str, text: str) -> None:
        # Of several revisions the last in the file counts, which is the newest.
        if tag == "text":
            page.text, page.oversized = text, self._held_chars > self._limit
        elif tag == "title":
            page.title = text.strip()
        elif tag == "ns":
            page.space = text.strip()
        elif tag == "model":
            page.model = text.strip()
        else:
            page.date = text.strip()

    def _finish(self, page: _Page) -> None:
        if page.redirect is None:
            found = _REDIRECT_TEXT.match(page.text[:_HEAD_CHARS])
            page.redirect = found.group(1) if found else None
        if page.title:
            self._done.append(page)
        self._page = None
