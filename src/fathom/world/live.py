"""`LiveWorld`: the web. Search by a SearXNG server of the user's own, pages by HTTP with hard limits.

A page is fetched into a temporary file, never more than the limit, and read by the same readers as corpora are, in
their parser processes. Addresses that are not of the public internet are refused unless allowed, at each redirect too.
"""

import asyncio
import ipaddress
import json
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from pydantic import Field

from fathom.core.clock import utc_now
from fathom.core.config import Config
from fathom.core.errors import InputError, PageNotFoundError, WorldUnavailableFault
from fathom.core.evidence import Page
from fathom.corpus.document import Document
from fathom.corpus.ingest.options import ReadOptions
from fathom.corpus.ingest.reader import read_documents
from fathom.world.protocol import Hit, WorldLink

if TYPE_CHECKING:
    import httpx2

_GONE = (404, 410)
# IPv6 addresses whose last 32 bits are an IPv4 address: of NAT64 (RFC 6052) and "compatible" ones (RFC 4291).
_CARRYING = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
_SUFFIX = {"text/html": ".html", "application/xhtml+xml": ".html", "application/pdf": ".pdf", "text/plain": ".txt"}


class LiveConfig(Config):
    """Settings of the live world."""

    searxng_url: str = Field(description="base URL of a SearXNG server with the JSON format switched on")
    timeout_s: float = Field(default=30.0, gt=0, description="seconds for one request, redirects and body included")
    max_bytes: int = Field(default=10_000_000, ge=1, description="bytes of one page, after decompression")
    max_redirects: int = Field(default=5, ge=0, description="redirects followed for one page")
    allow_private: bool = Field(default=False, description="open addresses that are not of the public internet")
    user_agent: str = Field(default="fathom/0.1 (research agent)", description="sent with every request")


