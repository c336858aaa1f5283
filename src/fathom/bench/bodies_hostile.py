"""The replies of `fathom bench bodies`: bombs, lies, endless ones, and markup made to hurt parsers.

A reply is a head and pieces of a body, made as they are sent, so that a reply of any size costs the server nothing.
"""

import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from fathom.bench.bodies_documents import documents

MIB = 2**20
Pieces = Callable[[], Iterable[bytes]]


@dataclass(frozen=True)
class Reply:
    """What is sent: `head` up to the empty line, then the pieces of the body with `pause_s` seconds between."""

    head: bytes
    pieces: Pieces = tuple
    pause_s: float = 0.0


def replies() -> dict[str, Reply]:
    """All of them by name."""
    return {**_packed(), **_protocol(), **_endless(), **_markup(), **_encodings(), **_types(), **_documents()}


def ok(pieces: Pieces, content_type: str = "text/html", *headers: str, length: int | None = None) -> Reply:
    """A reply with status 200, whose body ends with the connection where no length is given."""
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {content_type}", *headers, "Connection: close"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return Reply("\r\n".join([*lines, "", ""]).encode("latin-1"), pieces)


def whole(body: bytes, content_type: str = "text/html", *headers: str) -> Reply:
    """A reply with status 200 and this body."""
    return ok(lambda: [body], content_type, *headers, length=len(body))


def made(make: Callable[[], bytes], content_type: str = "text/html") -> Reply:
    """A reply with status 200, whose body is made when it is sent."""
    return ok(lambda: [make()], content_type)


