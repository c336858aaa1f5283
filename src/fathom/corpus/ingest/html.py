"""HTML files: decoded, parsed in a parser process, links to other files of the folder kept with anchor and place.

A page's address is its file, so a relative link becomes the address of the file it leads to; one that leads out of the
folder is dropped; `http` and `https` links stay. A page of the web, fetched by itself, has web links only. Fragments
go: links are between pages.
"""

import posixpath
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

from fathom.corpus.document import Document, Link
from fathom.corpus.ingest.encoding import decode_html, mend
from fathom.corpus.ingest.isolate import Job
from fathom.corpus.ingest.licences import spdx
from fathom.corpus.ingest.source import Source, file_address
from fathom.corpus.ingest.unpack import Stream

_INDEX = "index.html"


def read_html(source: Source, stream: Stream) -> Iterator[Document]:
    """The one document of an HTML file. Of a longer file than `document_bytes` the begin is kept. Raises `InputError`
    after the document where there is more, damage, or no text."""
    data, failure = stream.head(source.options.document_bytes)
    outcome = source.parsers.run(html_job(decode_html(data), source.options.html_depth))
    if outcome.failure:
        raise source.error(*outcome.failure)
    page = outcome.parts[0]
    if page["text"]:
        links = (Link(target=resolve(source, href), anchor=a, offset=at) for href, a, at in page["links"])
        yield Document(
            url=source.address(),
            title=page["title"] or PurePosixPath(source.name).stem,
            text=page["text"],
            lang=page["lang"],
            links=tuple(link for link in links if link.target),
            licence=spdx(page["licence"]),
            source=source.name,
            date=page["date"],
        )
    if failure:
        raise failure
    if not page["text"]:
        raise source.error("empty", "there is no text in the page")


def html_job(html: str, depth: int) -> Job:
    """The job that makes text and links of a page; for `depth` see `ReadOptions.html_depth`."""
    return Job("html_text:extract", {"html": html, "depth": depth})


def resolve(source: Source, href: str) -> str:
    """The address `href` leads to from this file; empty where it leads nowhere that counts."""
    if source.options.page_url:
        return _on_the_web(href, source.options.page_url)
    web, path = follow(href, source.name)
    if path == "." or path.endswith("/"):
        path = posixpath.normpath(posixpath.join(path, _INDEX))
    return web or ("" if path in ("", source.name) else file_address(path))


def _on_the_web(href: str, page_url: str) -> str:
    try:
        parts = urlsplit(urljoin(page_url, mend(href.strip())))
        parts = parts._replace(fragment="")
        address = parts.geturl()
    except ValueError:
        return ""
    leads_on = parts.scheme in ("http", "https") and parts.netloc and address != page_url.partition("#")[0]
    return address if leads_on else ""


def follow(href: str, base: str) -> tuple[str, str]:
    """Where `href` leads to on the page at path `base`: a web address, or else a path as seen from the root of `base`,
    with a slash at the end where it names a folder. Both are empty for what is no page: other schemes, places within
    the page, paths that lead out of the root."""
    try:
        parts = urlsplit(mend(href.strip()))
        if parts.scheme in ("http", "https") or (not parts.scheme and parts.netloc):
            web = parts._replace(scheme=parts.scheme or "https", fragment="").geturl() if parts.netloc else ""
            return web, ""
    except ValueError:
        return "", ""
    path = unquote(parts.path)
    if parts.scheme or not path or "\0" in path:
        return "", ""
    joined = path.lstrip("/") if path.startswith("/") else posixpath.join(posixpath.dirname(base), path)
    clean = posixpath.normpath(joined)
    if clean == ".." or clean.startswith(("../", "/")):
        return "", ""
    return "", clean + "/" if path.endswith("/") and clean != "." else clean
