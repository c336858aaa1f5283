"""Parsers in processes of their own, which may be killed.

Third-party parsers of PDF, Office, HTML and wikitext can be made to run for hours, to eat all memory or to crash. Here
they run in child processes with a limit of CPU seconds per job and of memory; whatever happens to a child, the parent
gets an outcome. A crash or lack of memory in a child that had served others may be their fault: the job is tried again
in a new one, so that its outcome does not depend on the jobs before.
"""

import json
import os
import queue
import select
import signal
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fathom.core.config import parser_environment
from fathom.core.errors import InputError
from fathom.corpus.ingest.child import write_frame
from fathom.corpus.ingest.options import ReadOptions

T = TypeVar("T")

_AHEAD = 8  # jobs handed out per process, so that one slow document does not idle the others
_WALL_FACTOR, _WALL_EXTRA_S = 5, 60  # a busy machine gives a process a fraction of a core


@dataclass(frozen=True)
class Job:
    """A call of `function` ("module:name", the module inside this package or by its full name) with JSON arguments; it
    yields JSON parts. `cpu_s` is its own limit of CPU seconds, where that is below the options'; `wall_s` that of
    seconds on the clock, a second try included."""

    function: str
    arguments: dict[str, Any]
    cpu_s: int | None = None
    wall_s: float | None = None


@dataclass
class Outcome:
    """What a job gave. `failure` is (kind, reason, offset) where it did not end well; `parts` came before that."""

    parts: list[Any] = field(default_factory=list)
    failure: tuple[InputError.Kind, str, int | None] | None = None


class Parsers:
    """A few parser processes, started when first needed. To be closed after use."""

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(options.parsers):
            self._idle.put(None)
        self._threads: ThreadPoolExecutor | None = None

    def run(self, job: Job) -> Outcome:
        """The outcome of one job."""
        child = self._idle.get()
        deadline = None if job.wall_s is None else time.monotonic() + job.wall_s
        try:
            if child is None:
                child = _Child(self._options)
            outcome = child.call(job, deadline)
            if child.exhausted and child.served > 1:
                child = _Child(self._options)
                outcome = child.call(job, deadline)
        finally:
            self._idle.put(None if child is None or child.dead else child)
        return outcome

    def map(self, jobs: Iterable[tuple[T, Job | None]]) -> Iterator[tuple[T, Outcome]]:
        """Each label with the outcome of its job, in order, several at a time; an empty outcome where there is no job.

        What `jobs` raises is raised after the outcomes of the jobs before it.
        """
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._options.parsers, thread_name_prefix="parsers")
        waiting: deque[tuple[T, Future[Outcome] | None]] = deque()
        ended: InputError | None = None
        source = iter(jobs)
        try:
            while True:
                while ended is None and len(waiting) < _AHEAD * self._options.parsers:
                    try:
                        label, job = next(source)
                    except StopIteration:
                        break
                    except InputError as error:
                        ended = error
                        break
                    waiting.append((label, self._threads.submit(self.run, job) if job else None))
                if not waiting:
                    break
                label, future = waiting.popleft()
                yield label, future.result() if future else Outcome()
        finally:
            for _, future in waiting:
                if future:
                    future.cancel()
        if ended is not None:
            raise ended

    def close(self) -> None:
        """End all processes. A job that is running is waited for."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
            self._threads = None
        while not self._idle.empty():
            child = self._idle.get()
            if child is not None:
                child.kill()


class _Child:
    """One process. `call` is for one thread at a time."""

    def __init__(self, options: ReadOptions) -> None:
        self._cpu_s = options.parser_cpu_s
        self._memory_bytes = options.parser_memory_bytes
        code = f"from fathom.corpus.ingest.child import serve; serve({options.parser_memory_bytes})"
        # -P: no module is to be found in the folder where fathom happens to be started.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=parser_environment(),
            bufsize=0,
        )
        self._held = bytearray()
        self.served = 0
        self.dead = self.timed_out = self.exhausted = False

    def call(self, job: Job, deadline: float | None) -> Outcome:
        """The outcome of `job`, which is stopped at `deadline` (of the monotonic clock), else after many times its CPU
        seconds."""
        self.served += 1
        outcome = Outcome()
        cpu_s = min(self._cpu_s, job.cpu_s or self._cpu_s)
        if deadline is None:
            deadline = time.monotonic() + _WALL_FACTOR * cpu_s + _WALL_EXTRA_S
        try:
            self._send({"function": job.function, "arguments": job.arguments, "cpu_s": cpu_s})
            while True:
                frame = self._receive(deadline)
                if "part" in frame:
                    outcome.parts.append(frame["part"])
                    continue
                if "error" in frame:
                    kind, reason, offset = frame["error"]
                    outcome.failure = (kind, reason, offset)
                elif "died" in frame:
                    self.kill()
                    outcome.failure = self._verdict(frame["died"])
                return outcome
        except (EOFError, OSError):
            outcome.failure = self._post_mortem(cpu_s)
            return outcome

    def kill(self) -> None:
        self.dead = True
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _send(self, value: Any) -> None:
        assert self._process.stdin is not None
        write_frame(self._process.stdin, value)  # type: ignore[arg-type]

    def _receive(self, deadline: float) -> Any:
        size = struct.unpack(">I", self._take(4, deadline))[0]
        return json.loads(self._take(size, deadline))

    def _take(self, size: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        while len(self._held) < size:
            if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
                self.timed_out = True
                raise EOFError
            block = os.read(pipe, 2**20)
            if not block:
                raise EOFError
            self._held += block
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    def _post_mortem(self, cpu_s: int) -> tuple[InputError.Kind, str, int | None]:
        if not self.timed_out:
            # The pipe closes a moment before the process is gone.
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.timed_out = True
        code = self._process.returncode
        self.kill()
        self.exhausted = not self.timed_out and code != -signal.SIGXCPU
        if self.timed_out:
            return "oversized", "parsing took too long and was stopped", None
        if not self.exhausted:
            return "oversized", f"parsing took more than {cpu_s} s of CPU and was stopped", None
        name = signal.Signals(-code).name if code is not None and code < 0 else f"exit status {code}"
        return "corrupt", f"its parser crashed ({name})", None

    def _verdict(self, died: str) -> tuple[InputError.Kind, str, int | None]:
        if died.startswith("MemoryError"):
            self.exhausted = True
            return "oversized", f"parsing needed more than {self._memory_bytes} bytes of memory", None
        return "corrupt", f"its parser failed ({died})", None
