"""The ZIM file format: header, directory and clusters, read in place without loading the file.

All numbers are little-endian. Whatever a file claims is checked against its size before it is believed: pointers,
counts and lengths of a hostile file cost nothing but an `InputError` with the offset of the claim.

Reference: openzim.org/wiki/ZIM_file_format, versions 5 and 6 (old namespaces, and new ones since 6.1).
"""

import lzma
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from fathom.core.errors import InputError
from fathom.corpus.ingest.source import Source

_HEADER = struct.Struct("<IHH16sIIQQQQIIQ")
_MAGIC = b"ZIM\x04"
_REDIRECT, _LINK_TARGET, _DELETED = 0xFFFF, 0xFFFE, 0xFFFD
_NONE, _PLAIN, _XZ, _ZSTD = 0, 1, 4, 5
_EXTENDED = 0x10
_WINDOW = 2**14
_POINTERS = 2**12
_LONGEST_ENTRY = 2**12  # path and title; longer ones are no titles
_MIME_BYTES = 2**16
_STEP = 2**16
_ZSTD_STEP = 2**10  # the most that 1 KiB can unpack to is 32 MiB: 128 KiB for each block of 4 bytes
_MEMORY = 2**27  # window of a decompressor; Kiwix' largest is 8 MiB


@dataclass(frozen=True)
class Entry:
    """A directory entry: content in a blob of a cluster, or a redirect to the entry of another index."""

    index: int
    offset: int
    space: str
    path: str
    title: str
    mime: str = ""
    cluster: int = -1
    blob: int = -1
    redirect: int = -1


