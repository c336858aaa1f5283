"""Bytes of a file, unpacked where it is gzip, bzip2 or xz, in bounded memory and bounded work.

Decompressors are driven in steps of at most 1 MiB of output, so a bomb costs no memory, and the ratio of output to
input is capped, so it costs little time. All that could be unpacked before a damage is handed out before the
damage is told. Offsets are places in the file on disk: exact in a plain file; in a packed one, how far the decompressor
had read, which is at most one block of input (64 KiB) behind the damage or before the record in question.
"""

import bz2
import lzma
import zlib
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from fathom.core.errors import InputError
from fathom.corpus.ingest.source import Source

_BLOCK, _STEP = 2**16, 2**20
_XZ_MEMORY = 2**28  # xz -9 needs 65 MB; what asks for more is built to exhaust memory


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib's decompressor with the manners of bz2's and lzma's."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


def _decompressor(head: bytes) -> _Decompressor | None:
    if head.startswith(b"\x1f\x8b\x08"):
        return _Gzip()
    if head.startswith(b"BZh"):
        return bz2.BZ2Decompressor()
    if head.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    return None


def is_packed(head: bytes) -> bool:
    """Whether a file that begins with `head` is one that `Stream` unpacks."""
    return _decompressor(head) is not None


class Stream:
    """A file opened for reading from its begin to its end. `packed` tells whether it is being unpacked."""

    def __init__(self, source: Source) -> None:
        self._source = source
        try:
            self._file = source.path.open("rb")
        except OSError as error:
            raise unreadable(source, error) from None
        self._read_bytes = self._unpacked = self._taken = 0
        self._buffer = bytearray()
        self._failure: InputError | None = None
        self._ended = False
        first = self._block()
        self._machine = _decompressor(first)
        self.packed = self._machine is not None
        self._pending = first
        if not first:
            self._ended = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()

    @property
    def position(self) -> int:
        """How far the file on disk was read for what has been taken so far; exact where it is not packed."""
        return self._read_bytes if self.packed else self._taken

    def peek(self, size: int) -> bytes:
        """Up to `size` bytes from here on, without taking them and without telling of damage."""
        while len(self._buffer) < size and self._more():
            pass
        return bytes(self._buffer[:size])

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end. Raises `InputError` where the file is damaged."""
        if not self._buffer and not self._more() and self._failure:
            raise self._failure
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._taken += len(taken)
        return taken

    def head(self, limit: int) -> tuple[bytes, InputError | None]:
        """Up to `limit` bytes from here on, and why they are not all of the file, where they are not."""
        parts: list[bytes] = []
        size = 0
        try:
            while size <= limit and (block := self.read(min(_BLOCK, limit + 1 - size))):
                parts.append(block)
                size += len(block)
        except InputError as error:
            return b"".join(parts), error
        whole = b"".join(parts)
        if size <= limit:
            return whole, None
        reason = f"longer than {limit} bytes; the begin was kept"
        return whole[:limit], self._source.error("oversized", reason, self.position, "raise document_bytes")

    def lines(self, limit: int) -> Iterator[tuple[int, bytes | None]]:
        """Each line with its newline and the position of its begin; None for one longer than `limit` bytes, which is
        not held. Raises `InputError` where the file is damaged; a line that the damage cuts is left out."""
        parts: list[bytes] = []
        length, begin = 0, self.position
        while True:
            block = self.read(_BLOCK)
            if not block:
                if length:
                    yield begin, b"".join(parts) if length <= limit else None
                return
            at = self._taken - len(block)
            start = 0
            while (end := block.find(b"\n", start) + 1) > 0:
                length += end - start
                parts.append(block[start:end])
                yield begin, b"".join(parts) if length <= limit else None
                parts, length, start = [], 0, end
                begin = self._read_bytes if self.packed else at + end
            if start < len(block):
                length += len(block) - start
                if length <= limit:
                    parts.append(block[start:])
                else:
                    parts = []

    def _more(self) -> bool:
        """Fill the buffer by a step; False at the end or at damage."""
        if self._ended:
            return False
        try:
            data = self._unpack() if self._machine else self._plain()
        except InputError as error:
            self._failure, self._ended = error, True
            return False
        if not data:
            self._ended = True
            return False
        self._buffer += data
        return True

    def _plain(self) -> bytes:
        data, self._pending = self._pending, b""
        return data or self._block()

    def _block(self) -> bytes:
        try:
            data = self._file.read(_BLOCK)
        except OSError as error:
            raise unreadable(self._source, error) from None
        self._read_bytes += len(data)
        return data

    def _unpack(self) -> bytes:
        while True:
            machine = self._machine
            if machine is None:
                return b""
            if machine.eof:
                self._next_member(machine)
                continue
            data = b""
            if machine.needs_input:
                data, self._pending = self._pending or self._block(), b""
                if not data:
                    raise self._source.error("truncated", "the packed data end early", self._read_bytes)
            try:
                found = machine.decompress(data, _STEP)
            except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
                raise self._source.error("corrupt", f"cannot be unpacked ({error})", self._read_bytes) from None
            self._unpacked += len(found)
            self._check_ratio()
            if found:
                return found

    def _next_member(self, machine: _Decompressor) -> None:
        """Go on with the next packed part; files may be several laid end to end, padded with zeros."""
        rest = (machine.unused_data or self._block()).lstrip(b"\0")
        while not rest:
            block = self._block()
            if not block:
                self._machine = None
                return
            rest = block.lstrip(b"\0")
        rest += self._block() if len(rest) < 6 else b""
        self._machine = _decompressor(rest)
        self._pending = rest
        if self._machine is None:
            raise self._source.error("corrupt", "something else follows the packed data", self._read_bytes)

    def _check_ratio(self) -> None:
        options = self._source.options
        allowed = options.unpack_free_bytes + options.unpack_ratio * self._read_bytes
        if self._unpacked > allowed:
            reason = f"unpacks to more than {options.unpack_ratio} times its size"
            raise self._source.error("oversized", reason, self._read_bytes, "raise unpack_ratio if it is what you want")


def unreadable(source: Source, error: OSError) -> InputError:
    """What the operating system said, as an `InputError`."""
    kind: InputError.Kind = "missing" if isinstance(error, FileNotFoundError) else "unsupported"
    return source.error(kind, error.strerror or type(error).__name__)
