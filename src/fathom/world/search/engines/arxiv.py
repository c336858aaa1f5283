"""arXiv's preprints. Reference: info.arxiv.org/help/api/user-manual.html. It asks for three
seconds between requests and for one connection at a time (info.arxiv.org/help/api/tou.html).

The words of a query are joined by AND, as on the site; a query that names fields (`ti:`, `au:`, ...) is passed as it
is. An error is a feed of one entry that leads to `/api/errors`.
"""

import re
from xml.etree.ElementTree import Element

from fathom.core.text import STOPWORDS
from fathom.sandbox.egress.protocol import WebRequest
from fathom.sandbox.gateway.service import paced
from fathom.world.protocol import Hit, Work
from fathom.world.search.bibliography import MAX_AUTHORS, work_of
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.reply import fault_of_words, garbage
from fathom.world.search.rows import found, hit
from fathom.world.search.search_service import CatalogueConfig, SearchService, SearchServiceConfig

_ATOM = "{http://www.w3.org/2005/Atom}"
_ARXIV = "{http://arxiv.org/schemas/atom}"
_TOTAL = "{http://a9.com/-/spec/opensearch/1.1/}totalResults"
_FIELDS = re.compile(r"\b(?:ti|au|abs|co|jr|cat|rn|all):")
_PIECE = re.compile(r'"([^"]+)"|([^\s"():\[\]]+)')


def _request(config: SearchServiceConfig, query: SearchQuery) -> WebRequest:
    wanted = query.text if _FIELDS.search(query.text) else _all_of(query.text)
    if query.since or query.until:
        first = (query.since or "1991-01-01").replace("-", "")
        last = (query.until or "2099-12-31").replace("-", "")
        wanted = f"({wanted}) AND submittedDate:[{first}0000 TO {last}2359]"
    params = {"search_query": wanted, "start": "0", "max_results": str(query.k), "sortBy": "relevance"}
    return config.asked({**params, "sortOrder": "descending"})


def _all_of(words: str) -> str:
    pieces = [(phrase, word) for phrase, word in _PIECE.findall(words) if phrase or word not in ("AND", "OR", "NOT")]
    telling = [(phrase, word) for phrase, word in pieces if phrase or word.lower() not in STOPWORDS]
    return " AND ".join(f'all:"{phrase}"' if phrase else f"all:{word}" for phrase, word in telling or pieces)


def _read(config: SearchServiceConfig, query: SearchQuery, content: Element) -> tuple[Hit, ...]:
    if content.tag != f"{_ATOM}feed":
        garbage("not a feed")
    given = content.findall(f"{_ATOM}entry")
    for entry in given:
        if "/api/errors" in _text(entry, "id"):
            raise fault_of_words(_text(entry, "summary"), otherwise="rejected", what="an error in the feed")
    if not given and (content.findtext(_TOTAL) or "").strip() != "0":
        garbage("a feed without entries that does not say there are none")
    hits = [
        hit(
            _text(entry, "id").strip().replace("http://", "https://", 1),
            _text(entry, "title"),
            _text(entry, "summary"),
            date=_text(entry, "published"),
            source="arxiv",
            work=_work(entry),
        )
        for entry in given
    ]
    return found(given, hits)


def _work(entry: Element) -> Work:
    authors = entry.findall(f"{_ATOM}author")[:MAX_AUTHORS]
    links = entry.findall(f"{_ATOM}link")
    return work_of(
        authors=[_text(author, "name") for author in authors],
        venue=entry.findtext(f"{_ARXIV}journal_ref") or "",
        year=_text(entry, "published"),
        doi=entry.findtext(f"{_ARXIV}doi") or "",
        arxiv_id=_text(entry, "id"),
        pdf_url=next((link.get("href", "") for link in links if link.get("title") == "pdf"), ""),
    )


def _text(entry: Element, name: str) -> str:
    return entry.findtext(f"{_ATOM}{name}") or ""


ARXIV = SearchService(
    name="arxiv",
    url="https://export.arxiv.org/api/query",
    request=_request,
    read=_read,
    config=CatalogueConfig,
    passes=frozenset({"dates"}),
    form="xml",
    max_k=100,
    limits=lambda config: paced(1 / 3, slots=1),
)
