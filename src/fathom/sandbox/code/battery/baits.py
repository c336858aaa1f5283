"""What is laid out on this machine for attempts to find, and the watch over it.

All of it is open to every user of the machine, so that only a sandbox keeps code from it: a file, a folder that can be
written to, a file in shared memory, listeners on the loopback address and on Unix sockets, a process with a secret in
its environment.
"""

import asyncio
import contextlib
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fathom.sandbox.code.config import CodeLimits

_CLOCK_SLACK_S = 5.0


@dataclass
class Baits:
    """The baits, and what was seen at them since `breaches` was last asked. `secret` is what must not come out."""

    secret: str
    folder: Path
    shared: Path
    port: int
    port6: int
    udp: socket.socket
    victim: "subprocess.Popen[bytes]"
    seen: list[str] = field(default_factory=list)
    _clock: float = field(default_factory=lambda: time.time() - time.monotonic())

    def facts(self, limits: CodeLimits, attempt: str) -> dict[str, Any]:
        """What an attempt is told: where everything is, but not the secret."""
        return {
            "file": str(self.folder / "file"),
            "folder": str(self.folder / "open"),
            "shared": str(self.shared),
            "unix": str(self.folder / "open" / "socket"),
            "abstract": self.abstract,
            "port": self.port,
            "port6": self.port6,
            "udp": self.udp.getsockname()[1],
            "victim": self.victim.pid,
            "supervisor": os.getpid(),
            "host": socket.gethostname(),
            "marker": self._marker(attempt),
            "memory": limits.memory_mb << 20,
            "processes": limits.processes,
            "disk": limits.disk_mb << 20,
            "timeout": limits.timeout_s,
        }

    @property
    def abstract(self) -> str:
        return f"fathom-bait-{self.secret[:8]}"

    def _marker(self, attempt: str) -> str:
        """A word in the command line of processes that an attempt leaves behind."""
        return f"fathom-left-{self.secret[8:16]}-{attempt}."

    def breaches(self, attempt: str) -> list[str]:
        """What happened at the baits, now that an attempt has ended, that no sandbox lets happen."""
        seen, self.seen = self.seen, []
        with contextlib.suppress(BlockingIOError):
            self.udp.recv(100)
            seen.append("a datagram arrived")
        if (self.folder / "file").read_text() != self.secret or self.shared.read_text() != self.secret:
            seen.append("a file was changed")
        if sorted(entry.name for entry in (self.folder / "open").iterdir()) != ["socket"]:
            seen.append("a file was made")
        if self.victim.poll() is not None:
            seen.append("the process was killed")
        if abs(time.time() - time.monotonic() - self._clock) > _CLOCK_SLACK_S:
            seen.append("the clock was set")
        return seen + [f"process {pid} was left behind" for pid in self.left_behind(attempt)]

    def left_behind(self, attempt: str) -> list[int]:
        """The processes that an attempt started and that are still there."""
        return processes_with(self._marker(attempt))


def processes_with(word: str) -> list[int]:
    """The processes of this machine that have `word` in their command line."""
    found = []
    for entry in Path("/proc").iterdir() if Path("/proc").is_dir() else ():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if word.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


@contextlib.asynccontextmanager
async def laid_out() -> AsyncIterator[Baits]:
    """Baits, for as long as the block lasts."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fathom-bait-")))
        secret = secrets.token_hex(16)
        shared = _lay_out_files(folder, secret)
        stack.callback(shared.unlink, missing_ok=True)
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        victim = _start_victim(secret)
        stack.callback(_end, victim)
        baits = Baits(secret, folder, shared, 0, 0, udp, victim)
        await _listen(baits, stack)
        yield baits


async def _listen(baits: Baits, stack: contextlib.AsyncExitStack) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        baits.seen.append("a connection arrived")
        writer.write(baits.secret.encode())
        writer.close()

    server = await stack.enter_async_context(await asyncio.start_server(answer, "127.0.0.1", 0))
    baits.port = server.sockets[0].getsockname()[1]
    with contextlib.suppress(OSError):  # a machine without IPv6
        server6 = await stack.enter_async_context(await asyncio.start_server(answer, "::1", 0))
        baits.port6 = server6.sockets[0].getsockname()[1]
    path = baits.folder / "open" / "socket"
    await stack.enter_async_context(await asyncio.start_unix_server(answer, path))
    _open_to_all(path)
    if sys.platform == "linux":
        await stack.enter_async_context(await asyncio.start_unix_server(answer, "\0" + baits.abstract))


def _lay_out_files(folder: Path, secret: str) -> Path:
    """Files and a folder open to all in `folder`; the one in shared memory that is given back."""
    folder.chmod(0o755)
    (folder / "file").write_text(secret)
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    shared = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else folder
    shared = shared / f"fathom-bait-{secret[:8]}"
    shared.write_text(secret)
    shared.chmod(0o666)
    return shared


def _open_to_all(path: Path) -> None:
    path.chmod(0o777)


def _start_victim(secret: str) -> "subprocess.Popen[bytes]":
    """A process that waits, with the secret in its environment."""
    command = [sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, env={"SECRET": secret})


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
