"""`History`: what a program did, in order, and how far it has come in doing it again.

Each step and note of the program is compared with the log's next, and each logged result is handed over only when all
that was logged before it has come up again, one at a time. So steps that ran side by side finish in the order they
finished in then, and the program cannot tell the second run from the first.
"""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from fathom.core.errors import ReplayError
from fathom.core.events import Event, StepResult
from fathom.core.model import canonical_json

RUN_EVENTS = "run_"  # kinds that begin so are the runner's own and no part of what the program said
STALL_S = 10.0  # a program over its record waits for nothing outside; long only for the sake of busy machines
_SHOWN_CHARS = 60  # of a value in a difference


class History:
    """The part of a log the program has still to come up with. `results` holds the logged result of each finished
    step by its key."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._left = deque(event for event in events if not event.kind.startswith(RUN_EVENTS))
        self.results = {event.key: event.body for event in self._left if event.kind.endswith("_finished")}
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._handed: asyncio.Future[None] | None = None
        self._at_end: list[asyncio.Future[None]] = []
        self._effects = 0

    @property
    def over(self) -> bool:
        """Whether the log has nothing more to say."""
        return not self._left

    def meet(self, what: str, kind: str, key: str, body: Any) -> None:
        """The program says what the log says next. Raises `ReplayError`, which tells how, if it is something else."""
        logged = self._left[0]
        if (logged.kind, logged.key) != (kind, key) or canonical_json(logged.body) != canonical_json(body):
            raise ReplayError(
                f"{what}: {_difference(kind, body, logged)}",
                hint="the program, its settings or its inputs are not those the run was made with",
            )
        self._left.popleft()
        self._release()

    async def result(self, what: str, key: str) -> StepResult:
        """The logged result of a step that has begun again, once all that came before it has come up again."""
        due = self._waiting[key] = asyncio.get_running_loop().create_future()
        self._release()
        try:
            await self._in_time(due, what)
        finally:
            due.cancel()  # does nothing to one that is done; else this step was cancelled and must not be waited for
            if self._handed is due:
                self._handed = None
            # The next in line is woken now and runs when this one pauses, as it did then.
            self._release()
        return StepResult.model_validate(self.results[key])

    async def end(self, what: str) -> None:
        """Wait until the program has come up with everything in the log."""
        if self._left or self._handed is not None:
            future = asyncio.get_running_loop().create_future()
            self._at_end.append(future)
            await self._in_time(future, what)

    @contextlib.contextmanager
    def effect(self) -> Iterator[None]:
        """Around an effect that is really done: as long as one runs, waiting is no sign of a program gone astray."""
        self._effects += 1
        try:
            yield
        finally:
            self._effects -= 1

    def close(self) -> None:
        """The program has ended. Raises `ReplayError` if the log goes on."""
        if self._left:
            logged = self._left[0]
            raise ReplayError(f"the program ended where the record goes on with {logged.kind} ({logged.key})")

    def _release(self) -> None:
        if self._handed is not None:
            return
        if self._left and self._left[0].kind.endswith("_finished") and self._left[0].key in self._waiting:
            self._handed = self._waiting.pop(self._left.popleft().key)
            if self._handed.done():  # its step was cancelled
                self._handed = None
                self._release()
            else:
                self._handed.set_result(None)
        elif not self._left:
            for future in self._at_end:
                if not future.done():
                    future.set_result(None)
            self._at_end.clear()

    async def _in_time(self, future: "asyncio.Future[None]", what: str) -> None:
        # A future that is done must not cost a turn of the loop: others would get ahead.
        while not future.done():
            done, _ = await asyncio.wait([future], timeout=STALL_S)
            if not done and not self._effects:
                logged = self._left[0]
                raise ReplayError(
                    f"{what}: the record first goes on with {logged.kind} ({logged.key}), but the program does not",
                    hint="a call may have failed then and succeeded now",
                )


def _difference(kind: str, body: Any, logged: Event) -> str:
    if kind != logged.kind:
        return f"the program comes to {kind}, the record has {logged.kind} ({logged.key}) there"
    path, now, then = _first_difference(body, logged.body, "")
    return f"{kind} differs{' at ' + path if path else ''}: now {_shown(now)}, in the record {_shown(then)}"


def difference(now: bytes, then: bytes) -> str:
    """Where two JSON texts part, in a line."""
    try:
        path, one, other = _first_difference(json.loads(now), json.loads(then), "")
    except ValueError:
        return f"not JSON any more ({len(then)} bytes)"
    return f"differs at {path or 'some blank'}: now {_shown(one)}, in the file {_shown(other)}"


def _first_difference(now: Any, then: Any, path: str) -> tuple[str, Any, Any]:
    if isinstance(now, dict) and isinstance(then, dict):
        for name in sorted({*now, *then}):
            if name not in now or name not in then or now[name] != then[name]:
                return _first_difference(now.get(name), then.get(name), f"{path}.{name}" if path else name)
    if isinstance(now, list) and isinstance(then, list) and now != then:
        at = next((i for i, pair in enumerate(zip(now, then, strict=False)) if pair[0] != pair[1]), None)
        if at is not None:
            return _first_difference(now[at], then[at], f"{path}[{at}]")
        return f"length of {path}", len(now), len(then)
    if isinstance(now, str) and isinstance(then, str):
        at = next((i for i, pair in enumerate(zip(now, then, strict=False)) if pair[0] != pair[1]), 0)
        start = max(0, at - _SHOWN_CHARS // 3)
        return path, now[start:], then[start:]
    return path, now, then


def _shown(value: Any) -> str:
    text = canonical_json(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
