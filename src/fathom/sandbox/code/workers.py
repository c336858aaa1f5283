"""Workers as the supervisor has them: made ready, given code, listened to, ended.

A worker is used only after it said that it is ready, and code is sent only then. Whatever it says later is believed as
far as its own code is concerned, since that is all it can lie about.
"""

import asyncio
import contextlib
import os
import re
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from typing import Literal, Protocol

from pydantic import Base64Bytes, Field

from fathom.core.errors import ProviderFault
from fathom.core.model import Frozen
from fathom.sandbox.code.cgroup import PREFIX
from fathom.sandbox.code.config import CodeLimits
from fathom.sandbox.code.plan import Exit
from fathom.sandbox.code.protocol import CodeResult, End, MadeFile
from fathom.sandbox.code.streams import Capture, Channel

_GRACE_S = 0.5  # for output of processes that outlive the code
_END_S = 20.0  # for a killed worker to be gone


class Report(Frozen):
    """What a worker says of a run."""

    end: Literal["ok", "error", "memory"]
    files: tuple[tuple[str, Base64Bytes], ...] = ()
    files_left_out: int = Field(default=0, ge=0, le=1_000_000)


class WorkerSource(Protocol):
    """Whoever can start workers."""

    @property
    def limits(self) -> CodeLimits: ...

    async def spawn(self) -> "Worker":
        """A worker that is ready. Raises `ProviderFault`."""
        ...

    def kill(self, number: int) -> None:
        """Begin to end a worker and all it started; it is gone when its `exited` is done."""
        ...

    async def close(self) -> None:
        """End all workers."""
        ...


