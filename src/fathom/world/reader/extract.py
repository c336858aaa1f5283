"""From a fetched body to text with links: runs in the parser process, and gives back a part of bounded size.

What a hostile page can make large, its text, links, addresses and title, is cut here, before it reaches the process
that reads many pages at once.
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from fathom.corpus.ingest.encoding import decode, decode_html
from fathom.corpus.ingest.licences import spdx
from fathom.world.reader.visible import places, visible

VERSION = 2
"""Of what is extracted: one more where the same body may give another text or other links than before."""

_MAX_LINKS, _MAX_URL_CHARS, _MAX_ANCHOR_CHARS, _MAX_TITLE_CHARS = 2000, 2048, 300, 500
_MAX_PAGES, _MAX_BLOCKS = 2000, 100_000
_ZIP_MEMBERS, _ZIP_BYTES, _ZIP_RATIO, _ZIP_FREE_BYTES = 5000, 256 * 2**20, 300, 2**23
_BASE, _BASE_WITHIN = (
    re.compile(r"""<base\s[^>]{0,200}?href\s*=\s*["']?(https?://[^\s"'>]{1,2000})""", re.IGNORECASE),
    16384,
)


def extract(path: str, form: str, charset: str, base: str, depth: int, chars: int) -> Iterator[dict[str, Any]]:
    """One part: `title`, `text` (of which the first `chars` characters are kept), `links` as [address, anchor,
    where the anchor begins in the text, or -1] in the page's order, `lang` and `licence`.

    `charset` is what the server named, `base` the address that links are resolved against, `depth` as in
    `ReadOptions.html_depth`. Raises `InputError` without a source where the body is not what `form` says.
    """
    if form == "html":
        page = _html(Path(path).read_bytes(), charset, depth)
    elif form == "plain":
        page = _plain(Path(path).read_bytes(), charset)
    else:
        page = _blocks(path, form, chars)
    text, place = visible(page["text"]), places(page["text"])
    yield {
        "title": _short(page.get("title", ""), _MAX_TITLE_CHARS),
        "text": text[:chars],
        "links": list(islice(_links(page.get("links", ()), page.get("base") or base, place), _MAX_LINKS)),
        "lang": _short(page.get("lang", ""), 16),
        "licence": spdx(_short(page.get("licence", ""), _MAX_URL_CHARS)),
    }


def robots(text: str, url: str, agent: str) -> Iterator[dict[str, Any]]:
    """What a robots.txt that reads `text` asks of `agent`: `allowed` says whether it may open `url`, `every_s` how many
    seconds it is to leave between requests. A file that repeats names and rules takes its parser minutes, so this too
    is work for a process that may be killed."""
    from protego import Protego

    rules = Protego.parse(text)
    yield {"allowed": rules.can_fetch(url, agent), "every_s": rules.crawl_delay(agent) or 0.0}


def _html(data: bytes, charset: str, depth: int) -> dict[str, Any]:
    from fathom.corpus.ingest import html_text

    html = decode_html(data, charset)
    named = _BASE.search(html[:_BASE_WITHIN])
    return {**next(html_text.extract(html, depth)), "base": named[1] if named else ""}


def _plain(data: bytes, charset: str) -> dict[str, Any]:
    text = decode(data, charset)
    first = next((line.strip("# \t") for line in text[:2000].splitlines() if line.strip("# \t")), "")
    return {"title": first if text.lstrip().startswith("# ") else "", "text": text}


def _blocks(path: str, form: str, chars: int) -> dict[str, Any]:
    """A PDF's pages or an Office file's blocks as one text. Damage behind the first text is passed over."""
    from fathom.core.errors import InputError

    parts: list[str] = []
    links: list[list[Any]] = []
    title, length = "", 0
    try:
        for number, part in enumerate(_parts(path, form, chars)):
            if number == 0:
                title = part.get("title", "")
                continue
            piece = (part["before"] if parts else "") + part["text"]
            parts.append(piece)
            begins = length + len(piece) - len(part["text"])
            links += [[href, anchor, begins + start] for href, anchor, start in part["links"]]
            length += len(piece)
            if length > chars or number > (_MAX_PAGES if form == "pdf" else _MAX_BLOCKS):
                break
    except InputError:
        if not "".join(parts).strip():
            raise
    return {"title": title, "text": "".join(parts), "links": links}


def _parts(path: str, form: str, chars: int) -> Iterator[dict[str, Any]]:
    if form == "pdf":
        from fathom.corpus.ingest import pdf_text

        return pdf_text.extract(path, 2 * chars)
    from fathom.corpus.ingest import office_text

    return office_text.extract(path, 2 * chars, _ZIP_MEMBERS, _ZIP_BYTES, _ZIP_RATIO, _ZIP_FREE_BYTES)


def _links(found: Any, base: str, place: Callable[[int], int]) -> Iterator[list[Any]]:
    here = base.partition("#")[0]
    for href, anchor, start in found:
        address = _absolute(str(href).strip(), base) if len(href) <= _MAX_URL_CHARS else ""
        if address and address != here:
            yield [address, _short(anchor, _MAX_ANCHOR_CHARS), place(start) if start >= 0 else -1]


def _absolute(href: str, base: str) -> str:
    """Where `href` leads to, without its place in the page; empty where that is not on the web."""
    try:
        parts = urlsplit(urljoin(base, href))._replace(fragment="")
        address = parts.geturl()
    except ValueError:
        return ""
    return address if parts.scheme in ("http", "https") and parts.netloc else ""


def _short(text: str, most: int) -> str:
    return " ".join(visible(text[: 4 * most]).split())[:most]
