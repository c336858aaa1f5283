"""A sandbox of workers: single-use ones held warm, and one per session.

A run without a session takes a worker that is ready, with its modules loaded, and the worker is gone afterwards; the
next one is started meanwhile. A session keeps its worker from run to run, until it is ended, is idle for too long, has
lived for too long, or its code did not end by itself; the next run then begins afresh, and says so.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fathom.core.errors import ProviderFault
from fathom.sandbox.code.config import CodeSandboxConfig
from fathom.sandbox.code.protocol import CodeResult
from fathom.sandbox.code.workers import Worker, WorkerSource

_SWEEP_S = 5.0


@dataclass
class _Session:
    """`used` and `born` are seconds of the pool's clock."""

    worker: Worker | None = None
    born: float = 0.0
    used: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class PooledSandbox:
    """`CodeSandbox` over `workers`. Used from one event loop. `clock` gives seconds that only grow."""

    def __init__(
        self, name: str, workers: WorkerSource, config: CodeSandboxConfig, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self._workers, self._config, self._clock = workers, config, clock
        self._slots = asyncio.Semaphore(config.slots)
        self._ready: asyncio.Queue[Worker | ProviderFault] = asyncio.Queue()
        self._making: list[asyncio.Task[None]] = []
        self._leaving: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._sessions: dict[str, _Session] = {}
        self._sweeping: asyncio.Task[None] | None = None
        self._closed = False

    async def run(self, code: str, session: str = "") -> CodeResult:
        self._require_open()
        return await (self._run_in(session, code) if session else self._run_once(code))

    async def warm_up(self) -> None:
        """Wait until as many workers are ready as are to be held so."""
        self._require_open()
        self._make()
        if self._making:
            await asyncio.wait(self._making)

    async def _run_once(self, code: str) -> CodeResult:
        await self._acquire_slot()
        worker: Worker | None = None
        try:
            worker = await self._take()
            return await worker.run(code, last=True)
        finally:
            # The result is there before the worker is gone; its slot is free after that.
            self._see_off(asyncio.create_task(self._retire(worker)))

    async def _retire(self, worker: Worker | None) -> None:
        try:
            if worker is not None:
                await self._end(worker)
        finally:
            self._slots.release()

    async def _run_in(self, name: str, code: str) -> CodeResult:
        if self._sweeping is None:
            self._sweeping = asyncio.create_task(self._sweep())
        while True:
            session = self._sessions.setdefault(name, _Session())
            async with session.lock:
                self._require_open()
                if self._sessions.get(name) is not session:  # it was ended while this run waited
                    continue
                worker = await self._worker_of(session)
                if self._sessions.get(name) is not session:  # or while it waited for a worker
                    await self._release(session)
                    continue
                try:
                    return await worker.run(code, last=False)
                finally:
                    session.used = self._clock()
                    if not worker.alive:
                        await self._release(session)

    async def _worker_of(self, session: _Session) -> Worker:
        """The worker of a session, a new one where it has none or its time is up."""
        if session.worker is not None and not (session.worker.alive and self._fits(session)):
            await self._release(session)
        if session.worker is None:
            await self._acquire_slot()
            try:
                session.worker = await self._take()
            except BaseException:
                self._slots.release()
                raise
            session.born = session.used = self._clock()
        return session.worker

    def _fits(self, session: _Session) -> bool:
        now = self._clock()
        idle, life = self._config.session_idle_s, self._config.session_life_s
        return now - session.used <= idle and now - session.born <= life

    async def _release(self, session: _Session) -> None:
        """End the worker of a session, if there is one, and give its slot back."""
        worker, session.worker = session.worker, None
        if worker is not None:
            self._slots.release()
            await self._end(worker)

    async def end(self, session: str) -> None:
        ended = self._sessions.pop(session, None)
        if ended is not None and ended.worker is not None:  # else a run that still waits for one gives it back itself
            if ended.lock.locked():  # by a run, which ends with its worker
                await self._end(ended.worker)
            async with ended.lock:
                await self._release(ended)

    async def _sweep(self) -> None:
        """End sessions that nobody uses any more."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            await self.end_idle()

    async def end_idle(self) -> None:
        """End the sessions that are idle for too long or have lived for too long, and forget those without a worker."""
        for name, session in list(self._sessions.items()):
            if not session.lock.locked() and (session.worker is None or not self._fits(session)):
                await self.end(name)

    async def _acquire_slot(self) -> None:
        try:
            async with asyncio.timeout(self._config.queue_s):
                await self._slots.acquire()
        except TimeoutError:
            raise ProviderFault(f"no sandbox was free within {self._config.queue_s:g} s", kind="saturated") from None

    async def _take(self) -> Worker:
        """A worker that is ready. One is made for whoever waits, besides those held ready."""
        self._waiting += 1
        try:
            while True:
                self._require_open()
                self._make()
                made = await self._ready.get()
                if isinstance(made, ProviderFault):
                    raise made
                if made.alive:
                    return made
        finally:
            self._waiting -= 1
            self._make()

    @property
    def _wanted(self) -> int:
        """Workers to be ready or in the making."""
        return 0 if self._closed else self._config.warm + self._waiting

    def _make(self) -> None:
        """Begin to make workers that are wanted, or do away with those that are not any more."""
        missing = self._wanted - self._ready.qsize() - len(self._making)
        for _ in range(missing):
            self._making.append(asyncio.create_task(self._make_one()))
        for _ in range(-missing):
            if self._making:
                given_up = self._making.pop()
                given_up.cancel()
                self._see_off(given_up)
            elif not isinstance(made := self._ready.get_nowait(), ProviderFault):
                self._see_off(asyncio.create_task(self._end(made)))

    def _see_off(self, task: asyncio.Task[None]) -> None:
        """Let a task come to its end; the pool is not closed before."""
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _make_one(self) -> None:
        try:
            made: Worker | ProviderFault = await self._workers.spawn()
        except ProviderFault as fault:
            made = fault
        except (OSError, RuntimeError) as error:  # the machine has no room for a descriptor, process or thread
            made = ProviderFault(f"a sandbox could not be started: {error}")
        finally:
            # At once, and not when the task is found to be done: what was made is counted where it went.
            self._making = [task for task in self._making if task is not asyncio.current_task()]
        if isinstance(made, ProviderFault):
            if self._waiting > self._ready.qsize():  # else the next one who needs a worker finds out
                self._ready.put_nowait(made)
        elif self._ready.qsize() >= self._wanted:
            await self._end(made)
        else:
            self._ready.put_nowait(made)

    async def _end(self, worker: Worker) -> None:
        with contextlib.suppress(ProviderFault):
            await worker.end()

    def _require_open(self) -> None:
        if self._closed:
            raise _closed_fault()

    async def close(self) -> None:
        self._closed = True
        for _ in range(self._waiting):
            self._ready.put_nowait(_closed_fault())
        tasks = [*self._making, *([self._sweeping] if self._sweeping else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        left = [session.worker for session in self._sessions.values() if session.worker is not None]
        while not self._ready.empty():
            made = self._ready.get_nowait()
            left += [] if isinstance(made, ProviderFault) else [made]
        self._sessions.clear()
        await asyncio.gather(*(self._end(worker) for worker in left), *self._leaving, return_exceptions=True)
        await self._workers.close()


def _closed_fault() -> ProviderFault:
    return ProviderFault("the sandbox was closed", kind="refused")
