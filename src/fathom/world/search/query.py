"""Operators in the text of a query: `site:`, `-site:`, `after:` and `before:`, to what they say and back.

Models write them because people do. Read here once, they narrow a search on every engine, whether its interface knows
them or not. `after:` includes its day and `before:` does not, as with Google; a year or a month stands for its first
day. What is not an operator with a value that fits stays text.
"""

import re
from datetime import date, timedelta

from fathom.world.search.protocol import SearchQuery

# A quoted phrase is one piece, whatever is in it; a quote that is never closed is a character like any other.
_PIECE = re.compile(r'"[^"]*"|\S+')
_OPERATOR = re.compile(r"(-?)(site|after|before)[:：](\S+)", re.IGNORECASE)
_HOST_CHARS = 253  # RFC 1035; also keeps the pattern below from quadratic time on one long word
_HOST = re.compile(r"[^\W_](?:[\w-]*[^\W_])?(?:\.[^\W_](?:[\w-]*[^\W_])?)*")
_DAY = re.compile(r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2}))?)?")


def parse_query(text: str, *, k: int = 10, lang: str = "") -> SearchQuery:
    """`text` without its operators, and what they say. Total. Of several bounds on one side the narrowest holds; the
    path of a `site:` is left out, since a filter is by host."""
    words: list[str] = []
    domains: dict[str, None] = {}
    without: dict[str, None] = {}
    since, until = "", ""
    site_before = False
    pieces = _PIECE.findall(text)
    for index, piece in enumerate(pieces):
        if piece == "OR" and site_before and index + 1 < len(pieces) and _site(pieces[index + 1]):
            continue
        sign, name, value = _operator(piece)
        site_before = name == "site" and not sign
        if name == "site":
            (without if sign else domains)[value] = None
        elif name == "after":
            since = max(since, value)
        elif name == "before":
            until = min(until or value, value)
        else:
            words.append(piece)
    return SearchQuery(
        text=" ".join(words),
        k=max(1, k),
        lang=lang,
        since=since,
        until=until,
        domains=tuple(domains),
        without_domains=tuple(without),
    )


def with_operators(query: SearchQuery, *, dates: bool = False) -> str:
    """The text with the domains of `query` as operators behind it, and with its dates where asked for. `parse_query`
    reads it back."""
    parts = [query.text] if query.text else []
    sites = [f"site:{domain}" for domain in query.domains]
    parts += sites if len(sites) < 2 else [f"({' OR '.join(sites)})"]
    parts += [f"-site:{domain}" for domain in query.without_domains]
    if dates and query.since:
        parts.append(f"after:{query.since}")
    if dates and query.until and query.until < date.max.isoformat():
        parts.append(f"before:{date.fromisoformat(query.until) + timedelta(days=1)}")
    return " ".join(parts)


def _operator(piece: str) -> tuple[str, str, str]:
    """Sign, name and value of an operator; empty strings for what is none. A group's brackets are not part of it."""
    match = _OPERATOR.fullmatch(piece.removeprefix("(").removesuffix(")"))
    if match is None:
        return "", "", ""
    sign, name, given = match[1], match[2].lower(), match[3]
    value = _host(given) if name == "site" else "" if sign else _first_day(given)
    if name == "before" and value:
        value = (date.fromisoformat(value) - timedelta(days=1)).isoformat() if value > date.min.isoformat() else ""
    return (sign, name, value) if value else ("", "", "")


def _site(piece: str) -> bool:
    sign, name, _ = _operator(piece)
    return name == "site" and not sign


def _host(given: str) -> str:
    host = re.sub(r"^https?://", "", given.lower()).partition("/")[0].removeprefix("*.").strip(".")
    return host if len(host) <= _HOST_CHARS and _HOST.fullmatch(host) else ""


def _first_day(given: str) -> str:
    match = _DAY.fullmatch(given)
    if match is None:
        return ""
    try:
        return date(int(match[1]), int(match[2] or 1), int(match[3] or 1)).isoformat()
    except ValueError:
        return ""
