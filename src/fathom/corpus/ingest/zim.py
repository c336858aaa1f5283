"""ZIM files (Kiwix): articles with their links, redirects as aliases, licence and language from the metadata.

The directory is read once, in order of paths; then articles come in order of clusters, since each cluster is unpacked
once that way. What is kept meanwhile are numbers per article and the redirects. An article's address is its page on the
web where the file was made from a Wikimedia wiki, else `file:<file>#<path in the archive>`.
"""

from array import array
from collections.abc import Iterator
from itertools import groupby
from typing import Any
from urllib.parse import quote, urlsplit

from fathom.core.errors import InputError
from fathom.corpus.document import Document, Link
from fathom.corpus.ingest.encoding import decode, decode_html, mend
from fathom.corpus.ingest.html import follow, html_job
from fathom.corpus.ingest.isolate import Job, Outcome
from fathom.corpus.ingest.languages import two_letters
from fathom.corpus.ingest.licences import of_host, spdx
from fathom.corpus.ingest.source import WIKI_SAFE, Source, file_address
from fathom.corpus.ingest.unpack import Stream
from fathom.corpus.ingest.zim_archive import Archive, Entry

_ARTICLES_OLD, _ARTICLES_NEW, _META = "A", "C", "M"
_HTML = ("text/html", "application/xhtml+xml")
_PLAIN = ("text/plain", "text/markdown")
_META_BYTES = 2**16
_HOPS = 5
_FACTS = ("License", "Language", "Date", "Source", "Scraper")


def read_zim(source: Source, stream: Stream) -> Iterator[Document]:
    """A document per article of HTML or plain text. Articles whose place is damaged are left out. Raises `InputError`
    where the file's directory cannot be read, and at the end where the file was cut."""
    if stream.packed:
        raise source.error("unsupported", "a packed ZIM file", 0, "unpack it first")
    with source.path.open("rb") as file:
        archive = Archive(source, file)
        directory = _Directory(source, archive)
        for (entry, text), outcome in source.parsers.map(_jobs(source, archive, directory)):
            if outcome.failure:
                source.skip(source.error(*outcome.failure[:2], entry.offset))
                continue
            document = _document(source, directory, entry, text, outcome)
            if document.text.strip():
                yield document
        if archive.cut:
            raise archive.cut