class Archive:
    """An open ZIM file."""

    def __init__(self, source: Source, file: BinaryIO) -> None:
        self._source, self._file = source, file
        self.size = os.fstat(file.fileno()).st_size
        self._window, self._window_at = b"", 0
        self._pointers: tuple[int, ...] = ()
        self._pointers_at = -1
        if self.read_at(0, 4) != _MAGIC:
            raise source.error("corrupt", "it does not begin as a ZIM file", 0)
        head = self._read(0, _HEADER.size)
        fields = _HEADER.unpack(head)
        _, major, minor, _, self.entries, self.clusters, self._urls, _, self._cluster_list, mimes, _, _, check = fields
        if major not in (5, 6):
            raise source.error("unsupported", f"ZIM format {major}.{minor}; 5 and 6 can be read", 4)
        self.new_namespaces = major == 6 and minor >= 1
        if check and check + 16 > self.size:
            self.cut: InputError | None = source.error(
                "truncated", f"{self.size} bytes of {check + 16}", self.size, _split_hint(source.name)
            )
        else:
            self.cut = None
        self._table(self._urls, self.entries, "directory", 32)
        self._table(self._cluster_list, self.clusters, "cluster", 48)
        self._mimes = self._mime_list(mimes)

    def _table(self, position: int, count: int, name: str, field: int) -> None:
        if position < _HEADER.size or position + 8 * count > self.size:
            kind: InputError.Kind = "truncated" if self.cut else "corrupt"
            reason = f"the {name} list of {count} pointers is to be at byte {position} of {self.size}"
            raise self._source.error(kind, reason, self.size if self.cut else field, _split_hint(self._source.name))

    def _mime_list(self, position: int) -> list[str]:
        if not _HEADER.size <= position < self.size:
            raise self._source.error("corrupt", f"the list of types is to be at byte {position}", 56)
        data = self._read(position, min(_MIME_BYTES, self.size - position))
        listed = data.split(b"\0\0", 1)[0] if b"\0\0" in data else b""
        return [name.decode("utf-8", "replace").lower() for name in listed.split(b"\0")]

    def entry(self, index: int) -> Entry:
        """The directory entry at `index` of the list in order of paths. Raises `InputError`."""
        if not 0 <= index < self.entries:
            raise self._source.error("corrupt", f"an entry {index} of {self.entries}", self._urls)
        where = self._urls + 8 * index
        offset = self._pointer(index)
        if not _HEADER.size <= offset <= self.size - 12:
            raise self._source.error("corrupt", f"entry {index} is to be at byte {offset} of {self.size}", where)
        data = self._peek(offset, _LONGEST_ENTRY)
        mime, _, space = struct.unpack_from("<HBc", data)
        if mime in (_LINK_TARGET, _DELETED):
            start, cluster, blob, redirect = 8, -1, -1, -1
        elif mime == _REDIRECT:
            start, cluster, blob = 12, -1, -1
            (redirect,) = struct.unpack_from("<I", data, 8)
        else:
            start, redirect = 16, -1
            if len(data) < start:
                raise self._source.error("corrupt", f"entry {index} is cut", offset)
            cluster, blob = struct.unpack_from("<II", data, 8)
            if mime >= len(self._mimes):
                raise self._source.error("corrupt", f"entry {index} has type {mime} of {len(self._mimes)}", offset)
        texts = data[start:].split(b"\0", 2)
        if len(texts) < 3:
            raise self._source.error("corrupt", f"entry {index} does not end", offset)
        path, title = (text.decode("utf-8", "replace") for text in texts[:2])
        kind = self._mimes[mime] if cluster >= 0 else ""
        return Entry(index, offset, space.decode("latin-1"), path, title or path, kind, cluster, blob, redirect)

    def _pointer(self, index: int) -> int:
        first = index - index % _POINTERS
        if self._pointers_at != first:
            count = min(_POINTERS, self.entries - first)
            self._pointers = struct.unpack(f"<{count}Q", self._read(self._urls + 8 * first, 8 * count))
            self._pointers_at = first
        return self._pointers[index - first]

    def blobs(self, cluster: int, wanted: list[int], limit: int, cluster_limit: int) -> Iterator[bytes | InputError]:
        """For each of the blob numbers its bytes, or why it cannot be had. Raises `InputError` where the cluster cannot
        be read; a packed one is unpacked once, up to `cluster_limit` bytes."""
        if not 0 <= cluster < self.clusters:
            raise self._source.error("corrupt", f"a cluster {cluster} of {self.clusters}", self._cluster_list)
        where = self._cluster_list + 8 * cluster
        (offset,) = struct.unpack("<Q", self._read(where, 8))
        if not _HEADER.size <= offset < self.size:
            kind: InputError.Kind = "truncated" if self.cut else "corrupt"
            raise self._source.error(kind, f"cluster {cluster} is to be at byte {offset} of {self.size}", where)
        (info,) = self._read(offset, 1)
        width = 8 if info & _EXTENDED else 4
        packing = info & 0x0F
        if packing in (_NONE, _PLAIN):
            body: _Body = _InFile(self, offset + 1)
        elif packing == _XZ:
            body = _InMemory(self._unxz(offset, cluster_limit))
        elif packing == _ZSTD:
            body = _InMemory(self._unzstd(offset, cluster_limit))
        else:
            raise self._source.error("unsupported", f"cluster {cluster} is packed by method {packing}", offset)
        count = _count(body, width)
        if count is None:
            raise self._source.error("corrupt", f"cluster {cluster} has no list of blobs", offset)
        for blob in wanted:
            yield self._blob(body, width, count, blob, offset, limit)

    def _blob(self, body: "_Body", width: int, count: int, blob: int, offset: int, limit: int) -> bytes | InputError:
        if blob >= count:
            return self._source.error("corrupt", f"blob {blob} of {count}", offset)
        low, high = struct.unpack("<QQ" if width == 8 else "<II", body.read(width * blob, 2 * width))
        if high < low or high > body.size:
            return self._source.error("truncated" if self.cut else "corrupt", f"blob {blob} does not fit", offset)
        if high - low > limit:
            return self._source.error("oversized", f"an article of {high - low} bytes", offset)
        return body.read(low, high - low)

    def _unxz(self, offset: int, limit: int) -> bytes:
        machine = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
        parts: list[bytes] = []
        total, at = 0, offset + 1
        try:
            while not machine.eof:
                data = b""
                if machine.needs_input:
                    data = self._peek(at, _STEP)
                    at += len(data)
                    if not data:
                        break
                parts.append(machine.decompress(data, _STEP * 16))
                total += len(parts[-1])
                self._check_size(total, limit, offset)
        except (lzma.LZMAError, EOFError) as error:
            raise self._source.error("corrupt", f"a cluster cannot be unpacked ({error})", offset) from None
        return b"".join(parts)

    def _unzstd(self, offset: int, limit: int) -> bytes:
        import zstandard

        # Not stream_reader: it takes what follows the frame for another frame (0.25.0).
        machine = zstandard.ZstdDecompressor(max_window_size=_MEMORY).decompressobj()
        parts: list[bytes] = []
        total, at = 0, offset + 1
        try:
            while not machine.eof and (data := self._peek(at, _ZSTD_STEP)):
                at += len(data)
                parts.append(machine.decompress(data))
                total += len(parts[-1])
                self._check_size(total, limit, offset)
        except zstandard.ZstdError as error:
            raise self._source.error("corrupt", f"a cluster cannot be unpacked ({error})", offset) from None
        return b"".join(parts)

    def _check_size(self, total: int, limit: int, offset: int) -> None:
        if total > limit:
            raise self._source.error("oversized", f"a cluster unpacks to over {limit} bytes", offset)

    def _peek(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`, out of a window of what was read last where they are in it."""
        start = offset - self._window_at
        if start < 0 or start + size > len(self._window):
            self._file.seek(offset)
            self._window, self._window_at = self._file.read(max(size, _WINDOW)), offset
            start = 0
        return self._window[start : start + size]

    def read_at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def _read(self, offset: int, size: int) -> bytes:
        data = self.read_at(offset, size)
        if len(data) < size:
            raise self._source.error("truncated", "the file ends early", self.size)
        return data


class _InMemory:
    def __init__(self, data: bytes) -> None:
        self._data, self.size = data, len(data)

    def read(self, offset: int, size: int) -> bytes:
        return self._data[offset : offset + size]


class _InFile:
    def __init__(self, archive: Archive, offset: int) -> None:
        self._archive, self._offset = archive, offset
        self.size = max(0, archive.size - offset)

    def read(self, offset: int, size: int) -> bytes:
        return self._archive.read_at(self._offset + offset, size)


_Body = _InMemory | _InFile


def _count(body: _Body, width: int) -> int | None:
    """How many blobs there are: the list of offsets begins with the place where it ends."""
    head = body.read(0, width)
    if len(head) < width:
        return None
    first = int.from_bytes(head, "little")
    return first // width - 1 if first >= width and first % width == 0 and first <= body.size else None


def _split_hint(name: str) -> str:
    return "join the parts of a split file first: cat NAME.zim?? > NAME.zim" if name.endswith(".zimaa") else ""
