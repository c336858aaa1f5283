"""Web addresses of hits: whose they are, and when two of them lead to one page.

`canonical_url` is a key to compare by and never to open: scheme, `www`, mobile and AMP forms, tracking parameters, the
order of parameters, fragments and trailing slashes do not tell pages apart.
"""

import re
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit

_TRACKING = re.compile(
    r"utm_\w+|mtm_\w+|pk_(?:campaign|kwd|source|medium)|hsa_\w+|at_(?:medium|campaign)\w*|_(?:ga|gl|hsenc|hsmi|openstat)"
    r"|(?:g|fb|d|tw|tt|y)clid|[gw]braid|msclkid|li_fat_id|gclsrc|srsltid|mc_[ce]id|mkt_tok|igshid|igsh|spm|scm|vero_id"
    r"|oly_(?:anon|enc)_id|ref_src|ref_url|cmpid|ncid|s_cid|guccounter|guce_referrer(?:_sig)?|amp|outputtype",
    re.IGNORECASE,
)
_LEADING = re.compile(r"^(?:(?:www\d?|m|mobile|amp)\.)+(?=[^.]+\.)")
_MOBILE_INSIDE = re.compile(r"^([a-z]{2,3}(?:-[a-z]+)?)\.m\.(?=[^.]+\.)")  # en.m.wikipedia.org
_AMP_PATH = re.compile(r"(?:/amp|\.amp)+$|(?:\.amp)+(?=\.html$)|^(?:/amp)+(?=/)")
_GOOGLE_AMP = re.compile(r"google\.[a-z.]+/amp/(?:s/)?(.+)")
_AMP_CACHE = re.compile(r"[\w-]+\.cdn\.ampproject\.org/[cv]/(?:s/)?(.+)")
_ARCHIVED = re.compile(r"https?://web\.archive\.org/web/\d{4,14}(?:[a-z]{2}_)?/(?:(?:https?:)?//)?([^/?#]+)")
_HOST_CHARS = 253
_SLASHES = re.compile("/{2,}")
_UNRESERVED = "-._~!$'()*,;:@/"


def is_page(url: str) -> bool:
    """Whether `url` is an http address with a host and without a login, short enough to be one that people link."""
    if len(url) > 2048 or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


def host_of(url: str) -> str:
    """The host in lower case and in ASCII, without what stands for the same site (`www.`, `m.`); empty where there is
    none."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
        if not host.isascii() and len(host) <= _HOST_CHARS:
            host = host.encode("idna").decode()
    except ValueError:
        return ""
    host = _LEADING.sub("", host)
    return _MOBILE_INSIDE.sub(r"\1.", host)


def in_domain(url: str, domain: str) -> bool:
    """Whether `url` is of `domain` or a subdomain of it. An archived copy is of its original's domain too."""
    hosts = [host_of(url)]
    if archived := _ARCHIVED.match(url):
        hosts.append(host_of(f"http://{archived[1]}"))
    wanted = host_of(f"http://{domain}")
    return any(host == wanted or host.endswith(f".{wanted}") for host in hosts) if wanted else False


def canonical_url(url: str) -> str:
    """One key for all the addresses of a page that can be told by their form. Total and idempotent; what is no web
    address is its own key."""
    clean = url.encode("utf-8", "replace").decode()
    while True:
        host = host_of(clean)
        if not host or not clean.lower().startswith(("http://", "https://")):
            return url
        try:
            parts = urlsplit(clean)
            port = parts.port
        except ValueError:
            return url
        path = _normal(parts.path).rstrip("/")
        cached = _GOOGLE_AMP.fullmatch(host + path)
        if cached is None:
            while (shorter := _AMP_PATH.sub("", path).rstrip("/")) != path:
                path = shorter
            cached = _AMP_CACHE.fullmatch(host + path)
        if cached is None:
            break
        clean = f"https://{cached[1]}" + (f"?{parts.query}" if parts.query else "")
    fields = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode(sorted((key, value) for key, value in fields if not _TRACKING.fullmatch(key)))
    fragment = parts.fragment if parts.fragment.startswith("!") else ""  # pages of scripted sites
    place = f"[{host}]" if ":" in host else host
    place = place if port in (None, 80, 443) else f"{place}:{port}"
    return f"https://{place}{path}" + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")


def _normal(path: str) -> str:
    """`path` with every character escaped that must be and no other, and with single slashes."""
    return _SLASHES.sub("/", quote(unquote_to_bytes(path), safe=_UNRESERVED))
