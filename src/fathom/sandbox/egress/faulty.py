"""`FaultyWeb`: seeded faults around any `Web`, of all the kinds that providers have been seen to have.

Each request draws by itself: from the seed, what is asked, and how often it has been asked, so that the draws do not
depend on the order in which concurrent requests arrive.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from fathom.core.errors import ProviderFault
from fathom.core.seeds import stream
from fathom.sandbox.egress.protocol import Web, WebReply, WebRequest

Tamper = Callable[[WebReply, Random], WebReply]

_CAPTCHA = (
    b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Prove that you are human</body></html>"
)
_HTML = {"content-type": "text/html; charset=utf-8"}
_JSON = {"content-type": "application/json"}
_LIMIT = b'{"message": "Too many requests", "error": {"code": 429, "type": "rate_limit"}}'


def _status(status: int, body: bytes = b"", **headers: str) -> Tamper:
    """A reply of another status; underscores in names of headers stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def tamper(reply: WebReply, random: Random) -> WebReply:
        return replace(reply, status=status, body=body, headers={**_HTML, **named})

    return tamper


def _body(body: bytes, headers: dict[str, str]) -> Tamper:
    return lambda reply, random: replace(reply, body=body, headers=headers)


def _half(reply: WebReply, random: Random) -> WebReply:
    return replace(reply, body=reply.body[: max(1, random.randrange(1, max(2, len(reply.body) * 3 // 4)))])


def _noise(reply: WebReply, random: Random) -> WebReply:
    return replace(reply, body=random.randbytes(max(64, len(reply.body) // 2)))


def _picture(reply: WebReply, random: Random) -> WebReply:
    return replace(reply, body=b"\x89PNG\r\n\x1a\n" + random.randbytes(512), headers={"content-type": "image/png"})


def _other_encoding(reply: WebReply, random: Random) -> WebReply:
    return replace(reply, body=reply.body.decode("utf-8", "replace").encode("utf-16-be"))


TAMPERED: dict[str, Tamper] = {
    "rate_limited_with_retry_after": _status(429, _LIMIT, retry_after="1"),
    "rate_limited": _status(429, _LIMIT),
    "rate_limited_by_date": _status(429, _LIMIT, retry_after="Wed, 01 Jan 2020 00:00:00 GMT"),
    "unauthorised": _status(401, b'{"error": "invalid api key"}'),
    "forbidden": _status(403, _CAPTCHA),
    "internal_error": _status(500, b"Internal Server Error"),
    "bad_gateway": _status(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>"),
    "unavailable": _status(503, b"upstream connect error", retry_after="1"),
    "gateway_timeout": _status(504),
    "captcha": _body(_CAPTCHA, _HTML),
    "no_body": _body(b"", _JSON),
    "error_with_status_200": _body(b'{"error": {"code": 500, "message": "backend error"}}', _JSON),
    "other_shape": _body(b'{"data": {"items": []}, "ok": true}', _JSON),
    "nulls": _body(b"null", _JSON),
    "list": _body(b"[1, 2, 3]", _JSON),
    "half": _half,
    "noise": _noise,
    "picture": _picture,
    "other_encoding": _other_encoding,
}
RAISED: dict[str, ProviderFault.Kind] = {
    "refused": "refused",
    "unresolved": "refused",
    "reset": "reset",
    "broke_off": "truncated",
    "slow_drip": "timeout",
    "huge": "oversized",
}
KINDS = (*TAMPERED, *RAISED, "of_another_request", "late")
# Of a page, these would be a page: half of one is told by the length its server sent, and so is raised instead.
_OF_INTERFACES = ("error_with_status_200", "other_shape", "nulls", "list", "half", "noise", "other_encoding",
                  "of_another_request")  # fmt: skip


@dataclass
class Outage:
    """Requests to `host` are refused between two times of the loop's clock."""

    host: str
    begins: float
    ends: float


class FaultyWeb:
    """Wraps any `Web`. `rate` is the share of requests that meet a fault; `kinds` are drawn evenly. `late_s` is how
    long late replies and slow drips take. `met` counts the faults by kind, `refused` those of the outages by host."""

    def __init__(
        self,
        web: Web,
        *,
        rate: float,
        seed: int = 0,
        kinds: tuple[str, ...] = KINDS,
        late_s: float = 0.2,
        outages: tuple[Outage, ...] = (),
    ) -> None:
        if unknown := set(kinds) - set(KINDS):
            raise ValueError(f"no such kinds: {sorted(unknown)}")
        self._web, self._rate, self._seed, self._kinds = web, rate, seed, kinds
        self._late_s, self._outages = late_s, outages
        self._asked: Counter[str] = Counter()
        self._last: dict[str, WebReply] = {}
        self.met: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    async def fetch(self, request: WebRequest) -> WebReply:
        for outage in self._outages:
            if outage.begins <= asyncio.get_running_loop().time() < outage.ends and outage.host in request.url:
                self.refused[outage.host] += 1
                raise ProviderFault("connection refused", kind="refused")
        name = f"{request.method} {request.url} {sorted(request.params.items())} {request.body!r}"
        self._asked[name] += 1
        random = stream(self._seed, "faulty-web", name, self._asked[name])
        if random.random() >= self._rate:
            return await self._web.fetch(request)
        kind = random.choice(self._kinds)
        self.met[kind] += 1
        return await self._met(kind, request, random)

    async def close(self) -> None:
        await self._web.close()

    async def _met(self, kind: str, request: WebRequest, random: Random) -> WebReply:
        if kind in ("late", "slow_drip"):
            await asyncio.sleep(self._late_s)
        if kind in RAISED:
            raise ProviderFault(f"scripted: {kind}", kind=RAISED[kind])
        reply = await self._web.fetch(request)
        if kind in _OF_INTERFACES and "html" in reply.headers.get("content-type", ""):
            raise ProviderFault("scripted: the page broke off", kind="truncated")
        if kind == "of_another_request":
            other = self._last.get(request.method, reply)
            self._last[request.method] = reply
            return other if other.url != reply.url or other.body != reply.body else _half(reply, random)
        return TAMPERED[kind](reply, random) if kind in TAMPERED else reply
