"""What comes out of a worker, read so that no amount of it costs more than it is allowed to."""

import asyncio
import contextlib
import json
import os
import struct
from collections.abc import Callable
from typing import Any

from fathom.core.model import Frozen

_BLOCK = 1 << 16
_BLOCKS_A_TURN = 16  # then other tasks have their turn
_FRAME_OVERHEAD = 100_000  # bytes of a frame besides the files in it: their names


class Captured(Frozen):
    """Text that came through a pipe, and whether there was more."""

    text: str
    cut: bool


def shortened(text: str, keep: int) -> Captured:
    """The beginning and the end of `text`, some `keep` bytes in all, as `Capture` keeps them."""
    data = text.encode("utf-8", "replace")
    head, tail = data[: keep - keep // 4], data[keep - keep // 4 :][-(keep // 4) :]
    return _joined(head, tail, len(data))


def _joined(head: bytes | bytearray, tail: bytes | bytearray, count: int) -> Captured:
    left_out = count - len(head) - len(tail)
    gap = f"\n[... {left_out} bytes left out ...]\n".encode() if left_out else b""
    return Captured(text=(bytes(head) + gap + bytes(tail)).decode("utf-8", "replace"), cut=left_out > 0)


class Capture:
    """Reads the pipe `descriptor` as fast as it fills, keeps the beginning and the end, `keep` bytes in all, and counts
    the rest. `on_flood` is called once, when more than `flood` bytes came since the last `take`."""

    def __init__(self, descriptor: int, keep: int, flood: int, on_flood: Callable[[], None]) -> None:
        self._descriptor, self._flood, self._on_flood = descriptor, flood, on_flood
        self._room_head, self._room_tail = keep - keep // 4, keep // 4
        self._head, self._tail, self._count = bytearray(), bytearray(), 0
        self._loop = asyncio.get_running_loop()
        self.ended = asyncio.Event()
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    def _read(self) -> None:
        for _ in range(_BLOCKS_A_TURN):
            try:
                block = os.read(self._descriptor, _BLOCK)
            except BlockingIOError:
                return
            except OSError:
                block = b""
            if not block:
                self._release()
                return
            self._take_in(block)

    def _take_in(self, block: bytes) -> None:
        below = self._count <= self._flood
        self._count += len(block)
        room = self._room_head - len(self._head)
        self._head += block[:room]
        self._tail += block[room:] if room > 0 else block
        del self._tail[: -self._room_tail or None]
        if below and self._count > self._flood:
            self._on_flood()

    def take(self) -> Captured:
        """What came since the last call, whatever is in the pipe by now included."""
        if not self.ended.is_set():
            self._read()
        captured = _joined(self._head, self._tail, self._count)
        self._head, self._tail, self._count = bytearray(), bytearray(), 0
        return captured

    def close(self) -> None:
        """Read what is there, and no more. It can still be taken."""
        if not self.ended.is_set():
            self._read()
        if not self.ended.is_set():
            self._release()

    def _release(self) -> None:
        self.ended.set()
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)


class Channel:
    """Frames to and from a worker: a length (4 bytes, big end first) and that much JSON. `files_bytes`: what the files
    in a frame may come to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, files_bytes: int) -> None:
        self._reader, self._writer = reader, writer
        self._limit = files_bytes * 4 // 3 + _FRAME_OVERHEAD

    async def send(self, value: dict[str, Any]) -> None:
        """Raises `ConnectionError` where nobody reads."""
        body = json.dumps(value).encode("ascii")
        self._writer.write(struct.pack(">I", len(body)) + body)
        await self._writer.drain()

    async def receive(self) -> Any:
        """The next frame's value, whatever that is. Raises `EOFError` at the end, `ValueError` for what is no frame."""
        try:
            size = struct.unpack(">I", await self._reader.readexactly(4))[0]
            if size > self._limit:
                raise ValueError(f"a frame of {size} bytes")
            return json.loads(await self._reader.readexactly(size))
        except ConnectionError as error:
            raise EOFError(str(error)) from None
        except RecursionError:
            raise ValueError("a frame nested too deeply") from None

    def close(self) -> None:
        """Let go of the socket, which the worker takes for its end."""
        with contextlib.suppress(RuntimeError):  # the loop is gone
            self._writer.close()
