"""Bodies: unpacked whatever way they are cut, and never beyond their limits."""

import gzip
import os
import zlib
from collections.abc import AsyncIterator, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fathom.core.errors import ProviderFault
from fathom.sandbox.egress.body import read_body

TEXT = b"".join(b"line %d of a text\n" % number for number in range(20_000))


async def pieces(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


async def fault(parts: Iterable[bytes], encoding: str = "gzip", max_bytes: int = 1_000_000) -> str:
    with pytest.raises(ProviderFault) as caught:
        await read_body(pieces(parts), encoding, max_bytes)
    return caught.value.kind


@pytest.mark.parametrize("size", [20, 1000, 10**9])
async def test_gzip_is_unpacked_however_it_is_cut(size: int) -> None:
    assert await read_body(pieces(cut(gzip.compress(TEXT), size)), "GZIP", 10**6) == TEXT


@given(data=st.binary(max_size=100_000), size=st.integers(1, 70_000), level=st.integers(0, 9))
async def test_any_data_comes_back(data: bytes, size: int, level: int) -> None:
    assert await read_body(pieces(cut(gzip.compress(data, level), max(size, 50))), "x-gzip", 10**6) == data


@pytest.mark.parametrize("size", [2**16 - 1, 2**16, 2**16 + 1, 2**17, 2**18 + 258])
async def test_a_rest_behind_a_full_piece_is_not_lost(size: int) -> None:
    for data in (bytes(size), os.urandom(size)):
        assert await read_body(pieces([gzip.compress(data)]), "gzip", 10**6) == data


async def test_members_follow_one_another_and_padding_is_no_member() -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"two") + bytes(999)
    for size in (1, 5, 500):
        assert await read_body(pieces(cut(packed, size)), "gzip", 10_000) == b"one two"
    assert await fault([gzip.compress(b"") * 100]) == "garbage"


async def test_what_was_not_asked_for_is_not_unpacked() -> None:
    for encoding in ("br", "zstd", "deflate", "gzip, gzip", "gzip,identity", "compress", "\xff"):
        assert await fault([zlib.compress(TEXT)], encoding) == "garbage"
    for encoding in ("", " identity "):
        assert await read_body(pieces([b"a", b"b"]), encoding, 2) == b"ab"


async def test_nothing_is_read_beyond_the_limit() -> None:
    taken = 0

    def endless() -> Iterable[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 1000

    assert await fault(endless(), "", 10_000) == "oversized" and taken == 11
    assert await fault([gzip.compress(TEXT)], max_bytes=len(TEXT) - 1) == "oversized"
    assert await fault([gzip.compress(os.urandom(2000))], max_bytes=1000) == "oversized"
    assert await fault([b"\x1f\x8b\x08\x08" + bytes(6), *[b"name" * 100] * 10_000], max_bytes=5000) == "oversized"


async def test_a_bomb_is_known_by_its_ratio_before_the_limit() -> None:
    bomb = gzip.compress(bytes(9_000_000))
    assert await fault([bomb], max_bytes=10**9) == "oversized"


async def test_damage_and_half_a_stream_are_told_apart() -> None:
    packed = gzip.compress(TEXT)
    assert await fault([packed[:-9]]) == "truncated"
    assert await fault([packed[:5]]) == "truncated"
    assert await fault([packed[:-8] + bytes(8)]) == "garbage"
    assert await fault([b"<p>no gzip</p>"]) == "garbage"
    assert await fault([packed, b"<p>a tail</p>"]) == "garbage"
    assert await read_body(pieces([]), "gzip", 10) == b""


async def test_a_body_in_crumbs_is_given_up() -> None:
    assert await fault((b"x" for _ in range(10**6)), "", 10**6) == "garbage"
    assert len(await read_body(pieces(b"a line of text as it comes\n" for _ in range(20_000)), "", 10**6)) == 540_000
