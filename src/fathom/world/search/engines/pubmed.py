"""PubMed by NCBI's E-utilities: `esearch` gives ids, `esummary` what they stand for. Reference:
ncbi.nlm.nih.gov/books/NBK25499. Three requests a second without a key, ten with one.

Both are asked by POST, so that the key is in no address. A failed search has status 200 and `ERROR` in its result.
"""

from typing import Any
from urllib.parse import urlencode

from fathom.sandbox.egress.protocol import WebRequest
from fathom.sandbox.gateway.service import LaneConfig, paced
from fathom.world.protocol import Hit, Work
from fathom.world.search.bibliography import names, work_of
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.reply import fault_of_words, garbage
from fathom.world.search.rows import at, found, hit, rows, text
from fathom.world.search.search_service import CatalogueConfig, SearchService, SearchServiceConfig

_ARTICLE_IDS = 20  # how many of a work's numbers are looked at for its DOI


def _request(config: SearchServiceConfig, query: SearchQuery) -> WebRequest:
    form = {"term": query.text, "retmax": str(query.k), "sort": "relevance"}
    if query.since or query.until:
        first, last = query.since or "1800-01-01", query.until or "3000-12-31"
        form |= {"datetype": "pdat", "mindate": first.replace("-", "/"), "maxdate": last.replace("-", "/")}
    return _asked(config, "esearch", form)


def _asked(config: SearchServiceConfig, utility: str, form: dict[str, str]) -> WebRequest:
    known = {"api_key": config.key, "email": config.contact}
    form = {"db": "pubmed", "retmode": "json", "tool": "fathom", **form, **{k: v for k, v in known.items() if v}}
    return config.asked(
        url=f"{config.url.rstrip('/')}/{utility}.fcgi",
        method="POST",
        headers={"content-type": "application/x-www-form-urlencoded"},
        body=urlencode(form).encode(),
    )


def _read(config: SearchServiceConfig, query: SearchQuery, content: Any) -> tuple[Hit, ...] | WebRequest:
    if at(content, "esearchresult") is not None:
        return _ids(config, at(content, "esearchresult"))
    listed = rows(content, "result", "uids")
    hits = [_hit(at(content, "result", text(uid)), text(uid)) for uid in listed]
    return found(listed, hits)


def _ids(config: SearchServiceConfig, result: Any) -> tuple[Hit, ...] | WebRequest:
    if at(result, "ERROR"):
        raise fault_of_words(text(result, "ERROR"), otherwise="server", what="the search failed")
    given = rows(result, "idlist")
    ids = [uid for uid in (text(item) for item in given) if uid.isdecimal()]
    if ids:
        return _asked(config, "esummary", {"id": ",".join(ids)})
    if given or text(result, "count") != "0":
        garbage("a search without ids that does not say there are none")
    return ()


def _hit(row: Any, uid: str) -> Hit | None:
    if not isinstance(row, dict) or at(row, "error") or not uid.isdecimal():
        return None
    authors = ", ".join(name for name in names(at(row, "authors"), "name")[:5] if name)
    parts = [authors, text(row, "source"), text(row, "pubdate")]
    return hit(
        f"https://pubmed.ncbi.nlm.nih.gov/{uid}/",
        text(row, "title"),
        ". ".join(part for part in [*parts, text(row, "elocationid")] if part),
        date=text(row, "sortpubdate") or text(row, "pubdate"),
        source="pubmed",
        work=_work(row),
    )


def _work(row: Any) -> Work:
    # `pmcrefcount` counts citations by works in PubMed Central alone, so it is no `cited_by`.
    given = at(row, "articleids")
    ids = given[:_ARTICLE_IDS] if isinstance(given, list) else []
    return work_of(
        authors=names(at(row, "authors"), "name"),
        venue=text(row, "fulljournalname") or text(row, "source"),
        year=text(row, "pubdate") or text(row, "sortpubdate"),
        doi=next((text(item, "value") for item in ids if text(item, "idtype") == "doi"), ""),
    )


def _limits(config: SearchServiceConfig) -> LaneConfig:
    """A search is two requests."""
    return paced(10 / 2 if config.key else 3 / 2)


PUBMED = SearchService(
    name="pubmed",
    url="https://eutils.ncbi.nlm.nih.gov/entrez/eutils",
    request=_request,
    read=_read,
    config=CatalogueConfig,
    passes=frozenset({"dates"}),
    key="optional",
    max_k=100,
    limits=_limits,
)
