"""From the text of an address to the one thing it means, or a refusal.

Addresses come from models, pages and redirects, and much of what is written to get past a check lives on two readers
understanding one text in two ways. So the text is read once, strictly, and requests are made of what was read, never
of the text: a scheme, a host in its one usual form, a port, a path. What browsers mend is refused where it concerns
the host: addresses as one number, in octal or hex, short or with escapes, logins, backslashes, control characters.

Reference: RFC 3986; WHATWG URL Standard, host parsing; UTS 46.
"""

import ipaddress
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urljoin

from fathom.core.errors import AccessDeniedError
from fathom.sandbox.egress.addresses import Address, is_public, permitted, port_permitted
from fathom.sandbox.egress.protocol import Scope

MAX_URL_CHARS = 8192
_MAX_HOST_CHARS = 253
_DEFAULT_PORTS = {"http": 80, "https": 443}
# ASCII: else "ſ" and "K" would pass for s and k.
_URL = re.compile(r"(https?)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.IGNORECASE | re.DOTALL | re.ASCII)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]@]*)(?::([0-9]{0,5}))?", re.ASCII)
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_DOT, _TWO_DOTS = re.compile(r"\.|%2e", re.IGNORECASE), re.compile(r"(\.|%2e){2}", re.IGNORECASE)
_PATH_SAFE, _QUERY_SAFE = "/%:@!$&'()*+,;=~|[]^", "/%:@!$&'()*+,;=~|[]^?{}`\\"
_OWN = frozenset("localhost localdomain local internal home.arpa".split())
# Names that never are of the public internet (RFC 6761, 6762, 7686, 8375, 9476): name servers are not even asked.
_INSIDE = _OWN | frozenset("onion test invalid alt".split())


@dataclass(frozen=True)
class Target:
    """Where a request goes. `host` is a name in ASCII and lower case, or an address as `ipaddress` writes it, which is
    then in `address` too; `path` begins with a slash and includes the query, in ASCII."""

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None = None

    @property
    def origin(self) -> str:
        """`scheme://host`, with the port where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}")

    @property
    def url(self) -> str:
        return self.origin + self.path


def target_of(url: str, scope: Scope, params: Mapping[str, str] | None = None) -> Target:
    """What `url` means, with `params` added to its query. Total: raises `AccessDeniedError` for every text that is no
    web address in its usual form, and for hosts and ports outside of `scope` as far as the text tells."""
    if len(url) > MAX_URL_CHARS:
        raise _denied(f"it is longer than {MAX_URL_CHARS} characters")
    found = _URL.fullmatch(url)
    if found is None or _FORBIDDEN.search(url):
        raise _denied("it is not of the form http://host/path or https://host/path")
    scheme, authority, path, query = found[1].lower(), found[2], found[3], found[4]
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None or "\\" in path:
        raise _denied("its host, port or path is not written in the usual form")
    host, address = _host(parts[1], scope)
    port = int(parts[2]) if parts[2] else _DEFAULT_PORTS[scheme]
    if not port_permitted(port, scope):
        raise _denied(f"port {port} is not one that may be contacted")
    target = quote(_without_dots(path), safe=_PATH_SAFE)
    asked = "&".join(part for part in (quote(query or "", safe=_QUERY_SAFE), urlencode(params or {})) if part)
    return Target(scheme, host, port, f"{target}?{asked}" if asked else target, address)


def is_own(url: str) -> bool:
    """Whether the text of an address alone tells that it is of this machine or a private network: a network address
    that is not public, or a name kept for such use. Other names, those without a dot among them, may lead anywhere."""
    try:
        target = target_of(url, "private")
    except AccessDeniedError:
        return False
    return _ends_in(target.host, _OWN) if target.address is None else not is_public(target.address)


def join(base: str, location: str) -> str:
    """The address that `location`, sent by the server of `base`, leads to; still to be read by `target_of`. Raises
    `AccessDeniedError` for what leads nowhere."""
    # urljoin takes control characters out without a word; here they are refused.
    if len(location) <= MAX_URL_CHARS and not _FORBIDDEN.search(location):
        with suppress(ValueError):
            return urljoin(base, location)
    raise _denied("it leads to what is no web address")


def _denied(why: str) -> AccessDeniedError:
    return AccessDeniedError(f"this address may not be opened: {why}")


def _host(text: str, scope: Scope) -> tuple[str, Address | None]:
    """The host in its usual form, with its address where it is one."""
    name = text if text.isascii() else _mapped(text)
    address: Address | None = None
    try:
        if name.startswith("["):
            if "%" in name:  # a zone is of this machine
                raise ValueError(name)
            address = ipaddress.IPv6Address(name[1:-1])
        elif _NUMBER.fullmatch(name.lower().removesuffix(".").rpartition(".")[2]):
            address = ipaddress.IPv4Address(name)
    except ValueError:
        raise _denied("its host is an address that is not written in the usual form") from None
    if address is not None:
        if not permitted(address, scope):
            raise _denied("its host is not on the public internet, or is one that is never contacted")
        return str(address), address
    name = name.lower().removesuffix(".")
    if len(name) > _MAX_HOST_CHARS or not _NAME.fullmatch(name):
        raise _denied("its host is no name of a server")
    if scope == "offline" or (scope == "public" and _is_inside(name)):
        raise _denied("its host is not on the public internet" if scope == "public" else "there is no network")
    return name, None


def _mapped(text: str) -> str:
    """A host with other letters than ASCII as name servers know it: full-width digits become digits, others xn--."""
    import idna

    if len(text) <= _MAX_HOST_CHARS:
        with suppress(ValueError):  # of which idna's errors are a kind
            return idna.encode(text, uts46=True, std3_rules=True).decode("ascii")
    raise _denied("its host is no name of a server")


def _is_inside(name: str) -> bool:
    return "." not in name or _ends_in(name, _INSIDE)


def _ends_in(name: str, suffixes: frozenset[str]) -> bool:
    return any(f".{name}".endswith(f".{suffix}") for suffix in suffixes)


def _without_dots(path: str) -> str:
    """The path with `.` and `..` carried out, also where they are escaped; it begins with a slash."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for number, segment in enumerate(segments, 1):
        up, here = _TWO_DOTS.fullmatch(segment), _DOT.fullmatch(segment)
        if up and kept:
            kept.pop()
        if (up or here) and number == len(segments):
            kept.append("")
        elif not (up or here):
            kept.append(segment)
    return "/" + "/".join(kept)
