"""Bodies of replies: read and unpacked piece by piece, and never beyond their limits.

A brotli body of 1.6 kB unpacks to 2 GB in one piece, before any check of its length; gzip can be unpacked in bounded
pieces, so gzip is all that is asked for and all that is taken.
"""

import asyncio
import zlib
from collections.abc import AsyncIterable, Iterator

from fathom.core.errors import ProviderFault

_PIECE = 2**16
_RATIO, _FREE_BYTES = 300, 2**20  # text packs 3 to 20 times; what is unpacked before the ratio counts
_MAX_MEMBERS = 64
_PAUSE_AFTER, _MAX_CRUMBS, _CRUMB_BYTES = 128, 4096, 16


async def read_body(chunks: AsyncIterable[bytes], encoding: str, max_bytes: int) -> bytes:
    """The unpacked body. `encoding` is the content-encoding header. Raises `ProviderFault`: `oversized` beyond
    `max_bytes`, packed or unpacked, or where it unpacks beyond all measure; `garbage` for another encoding than gzip,
    for damage, and for a body in crumbs; `truncated` where the packed stream has no end."""
    gunzip = _Gunzip() if _is_gzip(encoding) else None
    body, packed, count = bytearray(), 0, 0
    async for chunk in chunks:
        packed, count = packed + len(chunk), count + 1
        if packed > max_bytes:
            raise _too_large(max_bytes)
        if count % _PAUSE_AFTER == 0:
            # Chunks that came in one packet are handed out without a pause, and each costs as much as a large one.
            if count >= _MAX_CRUMBS and packed < count * _CRUMB_BYTES:
                raise ProviderFault("the reply comes in crumbs", kind="garbage")
            await asyncio.sleep(0)
        for piece in gunzip.feed(chunk) if gunzip else (chunk,):
            body += piece
            if len(body) > max_bytes:
                raise _too_large(max_bytes)
            if len(body) > _FREE_BYTES + _RATIO * packed:
                raise ProviderFault(f"the reply unpacks to more than {_RATIO} times its size", kind="oversized")
    if gunzip and packed and not gunzip.whole:
        raise ProviderFault("the packed reply breaks off", kind="truncated")
    return bytes(body)


def _too_large(max_bytes: int) -> ProviderFault:
    return ProviderFault(f"the reply is larger than {max_bytes} bytes", kind="oversized")


def _is_gzip(encoding: str) -> bool:
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise ProviderFault("the reply is packed in a way that was not asked for", kind="garbage")
    return encoding.endswith("gzip")


class _Gunzip:
    """Unpacks in pieces of bounded size, members one after another."""

    def __init__(self) -> None:
        self._members = 0
        self._open: zlib._Decompress | None = None

    @property
    def whole(self) -> bool:
        """Whether what came so far ends where a member ends."""
        return self._open is None

    def feed(self, data: bytes) -> Iterator[bytes]:
        more = bool(data)
        while more:
            if self._open is None:
                if not data.strip(b"\0"):  # some servers pad the end
                    return
                self._members += 1
                if self._members > _MAX_MEMBERS:
                    raise ProviderFault("the packed reply has too many members", kind="garbage")
                self._open = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            try:
                piece = self._open.decompress(data, _PIECE)
            except zlib.error:
                raise ProviderFault("the packed reply is damaged", kind="garbage") from None
            data = self._open.unused_data if self._open.eof else self._open.unconsumed_tail
            # A full piece may leave a rest behind even where all of the data is taken.
            more = bool(data) or (len(piece) == _PIECE and not self._open.eof)
            if self._open.eof:
                self._open = None
            if piece:
                yield piece
