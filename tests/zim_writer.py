"""A small writer of ZIM files, for tests: as little of the format as a sound file needs, in all its variants."""

import hashlib
import lzma
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import zstandard

PACKINGS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "none": (1, lambda data: data),
    "xz": (4, lambda data: lzma.compress(data, format=lzma.FORMAT_XZ)),
    "zstd": (5, lambda data: zstandard.ZstdCompressor().compress(data)),
}


@dataclass(frozen=True)
class Item:
    """What an archive holds. With `redirect`, the space and path of another item, it has no content."""

    space: str
    path: str
    content: bytes = b""
    title: str = ""
    mime: str = "text/html"
    redirect: str = ""


def zim(
    items: Sequence[Item], packing: str = "zstd", wide: bool = False, new: bool = True, per_cluster: int = 4
) -> bytes:
    """The bytes of a ZIM file. `wide` gives blob offsets of 64 bits, `new` the namespaces of format 6.1."""
    ordered = sorted(items, key=lambda item: (item.space, item.path))
    places = {item.space + item.path: index for index, item in enumerate(ordered)}
    mimes = sorted({item.mime for item in ordered if not item.redirect})
    held = [item for item in ordered if not item.redirect]
    groups = [held[at : at + per_cluster] for at in range(0, len(held), per_cluster)]
    clusters = [_cluster([item.content for item in group], packing, wide) for group in groups]
    blobs = {id(item): (number, blob) for number, group in enumerate(groups) for blob, item in enumerate(group)}
    mime_list = b"".join(mime.encode() + b"\0" for mime in mimes) + b"\0"
    at = 80 + len(mime_list)
    entries, entry_at = [], []
    for item in ordered:
        names = item.path.encode() + b"\0" + item.title.encode() + b"\0"
        if item.redirect:
            head = struct.pack("<HBcII", 0xFFFF, 0, item.space.encode(), 0, places[item.redirect])
        else:
            head = struct.pack("<HBcIII", mimes.index(item.mime), 0, item.space.encode(), 0, *blobs[id(item)])
        entry_at.append(at)
        entries.append(head + names)
        at += len(entries[-1])
    urls_at, titles_at = at, at + 8 * len(ordered)
    clusters_at = titles_at + 4 * len(ordered)
    at = clusters_at + 8 * len(clusters)
    cluster_at = []
    for cluster in clusters:
        cluster_at.append(at)
        at += len(cluster)
    version = (6, 1) if new else (5, 0)
    counts = (len(ordered), len(clusters))
    tables = (urls_at, titles_at, clusters_at, 80, 0xFFFFFFFF, 0xFFFFFFFF, at)
    body = struct.pack("<IHH16sIIQQQQIIQ", 0x44D495A, *version, bytes(16), *counts, *tables)
    body += mime_list + b"".join(entries) + struct.pack(f"<{len(ordered)}Q", *entry_at)
    by_title = sorted(range(len(ordered)), key=lambda index: ordered[index].title or ordered[index].path)
    body += struct.pack(f"<{len(ordered)}I", *by_title) + struct.pack(f"<{len(clusters)}Q", *cluster_at)
    body += b"".join(clusters)
    return body + hashlib.md5(body).digest()


def _cluster(blobs: Sequence[bytes], packing: str, wide: bool) -> bytes:
    code, pack = PACKINGS[packing]
    width = 8 if wide else 4
    offsets = [width * (len(blobs) + 1)]
    for blob in blobs:
        offsets.append(offsets[-1] + len(blob))
    data = struct.pack(f"<{len(offsets)}{'Q' if wide else 'I'}", *offsets) + b"".join(blobs)
    return bytes([code | (0x10 if wide else 0)]) + pack(data)