class _Directory:
    """What the entries tell: where the articles are, what redirects to what, and the file's own facts."""

    def __init__(self, source: Source, archive: Archive) -> None:
        self._source, self._archive = source, archive
        self._space = _ARTICLES_NEW if archive.new_namespaces else _ARTICLES_OLD
        self._articles = array("Q")
        self._places = array("Q")
        self._redirects: dict[str, int] = {}
        self._names: dict[int, list[str]] = {}
        self._paths: dict[int, str] = {}
        self.facts = dict.fromkeys(_FACTS, "")
        for index in range(archive.entries):
            try:
                self._take(archive.entry(index))
            except InputError as error:
                source.skip(error)
        host = self._host()
        self._web = f"https://{host}/wiki/" if host else ""
        self.lang = two_letters(self.facts["Language"])
        self.licence = spdx(self.facts["License"]) or of_host(host)

    def _take(self, entry: Entry) -> None:
        if entry.space == _META and entry.path in self.facts and entry.cluster >= 0:
            limit = self._source.options.cluster_bytes
            for data in self._archive.blobs(entry.cluster, [entry.blob], _META_BYTES, limit):
                if isinstance(data, bytes):
                    self.facts[entry.path] = decode(data).strip()
        elif entry.space != self._space:
            return
        elif entry.redirect >= 0:
            self._redirect(entry)
        elif entry.mime.split(";")[0].strip() in _HTML + _PLAIN:
            self._articles.append(entry.index)
            self._places.append(entry.cluster << 32 | entry.blob)

    def _redirect(self, entry: Entry) -> None:
        limit = self._source.options.redirects
        if len(self._redirects) >= limit:
            reason = f"more than {limit} redirects; articles lack the aliases of the rest"
            self._source.skip(self._source.error("oversized", reason, entry.offset, "raise redirects"))
            return
        self._redirects[entry.path] = entry.redirect
        self._names.setdefault(entry.redirect, []).append(name_of(entry))

    def _host(self) -> str:
        """The Wikimedia host the file was made from by mwoffliner, which keeps the wiki's own names of pages."""
        stated = self.facts["Source"]
        try:
            host = urlsplit(stated if "//" in stated else f"//{stated}").hostname or ""
        except ValueError:
            return ""
        return host if self.facts["Scraper"].startswith("mwoffliner") and of_host(host) else ""

    def by_cluster(self) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """Each cluster with (blob, index of the entry) of its articles, in order."""
        import numpy as np

        places = np.frombuffer(self._places, dtype=np.uint64)
        order = np.argsort(places, kind="stable")
        rows = ((int(places[at]), self._articles[at]) for at in order)
        for cluster, group in groupby(rows, key=lambda row: row[0] >> 32):
            yield cluster, [(place & 0xFFFFFFFF, index) for place, index in group]

    def aliases(self, entry: Entry) -> tuple[str, ...]:
        """Names of the redirects that lead to the entry."""
        title = name_of(entry)
        return tuple(dict.fromkeys(name for name in self._names.get(entry.index, ()) if name != title))

    def base(self, entry: Entry) -> str:
        """The path as links on the page see it."""
        return entry.path if self._space == _ARTICLES_NEW else f"{entry.space}/{entry.path}"

    def address(self, path: str) -> str:
        if self._web:
            return self._web + quote(mend(path).replace(" ", "_"), safe=WIKI_SAFE)
        return file_address(self._source.name, path)

    def target(self, base: str, href: str) -> str:
        """The address of the page that `href` leads to, through redirects; empty where that is no article."""
        web, path = follow(href, base)
        if web or not path:
            return web
        if self._space == _ARTICLES_OLD:
            space, _, path = path.partition("/")
            if space != _ARTICLES_OLD or not path:
                return ""
        return self.address(self._final(path))

    def _final(self, path: str) -> str:
        for _ in range(_HOPS):
            index = self._redirects.get(path)
            if index is None:
                break
            if index not in self._paths:
                try:
                    self._paths[index] = self._archive.entry(index).path
                except InputError:
                    self._paths[index] = path
            path = self._paths[index]
        return path


def name_of(entry: Entry) -> str:
    """The entry's title, or its path read as one."""
    if entry.title != entry.path:
        return entry.title
    return entry.path.removesuffix(".html").replace("_", " ")


def _jobs(source: Source, archive: Archive, directory: _Directory) -> Iterator[tuple[tuple[Entry, str], Job | None]]:
    options = source.options
    for cluster, wanted in directory.by_cluster():
        blobs = archive.blobs(cluster, [blob for blob, _ in wanted], options.document_bytes, options.cluster_bytes)
        for _, index in wanted:
            entry = archive.entry(index)
            try:
                data = next(blobs, None)
            except InputError as error:
                data = error
            if data is None:
                # The cluster as a whole could not be read, which was told for its first article.
                source.skipped += 1
            elif isinstance(data, InputError):
                source.skip(data)
            elif entry.mime.startswith(_HTML):
                yield (entry, ""), html_job(decode_html(data), options.html_depth)
            else:
                yield (entry, decode(data)), None


def _document(source: Source, directory: _Directory, entry: Entry, text: str, outcome: Outcome) -> Document:
    plain: dict[str, Any] = {"text": text, "links": [], "title": "", "lang": "", "licence": ""}
    page = outcome.parts[0] if outcome.parts else plain
    base, address = directory.base(entry), directory.address(entry.path)
    links = (Link(target=directory.target(base, href), anchor=a, offset=at) for href, a, at in page["links"])
    title = entry.title if entry.title != entry.path else page["title"] or name_of(entry)
    return Document(
        url=source.names.unique(address),
        title=mend(title) or source.name,
        text=page["text"],
        lang=directory.lang or page["lang"],
        aliases=directory.aliases(entry),
        links=tuple(link for link in links if link.target not in ("", address)),
        licence=directory.licence or spdx(page["licence"]),
        source=source.name,
        date=directory.facts["Date"][:10],
    )
