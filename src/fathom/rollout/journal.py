"""A program's effects over a run's log, done once and remembered.

When a run is continued its program runs again from the top. As long as the log has more to say (`History`), the
journal answers out of it. Behind its end a `RunJournal` does effects and logs them; a step that was started and not
finished is repeated under its key and logged as finished, without a second start. A `ReplayJournal` does none.
"""

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from fathom.core.errors import ReplayError, RunError
from fathom.core.events import Event, StepKind, StepResult, step_key
from fathom.core.model import canonical_json, content_hash
from fathom.core.texts import TextFolder
from fathom.rollout.history import RUN_EVENTS, History


class Log(Protocol):
    """What a journal needs of a store."""

    def events(self) -> Sequence[Event]: ...

    def append(self, kind: str, key: str, body: Any) -> Event: ...

    def keep(self, text: str) -> str: ...

    def recall(self, digest: str) -> str: ...


class RunJournal:
    """The journal of a run that is being made or continued. `timer` measures effects, in seconds."""

    def __init__(self, log: Log, *, timer: Callable[[], float] = time.perf_counter) -> None:
        self._log, self._timer = log, timer
        self._history = History(log.events())
        self._steps = self._notes = 0

    async def step(self, kind: StepKind, request: Any, effect: Callable[[], Awaitable[Any]]) -> StepResult:
        """See `Journal.step`."""
        key, what = step_key(kind, self._steps, request), f"step {self._steps}"
        self._steps += 1
        if self._history.over:
            self._log.append(f"{kind}_started", key, request)
        else:
            self._history.meet(what, f"{kind}_started", key, request)
            if key in self._history.results:
                return await self._history.result(what, key)
        with self._history.effect():
            began = self._timer()
            # As JSON gives it back, so that the program gets now what it gets when it runs over the log.
            value = json.loads(canonical_json(await effect()))
            seconds = self._timer() - began
        # The log may still tell what other steps did beside this one before the run broke off: that came first.
        await self._history.end(what)
        self._log.append(f"{kind}_finished", key, {"value": value, "seconds": seconds})
        return StepResult(value=value, seconds=seconds)

    def note(self, kind: str, body: Any) -> None:
        """See `Journal.note`."""
        key, what = f"note-{self._notes}", f"note {self._notes}"
        if kind.startswith(RUN_EVENTS) or kind.endswith(("_started", "_finished")):
            raise RunError(f"a note cannot be of kind {kind!r}, which is the record's own")
        self._notes += 1
        if self._history.over:
            self._log.append(kind, key, body)
        else:
            self._history.meet(what, kind, key, body)

    def keep(self, text: str) -> str:
        return self._log.keep(text)

    def recall(self, digest: str) -> str:
        return self._log.recall(digest)

    def close(self) -> None:
        """To be called when the program has ended. Raises `ReplayError` if the log goes on."""
        self._history.close()


class ReplayJournal:
    """The journal of a finished run. Raises `ReplayError` at the first thing the program does that the record does not
    have at that place."""

    def __init__(self, events: Sequence[Event], texts: TextFolder) -> None:
        self._history, self._texts = History(events), texts
        self.steps = self._notes = 0

    async def step(self, kind: StepKind, request: Any, effect: Callable[[], Awaitable[Any]]) -> StepResult:
        """See `Journal.step`; `effect` is never called."""
        key, what = step_key(kind, self.steps, request), f"step {self.steps}"
        self.steps += 1
        self._meet(what, f"{kind}_started", key, request)
        if key not in self._history.results:
            raise ReplayError(f"{what} ({kind}) has no result in the record", hint="`fathom resume` the run first")
        return await self._history.result(what, key)

    def note(self, kind: str, body: Any) -> None:
        """See `Journal.note`."""
        key, what = f"note-{self._notes}", f"note {self._notes}"
        self._notes += 1
        self._meet(what, kind, key, body)

    def keep(self, text: str) -> str:
        """Nothing is written: the text must be there."""
        digest = content_hash(text)
        self._texts.recall(digest)
        return digest

    def recall(self, digest: str) -> str:
        return self._texts.recall(digest)

    def close(self) -> None:
        """To be called when the program has ended. Raises `ReplayError` if the record goes on."""
        self._history.close()

    def _meet(self, what: str, kind: str, key: str, body: Any) -> None:
        if self._history.over:
            raise ReplayError(f"{what}: the record ends before it", hint="`fathom resume` the run first")
        self._history.meet(what, kind, key, body)