class Worker:
    """One isolated process that takes code, for one run at a time. `owner` started it under `number`."""

    def __init__(self, number: int, owner: "WorkerSource", channel: Channel, streams: tuple[int, int]) -> None:
        limits = owner.limits
        self._number, self._owner, self._channel, self._limits = number, owner, channel, limits
        self._flooded = asyncio.Event()
        out, err = (Capture(fd, limits.stream_bytes, limits.flood_bytes, self._flooded.set) for fd in streams)
        self._out, self._err = out, err
        self.exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._runs, self._ended = 0, False

    @property
    def alive(self) -> bool:
        return not self._ended and not self.exited.done()

    async def ready(self, within_s: float) -> None:
        """Wait until it is ready. Raises `ProviderFault` where it will not be; it is ended then."""
        try:
            async with asyncio.timeout(within_s):
                greeting = await self._channel.receive()
        except TimeoutError:
            await self.end()
            raise ProviderFault(f"no sandbox was ready within {within_s:g} s", kind="timeout") from None
        except (EOFError, ValueError):
            reason = ""
            try:
                await self.end()
            except ProviderFault as fault:
                reason = f"{fault}; "
            reason += self._err.take().text.strip()[-500:]
            raise ProviderFault(f"a sandbox did not start: {reason or 'no reason given'}", kind="server") from None
        if greeting != {"ready": True}:
            await self.end()
            raise ProviderFault("a sandbox did not say that it was ready", kind="garbage")

    async def ready_or_ended(self, within_s: float) -> "Worker":
        """This worker, once it is ready. Raises as `ready`; a wait that is broken off ends it too."""
        try:
            await self.ready(within_s)
        except asyncio.CancelledError:
            await asyncio.shield(self.end())
            raise
        return self

    async def run(self, code: str, *, last: bool) -> CodeResult:
        """The result of `code`. A worker whose code did not end by itself is gone afterwards; the `last` run leaves it
        to be ended. Raises `ProviderFault` where the spawner is gone."""
        self._flooded.clear()
        for stream in (self._out, self._err):
            stream.take()  # what processes of the run before said meanwhile
        fresh, self._runs = self._runs == 0, self._runs + 1
        began = time.monotonic()
        finished = False
        try:
            end, report = await self._listen(code, last)
            seconds = time.monotonic() - began
            finished = report is not None and (not last or await self._fell_silent())
        finally:
            if not finished:
                await asyncio.shield(self.end())
        out, err = self._out.take(), self._err.take()
        # Where files stand for a sandbox without a file system of its own; a traceback tells of the machine by it.
        places = re.compile(rf"{re.escape(tempfile.gettempdir())}/{PREFIX}\d+-\d+(?:/tree)?")
        return CodeResult(
            end=end,
            stdout=places.sub("", out.text),
            stderr=places.sub("", err.text),
            stdout_cut=out.cut,
            stderr_cut=err.cut,
            files=files_within(report, self._limits),
            files_left_out=report.files_left_out if report else 0,
            fresh=fresh,
            seconds=seconds,
        )

    async def _listen(self, code: str, last: bool) -> tuple[End, Report | None]:
        """How the run ended, and the worker's report where there is one."""
        asked = asyncio.create_task(self._ask(code, last))
        flooded = asyncio.create_task(self._flooded.wait())
        try:
            await asyncio.wait({asked, flooded}, timeout=self._limits.timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (asked, flooded):
                task.cancel()
            await asyncio.gather(asked, flooded, return_exceptions=True)
        if flooded.done() and not flooded.cancelled():
            return "output", None
        if asked.cancelled():
            return "timeout", None
        report = asked.result()
        if report is not None:
            return report.end, report
        return await self._post_mortem(), None

    async def _ask(self, code: str, last: bool) -> Report | None:
        """The worker's report; None where it ended, or said what no worker says. Raises `ProviderFault` where it was
        gone before it had the code."""
        try:
            await self._channel.send({"code": code, "last": last})
            await self._channel.receive()  # that it begins
        except (EOFError, ConnectionError, ValueError):
            raise ProviderFault("a sandbox ended before it had the code", kind="reset") from None
        try:
            return Report.model_validate(await self._channel.receive())
        except (EOFError, ValueError):
            return None

    async def _post_mortem(self) -> End:
        """Why there was no report: the worker is gone, or soon will be."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                return "memory" if (await asyncio.shield(self.exited)).out_of_memory else "died"
        await self.end()
        return "memory" if self.exited.result().out_of_memory else "died"

    async def _fell_silent(self) -> bool:
        """Wait for the last output, but not for long: a process that outlives the code may hold the pipes open. Whether
        all of it came."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await asyncio.gather(self._out.ended.wait(), self._err.ended.wait())
        return self._out.ended.is_set() and self._err.ended.is_set()

    def hang_up(self) -> None:
        """Let go of the socket to it."""
        self._channel.close()

    async def end(self) -> None:
        """End the worker and all it started, and wait until it is gone. Raises `ProviderFault` where that cannot be
        known."""
        self._ended = True
        self._channel.close()
        self._owner.kill(self._number)
        try:
            async with asyncio.timeout(_END_S):
                await asyncio.shield(self.exited)
        except TimeoutError:
            raise ProviderFault("a sandbox could not be ended", kind="timeout") from None
        finally:
            self._out.close()
            self._err.close()


@contextlib.asynccontextmanager
async def connected(number: int, owner: WorkerSource) -> AsyncIterator[tuple[Worker, tuple[int, int, int]]]:
    """A worker that is yet to be started, and the descriptors that are to be its standard streams; they are closed here
    when the block ends. Raises `ProviderFault` where this process can have no more of them."""
    try:
        with contextlib.ExitStack() as given, contextlib.ExitStack() as kept:
            ours, theirs = socket.socketpair()
            given.callback(theirs.close)
            kept.callback(ours.close)
            pipes = [_pipe(kept, given) for _ in range(2)]
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            kept.pop_all()  # the worker's from now on
            (out, out_end), (err, err_end) = pipes
            worker = Worker(number, owner, Channel(reader, writer, owner.limits.files_bytes), (out, err))
            try:
                yield worker, (theirs.fileno(), out_end, err_end)
            except OSError:
                worker.hang_up()
                raise
    except OSError as error:
        raise ProviderFault(f"a sandbox could not be started: {error.strerror}") from None


def _pipe(kept: contextlib.ExitStack, given: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe, of which `kept` closes the end that is read and `given` the other."""
    ours, theirs = os.pipe()
    kept.callback(os.close, ours)
    given.callback(os.close, theirs)
    return ours, theirs


def files_within(report: Report | None, limits: CodeLimits) -> tuple[MadeFile, ...]:
    """The files of a report as far as they are within the limits and have names that stay inside a folder."""
    files: list[MadeFile] = []
    room = limits.files_bytes
    for name, data in report.files[: limits.files] if report else ():
        parts = name.split("/")
        if len(data) > room or len(name) > 500 or "\0" in name or {"", ".", ".."} & set(parts):
            continue
        room -= len(data)
        files.append(MadeFile(name=name, data=data))
    return tuple(files)
