"""A server that runs as a program here: started, spoken to by its standard input and output, and ended for sure.

A message is a line of JSON. The official client's own reader holds a line of any length in memory; this one has limits:
of a line, of lines that are no messages, and of what comes without being asked for. The program gets a process group of
its own, which is killed at the end, whoever is still in it. A program that leaves the group on purpose gets away.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.core.errors import ProviderFault
from fathom.tools.mcp.config import McpServerConfig

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.client import Transport
    from mcp.shared.message import SessionMessage

BASE_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "SYSTEMROOT")
_JUNK_LINES = 1000  # some servers log to standard output
_UNASKED = 16  # times `max_bytes` that may come after our last message
_GRACE_S = 1.0  # for the program to end by itself after its input closed, and again after SIGTERM
_ERROR_CHARS = 2000  # kept of what it writes to standard error, for whoever reads the fault's hint


class StdioConnection:
    """One run of the program. `fault` is why it ended, once it has; `ended` is set then."""

    def __init__(self, config: McpServerConfig, variables: Mapping[str, str]) -> None:
        self._config = config
        self._folder = Path(config.folder).expanduser() if config.folder else None
        names = (*BASE_VARIABLES, *config.variables)
        self._environment = {name: variables[name] for name in names if name in variables}
        self._since_sent = 0
        self._errors = b""
        self.ended = asyncio.Event()
        self.fault: ProviderFault | None = None

    def transport(self) -> "Transport":
        """The streams of a new process; leaving the context ends it."""
        return contextlib.asynccontextmanager(self._streams)()

    async def _streams(self) -> AsyncGenerator[tuple[Any, Any], None]:
        import anyio
        from mcp.shared.message import SessionMessage

        process, transport = await self._start()
        send_in, receive_in = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        send_out, receive_out = anyio.create_memory_object_stream[SessionMessage](0)
        tasks = [
            asyncio.create_task(self._read(process, send_in)),
            asyncio.create_task(self._write(process, receive_out, send_in)),
            asyncio.create_task(self._watch_errors(process)),
        ]
        try:
            yield receive_in, send_out
        finally:
            try:
                await self._stop(process)
            finally:
                # Whatever interrupts the waiting above, no process of the group stays.
                _signal_group(process, signal.SIGKILL)
                # Also where a pipe is full or held open by someone who got away.
                transport.close()
                for task in tasks:
                    task.cancel()
                for stream in (send_in, receive_in, send_out, receive_out):
                    stream.close()
            await asyncio.gather(*tasks, return_exceptions=True)
            await process.wait()

    async def _start(self) -> tuple[asyncio.subprocess.Process, asyncio.SubprocessTransport]:
        loop = asyncio.get_running_loop()
        try:
            # As `asyncio.create_subprocess_exec` does it, which keeps the transport to itself.
            transport, protocol = await loop.subprocess_exec(
                lambda: asyncio.subprocess.SubprocessStreamProtocol(limit=self._config.max_bytes, loop=loop),
                *self._config.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=self._folder,
                env=self._environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise ProviderFault(f"mcp {self._config.name}: could not be started: {error}", kind="refused") from None
        return asyncio.subprocess.Process(transport, protocol, loop), transport

    async def _read(self, process: asyncio.subprocess.Process, sink: "MemoryObjectSendStream[Any]") -> None:
        """Pass on the messages of the program until it ends or goes beyond a limit."""
        import anyio
        import mcp_types
        from mcp.shared.message import SessionMessage

        assert process.stdout is not None
        junk = 0
        try:
            while line := await process.stdout.readline():
                self._since_sent += len(line)
                if self._since_sent > _UNASKED * self._config.max_bytes:
                    return self._end("oversized", "it writes and writes without being asked")
                try:
                    message = mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValueError:
                    junk += bool(line.strip())
                    if junk > _JUNK_LINES:
                        return self._end("garbage", f"over {_JUNK_LINES} lines that are no messages")
                    continue
                await sink.send(SessionMessage(message))
            self._end("reset", "the program ended")
        except ValueError:
            self._end("oversized", f"a line over {self._config.max_bytes} bytes")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
            self._end("reset", "the connection was closed")
        finally:
            sink.close()

    async def _write(
        self,
        process: asyncio.subprocess.Process,
        source: "MemoryObjectReceiveStream[SessionMessage]",
        sink: "MemoryObjectSendStream[Any]",
    ) -> None:
        """Write our messages to the program."""
        assert process.stdin is not None
        try:
            async for sent in source:
                data = sent.message.model_dump_json(by_alias=True, exclude_unset=True).encode("utf-8", "replace")
                self._since_sent = 0
                process.stdin.write(data + b"\n")
                await process.stdin.drain()
        except (ConnectionError, OSError):
            self._end("reset", "the program takes no more input")
            sink.close()

    async def _watch_errors(self, process: asyncio.subprocess.Process) -> None:
        """Read what the program writes to standard error, so that it does not wait for that, and keep the end of it.
        One that writes without end waits in the end."""
        assert process.stderr is not None
        left = _UNASKED * self._config.max_bytes
        while left > 0 and (block := await process.stderr.read(2**16)):
            left -= len(block)
            self._errors = (self._errors + block)[-_ERROR_CHARS:]

    def _end(self, kind: ProviderFault.Kind, reason: str) -> None:
        if self.fault is None:
            said = self._errors.decode("utf-8", "replace").strip()
            hint = f"it wrote to standard error: {said}" if said else ""
            self.fault = ProviderFault(f"mcp {self._config.name}: {reason}", kind=kind, hint=hint)
        self.ended.set()

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        """End the program: close its input, wait a moment, ask it, wait a moment."""
        self._end("reset", "it was closed")
        assert process.stdin is not None
        process.stdin.close()
        for sign in (None, signal.SIGTERM):
            if sign is not None:
                _signal_group(process, sign)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GRACE_S):
                    await process.wait()
                return


def _signal_group(process: asyncio.subprocess.Process, sign: signal.Signals) -> None:
    # The group has the program's own number, also when the program is gone and others of the group are not.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, sign)
