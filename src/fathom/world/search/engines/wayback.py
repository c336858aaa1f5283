"""The Wayback Machine's index: archived copies of pages, by their address. Reference:
github.com/internetarchive/wayback, wayback-cdx-server.

It searches addresses, not texts: a query needs a domain to look in or an address in its words; its other words must
stand in the addresses found. Dates are those of the copies.
"""

import re
from typing import Any
from urllib.parse import urlencode

from fathom.sandbox.egress.protocol import WebRequest
from fathom.world.protocol import Hit
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.reply import garbage, rejected
from fathom.world.search.rows import found, hit, text
from fathom.world.search.search_service import SearchService, SearchServiceConfig

_ADDRESS = re.compile(r"(?:https?://)?((?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24})(:\d{1,5})?(/\S*)?")
_WORD = re.compile(r"\w{3,40}")
_MOST_WORDS = 4
_COPIES = "https://web.archive.org/web"


def _request(config: SearchServiceConfig, query: SearchQuery) -> WebRequest:
    address, words = _address(query)
    path = address.partition("/")[2]
    params = [
        ("url", address),
        ("matchType", "prefix" if path else "domain"),
        ("output", "json"),
        ("fl", "original,timestamp"),
        ("collapse", "urlkey"),
        ("limit", str(query.k)),
        ("filter", "statuscode:200"),
        *(("filter", f"urlkey:.*{word.lower()}.*") for word in words),
    ]
    params += [(name, day.replace("-", "")) for name, day in (("from", query.since), ("to", query.until)) if day]
    return config.asked(url=f"{config.url}?{urlencode(params)}")  # a mapping cannot hold two filters


def _address(query: SearchQuery) -> tuple[str, list[str]]:
    """The address to look under and the words that must be in what is found."""
    address, rest = "", []
    for piece in query.text.split():
        match = _ADDRESS.fullmatch(piece)
        if match and not address:
            address = f"{match[1]}{match[2] or ''}{match[3] or ''}"
        else:
            rest += _WORD.findall(piece)
    if not address and query.domains:
        address = query.domains[0]
    if not address:
        rejected("it looks up addresses, and the query names none", hint="name a site, as in site:example.com")
    return address, rest[:_MOST_WORDS]


def _read(config: SearchServiceConfig, query: SearchQuery, content: Any) -> tuple[Hit, ...]:
    if not isinstance(content, list):
        garbage("not a table")
    if not content:
        return ()
    if content[0] != ["original", "timestamp"]:
        garbage("a table of other columns")
    given = content[1:]
    return found(given, [_hit(row) for row in given])


def _hit(row: Any) -> Hit | None:
    original, stamp = text(row, 0), text(row, 1)
    if not re.fullmatch(r"\d{14}", stamp, re.ASCII):
        return None
    return hit(f"{_COPIES}/{stamp}/{original}", original, date=stamp, source="wayback")


WAYBACK = SearchService(
    name="wayback",
    url="https://web.archive.org/cdx/search/cdx",
    request=_request,
    read=_read,
    config=SearchServiceConfig,
    passes=frozenset({"domains", "dates"}),
    max_k=100,
)
