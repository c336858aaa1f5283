"""What comes out of a worker costs no more than it may, whatever it is."""

import asyncio
import json
import os
import socket
import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fathom.sandbox.code.streams import Capture, Captured, Channel, shortened


def captured(data: bytes, keep: int) -> tuple[Captured, bool]:
    """What a capture of a pipe that carried `data` gives, and whether that was called a flood (above 1 MB)."""

    async def read() -> tuple[Captured, bool]:
        flooded = asyncio.Event()
        out, into = os.pipe()
        capture = Capture(out, keep, 1_000_000, flooded.set)
        await asyncio.to_thread(write, into, data)
        await capture.ended.wait()
        return capture.take(), flooded.is_set()

    def write(into: int, rest: bytes) -> None:
        while rest:
            rest = rest[os.write(into, rest) :]
        os.close(into)

    return asyncio.run(read())


@given(data=st.binary(max_size=3000), keep=st.integers(4, 2000))
def test_the_beginning_and_the_end_are_kept_and_the_rest_is_counted(data: bytes, keep: int) -> None:
    got, flooded = captured(data, keep)
    assert not flooded and got.cut == (len(data) > keep)
    if not got.cut:
        assert got.text == data.decode("utf-8", "replace")
    else:
        assert f"[... {len(data) - keep} bytes left out ...]" in got.text
        assert len(got.text) <= keep + 60
        head = keep - keep // 4
        wanted = (
            data[:head] + f"\n[... {len(data) - keep} bytes left out ...]\n".encode() + data[len(data) - keep // 4 :]
        )
        assert got.text == wanted.decode("utf-8", "replace")


@given(text=st.text(max_size=600), keep=st.integers(4, 500))
def test_text_is_shortened_as_a_stream_is(text: str, keep: int) -> None:
    data = text.encode("utf-8", "replace")
    assert shortened(text, keep) == captured(data, keep)[0]


def test_a_flood_is_called_and_costs_no_memory() -> None:
    data = b"x" * 60_000_000
    tracemalloc.start()
    got, flooded = captured(data, 1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert flooded and got.cut
    assert peak < 70_000_000 + 5_000_000  # what the test itself holds of it comes to one copy, for a moment


async def test_what_is_in_the_pipe_is_taken_without_waiting_for_its_end() -> None:
    out, into = os.pipe()
    capture = Capture(out, 100, 1000, lambda: None)
    for word in (b"one", b"two"):
        os.write(into, word)
        assert capture.take().text == word.decode()
    os.write(into, b"last")
    capture.close()
    capture.close()
    assert capture.take().text == "last" and capture.ended.is_set()
    os.close(into)


async def channel(data: bytes, files_bytes: int = 1000) -> Channel:
    ours, theirs = socket.socketpair()
    theirs.sendall(data)
    theirs.close()
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    return Channel(reader, writer, files_bytes)


async def test_frames_come_one_after_the_other() -> None:
    frames = b"".join(struct.pack(">I", len(body)) + body for body in (b'{"a":1}', b"[]"))
    got = await channel(frames + b"\0\0")
    assert [await got.receive(), await got.receive()] == [{"a": 1}, []]
    with pytest.raises(EOFError):
        await got.receive()
    got.close()


async def test_a_frame_beyond_the_limit_is_not_read() -> None:
    got = await channel(struct.pack(">I", 2**31) + b"x" * 1000)
    with pytest.raises(ValueError, match="2147483648 bytes"):
        await got.receive()
    got.close()


@given(data=st.one_of(st.binary(max_size=200), st.binary(max_size=50).map(lambda b: struct.pack(">I", len(b)) + b)))
def test_any_bytes_are_a_value_or_one_of_two_errors(data: bytes) -> None:
    async def read() -> None:
        got = await channel(data)
        try:
            json.dumps(await got.receive())
        except (EOFError, ValueError):
            pass
        finally:
            got.close()

    asyncio.run(read())


async def test_nesting_that_is_too_deep_is_no_frame() -> None:
    body = b"[" * 50_000
    got = await channel(struct.pack(">I", len(body)) + body)
    with pytest.raises(ValueError):
        await got.receive()
    got.close()
