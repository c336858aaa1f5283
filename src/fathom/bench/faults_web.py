"""The web that `fathom bench faults` breaks: a closed world as two search engines, pages, and a reader service."""

import asyncio
import html
import json
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from fathom.core.seeds import stream
from fathom.corpus.document import Document
from fathom.corpus.snapshot import Snapshot
from fathom.sandbox.egress.protocol import WebReply, WebRequest

FIRST, SECOND, READER = "first.example.org", "second.example.org", "reader.example.org"
_SITES = 50


class CorpusWeb:
    """A `Web`. `FIRST` speaks as SearXNG does and `SECOND` as Serper does; `READER` gives the page at an address as the
    JSON of a reader service; pages stand on fifty sites. Replies take a log-normal time of mean `latency_s`. Hits are
    kept for those who ask again, whose work is measured, and not that of finding."""

    def __init__(self, snapshot: Snapshot, *, latency_s: float, seed: int = 0) -> None:
        self._snapshot, self._latency_s, self._seed = snapshot, latency_s, seed
        self.requests = 0
        self._found = lru_cache(maxsize=1024)(self._find)

    async def fetch(self, request: WebRequest) -> WebReply:
        self.requests += 1
        random = stream(self._seed, "latency", request.url, self.requests)
        await asyncio.sleep(self._latency_s * random.lognormvariate(-0.5, 1.0))
        host = urlsplit(request.url).hostname or ""
        if host == FIRST:
            return _json(request, _searxng(request.params["q"], self._found(request.params["q"])))
        if host == SECOND:
            query = str(json.loads(request.body)["q"])
            return _json(request, _serper(query, self._found(query)))
        document = self._page(request.url.partition(f"//{READER}/")[2] if host == READER else request.url)
        if document is None:
            return WebReply(404, request.url, {"content-type": "text/html"}, b"<html><body>Not Found</body></html>")
        if host == READER:
            content = {"title": document.title, "url": address(document.url), "content": document.text}
            return _json(request, {"code": 200, "status": 20000, "data": content})
        page = _html(document)
        return WebReply(200, request.url, {"content-type": "text/html; charset=utf-8"}, page.encode())

    async def close(self) -> None:
        return None

    def _find(self, query: str) -> list[tuple[Document, str]]:
        """Up to ten pages with what of them fits."""
        found: dict[str, tuple[Document, str]] = {}
        for match in self._snapshot.search(query, 30):
            document = self._snapshot.get(match.passage.url)
            if document is not None:
                found.setdefault(document.url, (document, match.passage.text))
        return list(found.values())[:10]

    def _page(self, url: str) -> Document | None:
        return self._snapshot.get(unquote(urlsplit(url).path.removeprefix("/")))


def address(url: str) -> str:
    """The address on this web of a page of the corpus."""
    return f"https://site{sum(url.encode()) % _SITES}.example.org/{quote(url, safe='/')}"


def _json(request: WebRequest, content: object) -> WebReply:
    return WebReply(200, request.url, {"content-type": "application/json"}, json.dumps(content).encode())


def _searxng(query: str, found: Sequence[tuple[Document, str]]) -> object:
    results = [
        {"url": address(d.url), "title": d.title, "content": text, "engine": "corpus", "score": 1 / (n + 1)}
        for n, (d, text) in enumerate(found)
    ]
    return {"query": query, "number_of_results": 0, "results": results, "unresponsive_engines": []}


def _serper(query: str, found: Sequence[tuple[Document, str]]) -> object:
    organic = [
        {"title": d.title, "link": address(d.url), "snippet": text, "position": n + 1}
        for n, (d, text) in enumerate(found)
    ]
    return {"searchParameters": {"q": query, "type": "search"}, "organic": organic, "credits": 1}


def _html(document: Document) -> str:
    paragraphs = "\n".join(f"<p>{html.escape(part)}</p>" for part in document.text.split("\n\n"))
    title = html.escape(document.title)
    return (
        f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{title}</title></head>"
        f"<body><nav><a href='/'>Home</a></nav><main><h1>{title}</h1>{paragraphs}</main></body></html>"
    )