class LiveWorld:
    """Search and pages of the live web. `clock` gives the time a page is fetched at."""

    name = "live"

    def __init__(self, config: LiveConfig, *, clock: Callable[[], str] = utc_now) -> None:
        self._config, self._clock = config, clock
        self._client: httpx2.AsyncClient | None = None

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        if not query.strip():
            return ()
        url = urljoin(self._config.searxng_url.rstrip("/") + "/", "search")
        asked = query[:512].encode("utf-8", "replace").decode()
        body = await self._get(url, {"q": asked, "format": "json"})
        try:
            hits = [_hit(row) for row in json.loads(body)["results"] if row.get("url")]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            hint = "SearXNG gives it where `search.formats` in its settings.yml lists json"
            raise WorldUnavailableFault("search: the reply is not SearXNG's JSON", hint=hint) from None
        best = {hit.url: hit for hit in reversed(hits)}
        return tuple(hit for hit in hits if best.get(hit.url) is hit)[:k]

    async def open(self, url: str) -> Page:
        document = await self._document(url)
        return Page(
            url=url,
            title=document.title,
            text=document.text,
            text_hash=document.text_hash,
            fetched_at=self._clock(),
            licence=document.licence,
            lang=document.lang,
        )

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        document = await self._document(url)
        return tuple(WorldLink(url=link.target, title=link.anchor, anchor=link.anchor) for link in document.links)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _document(self, url: str) -> Document:
        with tempfile.TemporaryDirectory(prefix="fathom-page-") as folder:
            try:
                async with asyncio.timeout(self._config.timeout_s):
                    path, final = await self._fetch(url, Path(folder))
            except TimeoutError:
                raise WorldUnavailableFault(f"no whole page within {self._config.timeout_s:g} s") from None
            return await asyncio.to_thread(_read, path, url, final)

    async def _fetch(self, url: str, folder: Path) -> tuple[Path, str]:
        """The body of the page in a file whose suffix tells its type, and the address redirects led to."""
        import httpx2

        for _ in range(self._config.max_redirects + 1):
            await self._check(url)
            try:
                async with self._http().stream("GET", url) as reply:
                    if reply.has_redirect_location:
                        url = urljoin(url, reply.headers.get("location", ""))
                        continue
                    _check_status(reply.status_code)
                    return await self._save(reply, folder), url
            except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
                raise WorldUnavailableFault(f"the page could not be fetched: {type(error).__name__}") from None
        raise WorldUnavailableFault(f"more than {self._config.max_redirects} redirects")

    async def _save(self, reply: "httpx2.Response", folder: Path) -> Path:
        media_type = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
        path = folder / f"page{_SUFFIX.get(media_type, '')}"
        with path.open("wb") as file:
            async for chunk in self._body(reply):
                file.write(chunk)
        return path

    async def _body(self, reply: "httpx2.Response") -> AsyncIterator[bytes]:
        size = 0
        async for chunk in reply.aiter_bytes(65536):
            size += len(chunk)
            if size > self._config.max_bytes:
                raise WorldUnavailableFault(f"the reply is larger than {self._config.max_bytes} bytes")
            yield chunk

    async def _check(self, url: str) -> None:
        """Refuse what is no web address, and addresses inside private networks. The name is resolved here and again to
        connect, so a name server that changes its answer between the two is not caught."""
        try:
            parts = urlsplit(url)
            host, port, login = parts.hostname, parts.port, "@" in parts.netloc
        except ValueError:
            raise PageNotFoundError(f"{url!r} is not an address of a web page") from None
        if parts.scheme not in ("http", "https") or not host or login:
            raise PageNotFoundError(f"{url!r} is not an address of a web page")
        if self._config.allow_private:
            return
        try:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, port or 443, type=socket.SOCK_STREAM)
        except (OSError, ValueError):
            raise WorldUnavailableFault("the host name could not be resolved") from None
        if not all(_is_public(str(row[4][0])) for row in found):
            raise PageNotFoundError(f"{url!r} is not on the public internet")

    async def _get(self, url: str, params: dict[str, str]) -> bytes:
        """The body of the search server's reply. It is the user's own, so its address may be private."""
        import httpx2

        try:
            async with (
                asyncio.timeout(self._config.timeout_s),
                self._http().stream("GET", url, params=params) as reply,
            ):
                if reply.status_code != 200:
                    raise WorldUnavailableFault(f"search: the server answered with status {reply.status_code}")
                return b"".join([chunk async for chunk in self._body(reply)])
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            raise WorldUnavailableFault(f"search: {type(error).__name__}") from None

    def _http(self) -> "httpx2.AsyncClient":
        import httpx2

        if self._client is None:
            # gzip only: a brotli or zstd bomb of a few bytes decompresses to gigabytes within one chunk.
            headers = {"user-agent": self._config.user_agent, "accept-encoding": "gzip"}
            self._client = httpx2.AsyncClient(headers=headers, timeout=self._config.timeout_s, follow_redirects=False)
        return self._client


def _is_public(text: str) -> bool:
    """Whether an address is of the public internet, and so is the IPv4 address it may carry."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour
        if carried is None and any(address in network for network in _CARRYING):
            carried = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        address = carried or address
    return address.is_global and not address.is_multicast


def _check_status(status: int) -> None:
    if status in _GONE:
        raise PageNotFoundError(f"the server says there is no such page ({status})")
    if status != 200:
        raise WorldUnavailableFault(f"the server answered with status {status}")


def _hit(row: dict[str, Any]) -> Hit:
    return Hit(
        url=str(row["url"]),
        title=str(row.get("title") or ""),
        snippet=str(row.get("content") or ""),
        score=float(row.get("score") or 0.0),
        date=str(row.get("publishedDate") or "")[:10],
        source=str(row.get("engine") or ""),
    )


def _read(path: Path, url: str, final: str) -> Document:
    """The fetched file as one document, its links as seen from `final`. Raises `WorldUnavailableFault` where it holds
    no text."""
    problems: list[InputError] = []
    documents = list(read_documents(path, on_problem=problems.append, options=ReadOptions(page_url=final)))
    if not documents:
        why = f"{problems[0].kind}: {problems[0].reason}" if problems else "it holds no text"
        raise WorldUnavailableFault(f"the page could not be read: {why}")
    first = documents[0]
    text = "\n\n".join(document.text for document in documents)
    return first.model_copy(update={"url": url, "text": text, "title": first.title or url})
