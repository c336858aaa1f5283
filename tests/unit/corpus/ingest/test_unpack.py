"""Packed files: damage, bombs, members laid end to end."""

import bz2
import gzip
import lzma
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.samples import json_lines
from tests.unit.corpus.ingest.test_reader import read

MIB = 2**20
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
}
each = pytest.mark.parametrize("name", PACK)


@each
def test_members_end_to_end_are_one_text(tmp_path: Path, name: str) -> None:
    data = json_lines()
    path = tmp_path / f"a.jsonl.{name}"
    path.write_bytes(PACK[name](data[:1000]) + PACK[name](data[1000:]) + bytes(512))
    documents, problems = read(path)
    assert (len(documents), problems) == (40, [])


@each
def test_cut_file_gives_what_could_be_unpacked(tmp_path: Path, name: str) -> None:
    # Members of 4,000 bytes, so that there is something before the cut whatever the method holds back.
    data = json_lines() * 20
    packed = b"".join(PACK[name](data[at : at + 4000]) for at in range(0, len(data), 4000))
    path = tmp_path / f"a.jsonl.{name}"
    path.write_bytes(packed[: len(packed) // 2])
    documents, (problem,) = read(path)
    assert 300 < len(documents) < 500
    assert problem.kind == "truncated"
    assert problem.offset == len(packed) // 2


@each
def test_other_bytes_behind_are_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"a.jsonl.{name}"
    path.write_bytes(PACK[name](json_lines()) + b"something else")
    documents, (problem,) = read(path)
    assert (len(documents), problem.kind) == (40, "corrupt")


@each
def test_bombs_cost_neither_memory_nor_time(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"a.jsonl.{name}"
    path.write_bytes(PACK[name](b"{" + b" " * (16 * MIB)))
    tracemalloc.start()
    documents, (problem,) = read(path, unpack_free_bytes=2 * MIB, document_bytes=MIB)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (documents, problem.kind) == ([], "oversized")
    assert peak < 10 * MIB


def test_xz_that_asks_for_much_memory_is_refused(tmp_path: Path) -> None:
    body = bytearray(lzma.compress(json_lines(), filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 2**20}]))
    # Block header from byte 12: size, flags, filter id, length of properties, dictionary 2**(n/2 + 12), padding, CRC32.
    header, length = 12, (body[12] + 1) * 4
    body[header + 4] = 2 * (29 - 12)
    check = zlib.crc32(body[header : header + length - 4])
    body[header + length - 4 : header + length] = check.to_bytes(4, "little")
    path = tmp_path / "a.jsonl.xz"
    path.write_bytes(body)
    (problem,) = read(path)[1]
    assert problem.kind == "corrupt" and "Memory usage limit" in problem.reason
