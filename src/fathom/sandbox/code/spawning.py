"""The supervisor's side of the spawner: one process beside this one that starts and ends all workers."""

import asyncio
import contextlib
import itertools
import json
import select
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from fathom.core.errors import ConfigError, ProviderFault
from fathom.sandbox.code.config import CodeLimits
from fathom.sandbox.code.plan import MAX_MESSAGE, Exit, SpawnPlan
from fathom.sandbox.code.stage import sweep_folders
from fathom.sandbox.code.workers import Worker, connected

_FIT_S = 60.0  # for the spawner to look at the machine
_SAY_S = 5.0  # for the spawner to take a message
_END_S = 20.0  # for the spawner to end what it started


class SpawnedWorkers:
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
        try:
            await self.start()
        except ConfigError as error:
            raise ProviderFault(f"the sandbox could not be started again: {error}") from None
        assert self._spawner is not None
        number = next(self._numbers)
        async with connected(number, self) as (worker, stdio):
            self._spawner.spawn(worker, number, stdio)
        return await worker.ready_or_ended(self._start_s)

    def kill(self, number: int) -> None:
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


def _start_process() -> tuple["subprocess.Popen[bytes]", socket.socket]:
    """The spawner and the socket to it. Raises `OSError` where there is no room for them."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    try:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "fathom.sandbox.code.spawner", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt at the terminal is the supervisor's to handle
            )
    except OSError:
        ours.close()
        raise
    return process, ours


class _Spawner:
    """The spawner process and the socket to it."""

    def __init__(self, process: "subprocess.Popen[bytes]", control: socket.socket) -> None:
        self._process, self._control = process, control
        self._workers: dict[int, Worker] = {}
        self._loop = asyncio.get_running_loop()
        self.alive = True

    @classmethod
    async def start(cls, plan: SpawnPlan) -> "_Spawner":
        """Raises `ConfigError` with the spawner's reason where it finds this machine unfit, `ProviderFault` where it
        did not come up."""
        try:
            process, ours = _start_process()
        except OSError as error:  # no room for another descriptor or process
            raise ProviderFault(f"the spawner of sandboxes could not be started: {error}") from None
        spawner = cls(process, ours)
        try:
            spawner._send(plan.to_json())
            async with asyncio.timeout(_FIT_S):
                await spawner._readable()
            answer = json.loads(ours.recv(MAX_MESSAGE) or b'{"unfit": "it ended"}')
        except (OSError, TimeoutError) as error:
            await spawner.close()
            raise ProviderFault(f"the spawner of sandboxes did not come up: {error}") from None
        except BaseException:  # the run that it was started for was cancelled
            await spawner.close()
            raise
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
        room = select.poll()
        room.register(self._control, select.POLLOUT)
        room.poll(_SAY_S * 1000)
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