def _packed() -> dict[str, Reply]:
    def gzip(pieces: Pieces) -> Reply:
        return ok(pieces, "text/html", "Content-Encoding: gzip")

    page = zlib.compress(b"<p>" + b"word " * 2000, 9, wbits=31)
    small, large = zlib.compress(b"", 9, wbits=31), zlib.compress(bytes(MIB), 9, wbits=31)
    return {
        "brotli bomb": ok(_brotli_bomb, "text/html", "Content-Encoding: br"),
        "zstd bomb": ok(_zstd_bomb, "text/html", "Content-Encoding: zstd"),
        "gzip bomb": gzip(_gzip_bomb),
        "gzip bomb without end": gzip(lambda: itertools.chain([_GZIP_HEAD], itertools.repeat(_deflated(MIB)))),
        "gzip bomb of members": gzip(lambda: itertools.repeat(large, 2000)),
        "gzip members without text": gzip(lambda: itertools.repeat(small * 1000, 10_000)),
        "gzip in gzip": ok(lambda: [zlib.compress(large, wbits=31)], "text/html", "Content-Encoding: gzip, gzip"),
        "gzip with a wrong checksum": gzip(lambda: [page[:-8] + bytes(8)]),
        "gzip cut": gzip(lambda: [page[: len(page) // 2]]),
        "gzip that is none": gzip(lambda: [b"<p>no gzip at all</p>"]),
        "gzip with a name without end": gzip(lambda: [b"\x1f\x8b\x08\x08" + bytes(6), *(b"n" * MIB,) * 30]),
        "gzip and a tail": gzip(lambda: [page, b"<p>tail" * 99]),
        "deflate": ok(lambda: [zlib.compress(bytes(MIB))], "text/html", "Content-Encoding: deflate"),
        "unknown encoding": ok(lambda: [page], "text/html", "Content-Encoding: x-own"),
        "brotli that says gzip": gzip(_brotli_bomb),
    }


_GZIP_HEAD = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x02\xff"


def _deflated(size: int) -> bytes:
    """Zeros, deflated so that such blocks can be put one behind another."""
    machine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return machine.compress(bytes(size)) + machine.flush(zlib.Z_FULL_FLUSH)


def _gzip_bomb() -> Iterator[bytes]:
    """2,000 MB of zeros."""
    yield _GZIP_HEAD
    block = _deflated(MIB)
    for _ in range(2000):
        yield block


def _brotli_bomb() -> Iterator[bytes]:
    """2 GiB of zeros in 1.6 kB: of what the reference encoder makes of them, every 128 MiB read the same."""
    yield bytes.fromhex("cfffff7f002400e2b14072")
    for _ in range(16):
        yield bytes.fromhex(
            "effff9ffff0f8004401c1680eefd3fffffff01900088c302d0bdffe7ffff3f001200715800baf7fffcffff074002200e0b40f7fe9f"
            "ffffff004800c46101e8defff3ffff1f000980382c00ddfb7ffeffff032001108705a07bffcfffff7f002400e2b00074"
        )


def _zstd_bomb() -> Iterator[bytes]:
    import zstandard

    machine = zstandard.ZstdCompressor(level=1).compressobj()
    for _ in range(256):
        yield machine.compress(bytes(8 * MIB))
    yield machine.flush()


def _protocol() -> dict[str, Reply]:
    page = b"<p>" + b"word " * 200
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
    return {
        "length too small": ok(lambda: [page * 100], length=50),
        "length too large": ok(lambda: [page], length=99_999),
        "length of an exabyte": ok(lambda: [page], length=10**18),
        "two lengths": Reply(head + b"Content-Length: 5\r\nContent-Length: 600\r\n\r\n", lambda: [page]),
        "negative length": Reply(head + b"Content-Length: -1\r\n\r\n", lambda: [page]),
        "length and chunks": Reply(head + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", lambda: [page]),
        "chunks that are none": Reply(chunked, lambda: [b"zz\r\n", page]),
        "chunk of an exabyte": Reply(chunked, lambda: [b"FFFFFFFFFFFFFFFF\r\n", page]),
        "chunks cut": Reply(chunked, lambda: [b"400\r\n", page]),
        "chunk with a name without end": Reply(chunked, lambda: [b"5;", *(b"x" * MIB,) * 30]),
        "no HTTP": Reply(b"SSH-2.0-OpenSSH_9.2\r\n"),
        "nothing": Reply(b""),
        "half a head": Reply(b"HTTP/1.1 200 OK\r\nContent-"),
        "body without a head": Reply(b"", lambda: [page]),
        "control characters in the head": Reply(b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n", lambda: [page]),
        "redirects in a circle": Reply(b"HTTP/1.1 302 x\r\nLocation: ?\r\nContent-Length: 0\r\n\r\n"),
        "redirect to a file": Reply(b"HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"),
        "redirect with a long address": Reply(b"HTTP/1.1 302 x\r\nLocation: /" + b"a" * 60_000 + b"\r\n\r\n"),
        "status 999": Reply(b"HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n"),
        "switching protocols": Reply(b"HTTP/1.1 101 x\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", lambda: [page]),
    }


def _endless() -> dict[str, Reply]:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
    forever = itertools.repeat
    drip = ok(lambda: forever(b"x")).head
    return {
        "body without end": ok(lambda: forever(b"a" * 65536)),
        "tiny chunks without end": Reply(chunked, lambda: forever(b"1\r\nx\r\n" * 5000)),
        "headers without end": Reply(head, lambda: forever(b"X-More: " + b"y" * 900 + b"\r\n")),
        "one header without end": Reply(head, lambda: forever(b"y" * 65536)),
        "patience without end": Reply(b"", lambda: forever(b"HTTP/1.1 100 Continue\r\n\r\n" * 500)),
        "slow body": Reply(drip, lambda: forever(b"x"), 0.2),
        "slow head": Reply(b"HTTP/1.1 200 OK\r\n", lambda: forever(b"X: y\r\n"), 0.2),
        "slow chunks": Reply(chunked, lambda: forever(b"1\r\nx\r\n"), 0.2),
        "no reply": Reply(b"", lambda: forever(b""), 0.2),
        "head and no body": Reply(drip, lambda: forever(b""), 0.2),
    }


def _markup() -> dict[str, Reply]:
    bodies: dict[str, Callable[[], bytes]] = {
        "nested div": lambda: b"<div>" * 200_000,
        "nested div, more": lambda: b"<div>" * 1_900_000,
        "nested of many names": lambda: b"".join(b"<x%d>" % number for number in range(200_000)),
        "nested inline": lambda: b"<b><i><u><em>" * 50_000,
        "nested tables": lambda: b"<table><tr><td>" * 60_000,
        "nested lists": lambda: b"<ul><li>" * 100_000,
        "nested svg": lambda: b"<svg><g>" * 100_000,
        "nested select": lambda: b"<select><option>" * 100_000,
        "nested template": lambda: b"<template>" * 200_000,
        "formatting misnested": lambda: b"<a><b><p></a></b>" * 40_000,
        "unclosed a, b, table": lambda: b"<a href=x><b><table>" * 100_000,
        "paragraphs": lambda: b"<p>x" * 2_000_000,
        "large attribute": lambda: b"<p title='" + b"a" * 9_900_000 + b"'>x",
        "attribute of 20 MB": lambda: b"<p title='" + b"a" * 20_000_000 + b"'>x",
        "many attributes": lambda: b"<p " + b"".join(b"a%d=1 " % number for number in range(400_000)) + b">x",
        "entities": lambda: b"<p>" + b"&amp;&lt;&notin;&#x1F600;" * 380_000,
        "entity without end": lambda: b"<p>&" + b"a" * 9_000_000,
        "angle brackets": lambda: b"<" * 9_000_000,
        "comment without end": lambda: b"<p>x<!--" + b"-" * 9_000_000,
        "comments begun": lambda: b"<!-" * 3_000_000,
        "declarations begun": lambda: b"<![" * 3_000_000,
        "script without end": lambda: b"<p>x<script>" + b"</scrip" * 1_200_000,
        "links": lambda: b"<a href=/x>y</a> " * 550_000,
        "long link": lambda: b"<a href='/" + b"x" * 9_000_000 + b"'>y</a> text",
        "long title": lambda: b"<title>" + b"t" * 9_000_000 + b"</title><p>x",
        "style to backtrack on": lambda: b"<p style='" + b"display  " * 1_000_000 + b"'>x",
        "blanks": lambda: b"<p>x" + b" \n\t" * 3_200_000 + b"y",
        "preformatted": lambda: b"<pre>" + b"\n" * 9_000_000 + b"x",
        "classes": lambda: b"<p class='" + b"navbox " * 1_300_000 + b"'>x",
        "frames": lambda: b"<frameset>" * 500_000,
    }
    return {f"markup: {name}": made(make) for name, make in bodies.items()}


def _encodings() -> dict[str, Reply]:
    text = b"<title>t</title><p>caf\xe9 \xff\xfe text that goes on for a while</p>"
    kinds = {
        "unknown": "text/html; charset=no-such-thing",
        "utf-7": "text/html; charset=utf-7",
        "punycode": "text/html; charset=punycode",
        "a codec of Python": "text/html; charset=unicode_escape",
        "utf-16": "text/html; charset=utf-16",
        "utf-32": "text/html; charset=utf-32-le",
        "of 10 kB": "text/html; charset=" + "x" * 10_000,
        "of control": 'text/html; charset="\xad\xad"',
    }
    hidden = "<p>seen\u202eturned\u200b" + "\U000e0041" * 100_000 + "</p>"
    return {
        **{f"charset {name}": whole(text, kind) for name, kind in kinds.items()},
        "charset twice": whole(b"<meta charset=utf-7><meta charset=x>" + text),
        "wide characters cut": whole("<p>text</p>".encode("utf-16")[:-1]),
        "overlong letters": whole(b"<p>" + b"\xc0\xaf\xed\xa0\x80\xf8\x88\x80\x80\x80" * 100_000),
        "invisible characters": whole(hidden.encode()),
        "zero bytes": made(lambda: bytes(9_000_000)),
        "noise": made(lambda: bytes(number * 7919 % 256 for number in range(256)) * 30_000),
    }


def _types() -> dict[str, Reply]:
    png = b"\x89PNG\r\n\x1a\n" + b"\0" * 999
    return {
        "picture": whole(png, "image/png"),
        "picture as html": whole(png),
        "program as text": whole(b"\x7fELF\x02\x01\x01" + bytes(9999), "text/plain"),
        "film": ok(lambda: itertools.repeat(b"\x00\x00\x00\x18ftypmp42" * 5000), "video/mp4"),
        "nested JSON": made(lambda: b"[" * 9_000_000, "application/json"),
        "billion laughs": whole(_LAUGHS, "application/xml"),
        "external entity": whole(b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "text/xml"),
        "type of 60 kB": whole(b"<p>text", "text/" + "x" * 60_000),
        "no type": Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", lambda: [b"<p>text"]),
        "no body": whole(b""),
    }


_LAUGHS = (
    b"<!DOCTYPE a [<!ENTITY l0 'lol'>"
    + b"".join(b"<!ENTITY l%d '%s'>" % (n + 1, b"&l%d;" % n * 10) for n in range(12))
    + b"]><a>&l12;</a>"
)


def _documents() -> dict[str, Reply]:
    return {name: made(make, "text/html" if "as html" in name else kind) for name, (kind, make) in documents().items()}
