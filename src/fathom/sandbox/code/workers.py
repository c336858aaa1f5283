"""Workers as the supervisor has them: started through a spawner, given code, listened to, ended.

A worker is used only after it said that it is ready, and code is sent only then. Whatever it says later is believed as
far as its own code is concerned, since that is all it can lie about.
"""

import asyncio
import contextlib
import itertools
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import Base64Bytes, Field

from fathom.core.errors import ConfigError, ProviderFault
from fathom.core.model import Frozen
from fathom.sandbox.code.config import CodeLimits
from fathom.sandbox.code.plan import MAX_MESSAGE, Exit, SpawnPlan
from fathom.sandbox.code.protocol import CodeResult, End, MadeFile
from fathom.sandbox.code.stage import sweep_folders
from fathom.sandbox.code.streams import Capture, Channel

_GRACE_S = 0.5  # for output of processes that outlive the code
_END_S = 20.0  # for a killed worker to be gone
_FIT_S = 60.0  # for the spawner to look at the machine
_SAY_S = 5.0  # for the spawner to take a message


class _Report(Frozen):
    """What a worker says of a run."""

    end: Literal["ok", "error", "memory"]
    files: tuple[tuple[str, Base64Bytes], ...] = ()
    files_left_out: int = Field(default=0, ge=0, le=1_000_000)


class Worker:
    """One isolated process that takes code. Made by `Workers`; for one run at a time."""

    def __init__(self, number: int, owner: "Workers", channel: Channel, streams: tuple[int, int]) -> None:
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

    async def run(self, code: str, *, last: bool) -> CodeResult:
        """The result of `code`. After the `last` run, and after any that did not end by itself, the worker is gone.
        Raises `ProviderFault` where the spawner is."""
        self._flooded.clear()
        for stream in (self._out, self._err):
            stream.take()  # what processes of the run before said meanwhile
        fresh, self._runs = self._runs == 0, self._runs + 1
        began = time.monotonic()
        finished = False
        try:
            end, report = await self._listen(code, last)
            seconds = time.monotonic() - began
            finished = report is not None and not last
            if report is not None and last:
                await self._linger()
        finally:
            if not finished:
                await asyncio.shield(self.end())
        out, err = self._out.take(), self._err.take()
        return CodeResult(
            end=end,
            stdout=out.text,
            stderr=err.text,
            stdout_cut=out.cut,
            stderr_cut=err.cut,
            files=_files(report, self._limits),
            files_left_out=report.files_left_out if report else 0,
            fresh=fresh,
            seconds=seconds,
        )

    async def _listen(self, code: str, last: bool) -> tuple[End, _Report | None]:
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

    async def _ask(self, code: str, last: bool) -> _Report | None:
        """The worker's report; None where it ended, or said what no worker says."""
        try:
            await self._channel.send({"code": code, "last": last})
            return _Report.model_validate(await self._channel.receive())
        except (EOFError, ConnectionError, ValueError):
            return None

    async def _post_mortem(self) -> End:
        """Why there was no report: the worker is gone, or soon will be."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                return "memory" if (await asyncio.shield(self.exited)).out_of_memory else "died"
        await self.end()
        return "memory" if self.exited.result().out_of_memory else "died"

    async def _linger(self) -> None:
        """Wait for the last output, but not for long: a process that outlives the code may hold the pipes open."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await asyncio.gather(self._out.ended.wait(), self._err.ended.wait())

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


class Workers:
    """Starts workers of one plan. The spawner is started with the first, and anew when it is gone."""

    def __init__(self, plan: SpawnPlan, limits: CodeLimits, start_s: float) -> None:
        self._plan, self.limits, self._start_s = plan, limits, start_s
        self._spawner: _Spawner | None = None
        self._starting = asyncio.Lock()
        self._numbers = itertools.count()

    async def start(self) -> None:
        """Start the spawner where there is none. Raises `ConfigError` where this machine cannot isolate code in this
        way, `ProviderFault` where the spawner did not come up."""
        async with self._starting:
            if self._spawner is None or not self._spawner.alive:
                if self._spawner is not None:
                    await self._spawner.close()
                self._spawner = await _Spawner.start(self._plan)

    async def spawn(self) -> Worker:
        """A worker that is ready. Raises `ProviderFault`."""
        try:
            await self.start()
        except ConfigError as error:
            raise ProviderFault(f"the sandbox could not be started again: {error}") from None
        assert self._spawner is not None
        try:
            worker = await self._start_one(self._spawner)
        except OSError as error:  # no descriptors left, for one
            raise ProviderFault(f"a sandbox could not be started: {error.strerror}") from None
        try:
            await worker.ready(self._start_s)
        except asyncio.CancelledError:
            await asyncio.shield(worker.end())
            raise
        return worker

    async def _start_one(self, spawner: "_Spawner") -> Worker:
        number = next(self._numbers)
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            (out, out_end), (err, err_end) = os.pipe(), os.pipe()
            with _closing(out_end, err_end):
                worker = Worker(number, self, Channel(reader, writer, self.limits.files_bytes), (out, err))
                spawner.spawn(worker, number, (theirs.fileno(), out_end, err_end))
        return worker

    def kill(self, number: int) -> None:
        """Have the spawner end a worker."""
        if self._spawner is not None:
            self._spawner.say({"kill": number})

    @property
    def spawner_pid(self) -> int:
        """The process id of the spawner, 0 where there is none."""
        return self._spawner.pid if self._spawner is not None else 0

    async def close(self) -> None:
        """End the spawner, and with it all workers."""
        if self._spawner is not None:
            await self._spawner.close()
            self._spawner = None


