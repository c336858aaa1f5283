"""The server of `fathom bench bodies`, in a process of its own, so that what it sends is no memory of the reader's.

Each site has a port on the loopback address: the first one the pages and hostile bodies, the others a page behind a
robots.txt of the hostile kind.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from fathom.bench.bodies_hostile import Reply, ok, replies, whole

PAGE = b"<title>A page</title><p>" + b"Ordinary text. " * 20


def serve(pages: str) -> None:
    """Serve until standard input ends. `pages` is a JSON file with the paths of the pages. Prints one line of JSON: the
    ports, and the names of the hostile bodies and of the sites."""
    asyncio.run(_serve(json.loads(Path(pages).read_text(encoding="utf-8"))))


async def _serve(pages: list[str]) -> None:
    hostile, robots = replies(), _robots()
    sites = [_Site(hostile, pages, whole(b"", "text/plain"))]
    sites += [_Site({"": whole(PAGE)}, [], reply) for reply in robots.values()]
    servers = [await asyncio.start_server(site.answer, "127.0.0.1", 0) for site in sites]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    sys.stdout.write(json.dumps({"ports": ports, "bodies": list(hostile), "robots": list(robots)}) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


def _robots() -> dict[str, Reply]:
    names = "".join(f"User-agent: a{number}\n" for number in range(2000))
    rules = "".join(f"Disallow: /{number}\n" for number in range(2000))
    return {
        "robots of many names and rules": whole((names + rules).encode(), "text/plain"),
        "robots of many stars": whole(b"User-agent: *\nDisallow: /" + b"*a" * 200_000, "text/plain"),
        "robots without end": ok(lambda: iter(lambda: b"Disallow: /x\n" * 5000, b""), "text/plain"),
        "robots of noise": whole(bytes(range(256)) * 900, "text/plain"),
        "robots that are down": Reply(b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n"),
        "robots in a circle": Reply(b"HTTP/1.1 301 x\r\nLocation: /robots.txt\r\nContent-Length: 0\r\n\r\n"),
    }


class _Site:
    def __init__(self, hostile: dict[str, Reply], pages: list[str], robots: Reply) -> None:
        self._hostile, self._pages, self._robots = hostile, pages, robots

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of one connection; whatever becomes of it, the connection is closed."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            reply = self._reply(unquote(head.split(b" ", 2)[1].decode("ascii")).partition("?")[0])
            writer.write(reply.head)
            for piece in reply.pieces():
                for part in _parts(piece):
                    writer.write(part)
                    await writer.drain()
                if reply.pause_s:
                    await asyncio.sleep(reply.pause_s)
                if writer.is_closing():
                    break
        writer.close()

    def _reply(self, path: str) -> Reply:
        kind, _, name = path.strip("/").partition("/")
        if path == "/robots.txt":
            return self._robots
        if kind == "page" and name:
            return whole(Path(self._pages[int(name)]).read_bytes())
        return self._hostile[name]


def _parts(piece: bytes) -> Iterator[bytes]:
    return (piece[start : start + 2**18] for start in range(0, len(piece) or 1, 2**18))
