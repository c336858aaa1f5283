"""Code sandboxes for tests: one that says what it was told to, one that is none, and a service that runs code."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fathom.core.errors import ConfigError, ProviderFault
from fathom.sandbox.code.choose import make_sandbox, spawn_plan
from fathom.sandbox.code.config import Backend, CodeLimits, CodeSandboxConfig
from fathom.sandbox.code.pool import PooledSandbox
from fathom.sandbox.code.protocol import CodeResult, CodeSandbox
from fathom.sandbox.code.spawning import SpawnedWorkers
from fathom.sandbox.egress.client import EgressClient, EgressConfig

REPOSITORY = Path(__file__).resolve().parent.parent

# Small, so that what is to run into them does so soon; a busy machine still has time for all else.
LIMITS = CodeLimits(
    timeout_s=4,
    memory_mb=192,
    processes=24,
    disk_mb=8,
    stream_bytes=4000,
    flood_bytes=4_000_000,
    files=4,
    files_bytes=50_000,
)


def small(**changes: Any) -> CodeSandboxConfig:
    """Settings for tests: small limits, nothing loaded ahead."""
    given = {"limits": LIMITS, "packages": (), "preload": (), "warm": 0, "slots": 8, "start_s": 60.0}
    return CodeSandboxConfig(**{**given, "wasm_folder": str(REPOSITORY / ".fathom" / "assets"), **changes})


def marked(**changes: Any) -> tuple[Any, str]:
    """(settings with a number that no others have, a word in the command line of workers that have them)."""
    number = 10_000 + int.from_bytes(os.urandom(2), "big")
    config = small(limits=LIMITS.model_copy(update={"files_bytes": number}), **changes)
    return config, f'"files_bytes": {number}'


async def eventually(true: Callable[[], bool], within_s: float = 20.0) -> bool:
    for _ in range(int(within_s / 0.05)):
        if true():
            return True
        await asyncio.sleep(0.05)
    return true()


async def spawned(backend: Backend, **changes: Any) -> tuple[SpawnedWorkers, PooledSandbox, str]:
    """(workers that are started, a sandbox of them, the word in their command lines); skips the test where this machine
    cannot have them."""
    config, word = marked(**changes)
    try:
        workers = SpawnedWorkers(spawn_plan(backend, config), config.limits, config.start_s)
        await workers.start()
    except ConfigError as error:
        pytest.skip(f"not to be had here: {error}")
    return workers, PooledSandbox(backend, workers, config), word


async def started_or_skip(backend: Backend, config: CodeSandboxConfig) -> CodeSandbox:
    """As `started`; skips the test where this machine cannot have it."""
    try:
        return await started(backend, config)
    except ConfigError as error:
        pytest.skip(f"not to be had here: {error}")


async def started(backend: Backend, config: CodeSandboxConfig) -> CodeSandbox:
    """A sandbox of that kind that has run something. Raises `ConfigError` where this machine cannot have it."""
    sandbox = make_sandbox(backend, config)
    try:
        await sandbox.run("pass")
    except ProviderFault as fault:
        await sandbox.close()
        raise ConfigError(str(fault)) from None
    return sandbox


class ScriptedCodeSandbox:
    """Gives `results` in order, or raises them. `asked` holds (code, session) of each run."""

    def __init__(self, *results: CodeResult | Exception) -> None:
        self.name = "scripted"
        self.results = list(results)
        self.asked: list[tuple[str, str]] = []
        self.ended: list[str] = []

    async def run(self, code: str, session: str = "") -> CodeResult:
        self.asked.append((code, session))
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    async def end(self, session: str) -> None:
        self.ended.append(session)

    async def close(self) -> None:
        self.results.clear()


class PlainProcess:
    """No sandbox at all: a process like any other, in a folder of its own, for harmless code. To see that a battery
    finds out."""

    name = "plain"

    def __init__(self, folder: Path, environment: dict[str, str] | None = None) -> None:
        self._folder, self._environment = folder, environment

    async def run(self, code: str, session: str = "") -> CodeResult:
        began = time.monotonic()
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", code],
            cwd=self._folder,
            env={**os.environ, **(self._environment or {})},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
        end = "ok" if done.returncode == 0 else "error"
        seconds = time.monotonic() - began
        return CodeResult(end=end, stdout=done.stdout, stderr=done.stderr, seconds=seconds)  # type: ignore[arg-type]

    async def end(self, session: str) -> None:
        pass

    async def close(self) -> None:
        pass


class CodeServer:
    """A service that speaks SandboxFusion's and SWE-ReX's API on the loopback address, over a sandbox of this machine.
    `script` is given the path and what was asked, and may answer (status, headers, body) instead."""

    def __init__(self, sandbox: CodeSandbox | None = None) -> None:
        self._sandbox = sandbox
        self.script: Callable[[str, Any], tuple[int, dict[str, str], bytes] | None] = lambda path, asked: None
        self.headers: dict[str, str] = {}

    async def __aenter__(self) -> "CodeServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            self.headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in head[1:])}
            asked = json.loads(await reader.readexactly(int(self.headers["content-length"])))
            path = head[0].split()[1]
            status, headers, body = self.script(path, asked) or await self._answer(path, asked)
            lines = [f"HTTP/1.1 {status} x", *(f"{k}: {v}" for k, v in headers.items()), f"content-length: {len(body)}"]
            writer.write("\r\n".join([*lines, "connection: close", "", ""]).encode() + body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, path: str, asked: Any) -> tuple[int, dict[str, str], bytes]:
        assert self._sandbox is not None
        result = await self._sandbox.run(asked["code"] if path == "/run_code" else asked["command"][2])
        codes = {"ok": 0, "error": 1, "memory": 1, "died": -9, "output": -9, "timeout": None}
        code = codes[result.end]
        stderr = result.stderr if result.end != "memory" or result.stderr else "MemoryError"
        # As these services do, the whole of the output, which the sandbox behind this one has cut.
        stdout = result.stdout if result.end != "output" else "x" * 5_000_000
        if path == "/execute" and code is None:
            raised = {"message": "", "class_path": "swerex.exceptions.CommandTimeoutError"}
            return 511, {}, json.dumps({"swerexception": raised}).encode()
        if path == "/execute":
            return 200, {}, json.dumps({"stdout": stdout, "stderr": stderr, "exit_code": code}).encode()
        ran = {
            "status": "TimeLimitExceeded" if code is None else "Finished",
            "return_code": code,
            "stdout": stdout,
            "stderr": stderr,
        }
        status = "Success" if code == 0 else "Failed"
        return 200, {}, json.dumps({"status": status, "message": "", "run_result": ran}).encode()


def way_out() -> EgressClient:
    """What requests of a run to servers named by its user go through."""
    return EgressClient(EgressConfig(scope="private"))