class _Spawner:
    """The spawner process and the socket to it."""

    def __init__(self, process: "subprocess.Popen[bytes]", control: socket.socket) -> None:
        self._process, self._control = process, control
        self._workers: dict[int, Worker] = {}
        self._loop = asyncio.get_running_loop()
        self.alive = True

    @classmethod
    async def start(cls, plan: SpawnPlan) -> "_Spawner":
        """Raises `ConfigError` with the spawner's reason where it finds this machine unfit."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        command = [sys.executable, "-P", "-m", "fathom.sandbox.code.spawner", str(theirs.fileno())]
        with theirs:
            process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt at the terminal is the supervisor's to handle
            )
        spawner = cls(process, ours)
        try:
            spawner._send(plan.to_json())
            async with asyncio.timeout(_FIT_S):
                await spawner._readable()
            answer = json.loads(ours.recv(MAX_MESSAGE) or b'{"unfit": "it ended"}')
        except (OSError, TimeoutError) as error:
            await spawner.close()
            raise ProviderFault(f"the spawner of sandboxes did not come up: {error}") from None
        if "unfit" in answer:
            await spawner.close()
            raise ConfigError(str(answer["unfit"]))
        spawner._loop.add_reader(ours, spawner._listen)
        return spawner

    async def _readable(self) -> None:
        ready = asyncio.Event()
        self._loop.add_reader(self._control, ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_reader(self._control)

    @property
    def pid(self) -> int:
        return self._process.pid

    def spawn(self, worker: Worker, number: int, stdio: tuple[int, int, int]) -> None:
        """Have `worker` started with these descriptors."""
        self._workers[number] = worker
        try:
            self._send(json.dumps({"spawn": number}).encode(), stdio)
        except OSError:
            self._lost()

    def say(self, message: dict[str, Any]) -> None:
        """Send a message; that there is nobody to hear it is seen elsewhere."""
        with contextlib.suppress(OSError):
            self._send(json.dumps(message).encode())

    def _send(self, data: bytes, descriptors: Sequence[int] = ()) -> None:
        """Raises `OSError`. The spawner waits for nothing, so that a full socket is soon read."""
        select.select([], [self._control], [], _SAY_S)
        socket.send_fds(self._control, [data], descriptors)

    def _listen(self) -> None:
        while self.alive:
            try:
                data = self._control.recv(MAX_MESSAGE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lost()
                return
            message = json.loads(data)
            worker = self._workers.pop(message.get("exited", message.get("failed")), None)
            if worker is None or worker.exited.done():
                continue
            if "failed" in message:
                worker.exited.set_exception(ProviderFault(message["reason"]))
                worker.exited.exception()  # who waits for it gets it; that nobody does is no mistake
                worker.hang_up()
            else:
                worker.exited.set_result(Exit(message["exited"], message["status"], message["oom"]))

    def _lost(self) -> None:
        """The spawner is gone, and so are all workers."""
        if self.alive:
            self.alive = False
            self._loop.remove_reader(self._control)
        for worker in self._workers.values():
            if not worker.exited.done():
                worker.exited.set_exception(ProviderFault("the spawner of sandboxes ended", kind="reset"))
                worker.exited.exception()
        self._workers.clear()

    async def close(self) -> None:
        """End the spawner and wait until it is gone."""
        self._lost()
        self._control.close()
        try:
            await asyncio.to_thread(self._process.wait, _END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        sweep_folders()


@contextlib.contextmanager
def _closing(*descriptors: int) -> Iterator[None]:
    try:
        yield
    finally:
        for number in descriptors:
            os.close(number)


def _files(report: _Report | None, limits: CodeLimits) -> tuple[MadeFile, ...]:
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
