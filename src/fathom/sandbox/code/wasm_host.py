"""The process around one WebAssembly guest: `python -m fathom.sandbox.code.wasm_host SETTINGS`.

The guest is CPython compiled for WASI. It has no files, no network, no processes and no threads: there is nothing in it
to call that would give it any. It reads its code from this process's standard input, the socket to the supervisor, and
all that it says comes in frames, which are told apart here.
"""

import base64
import contextlib
import json
import os
import struct
import sys
import threading
import time
from typing import Any

_MAX_FRAME = 8 << 20


class Demultiplexer:
    """Takes what the guest writes, in pieces of any size: output goes to this process's streams, all else to
    `channel`. Raises `ValueError` for what is no frame."""

    def __init__(self, channel: int) -> None:
        self._channel, self._held = channel, bytearray()

    def feed(self, data: bytes) -> int:
        """Take a piece; how long it was."""
        self._held += data
        while len(self._held) >= 4:
            size = struct.unpack_from(">I", self._held)[0]
            if size > _MAX_FRAME:
                raise ValueError(f"a frame of {size} bytes")
            if len(self._held) < 4 + size:
                break
            frame = bytes(self._held[: 4 + size])
            del self._held[: 4 + size]
            self._hand_on(frame)
        return len(data)

    def _hand_on(self, frame: bytes) -> None:
        value = json.loads(frame[4:])
        if isinstance(value, dict) and value.get("stream") in (1, 2):
            write_all(value["stream"], base64.b64decode(value["data"]))
        else:
            write_all(self._channel, frame)


def write_all(number: int, data: bytes) -> int:
    """Write to a descriptor; how much that was. What nobody reads any more is dropped."""
    with contextlib.suppress(BrokenPipeError):
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(number, rest) :]
    return len(data)


def end_with(parent: int) -> None:
    """End this process when its parent is gone: a guest that never asks for more would not notice."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def main(settings: dict[str, Any]) -> None:
    """Run the guest to its end. `settings`: `module` (the compiled interpreter), `memory` (bytes), `worker` (text of
    the program inside), `packages` (name in the guest -> folder), `guest` (that program's settings)."""
    import wasmtime

    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    engine = wasmtime.Engine()
    module = wasmtime.Module.deserialize_file(engine, settings["module"])
    store = wasmtime.Store(engine)
    store.set_limits(memory_size=settings["memory"])
    wasi = wasmtime.WasiConfig()
    wasi.argv = ["python", "-s", "-S", "-c", settings["worker"], json.dumps(settings["guest"])]
    wasi.env = [("PYTHONHASHSEED", "0"), ("PYTHONDONTWRITEBYTECODE", "1"), ("TZ", "UTC")]
    wasi.inherit_stdin()
    wasi.stdout_custom = Demultiplexer(os.dup(0)).feed
    wasi.stderr_custom = lambda data: write_all(2, data)
    store.set_wasi(wasi)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    instance = linker.instantiate(store, module)
    start: Any = instance.exports(store)["_start"]
    # A guest that breaks off, or says what is no frame, has ended like any other; what is known of why is not for it.
    with contextlib.suppress(wasmtime.ExitTrap, wasmtime.Trap, wasmtime.WasmtimeError, ValueError):
        start(store)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
    os._exit(0)  # taking wasmtime down in good order fails on the thread that still reads
