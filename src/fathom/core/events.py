"""Events and the journal: how a run remembers what it did.

A run is a deterministic program plus the results of its effects: model calls, world calls, other tool effects. Each
goes through `Journal.step`, which writes `started` before and `finished` after it. A journal that already holds the
result of a step gives it back instead of repeating the effect; so resuming a run is running its program again over its
journal, and replaying it is doing so with effects forbidden.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

from fathom.core.errors import RunError
from fathom.core.model import Frozen, content_hash

StepKind = Literal["model", "world", "tool"]


class Event(Frozen):
    """One entry of a run's log. `seq` counts from 0 without gaps. `key` is the step's idempotency key and `body` plain
    JSON. `at` is seconds since the epoch when it was written; it is for people and takes no part in replay."""

    run_id: str
    seq: int
    kind: str
    key: str
    body: Any
    at: float


class StepResult(Frozen):
    """What an effect gave: `value` as plain JSON, and how long it took the first time."""

    value: Any
    seconds: float


class Journal(Protocol):
    """Where a run's effects are recorded."""

    async def step(self, kind: StepKind, request: Any, effect: Callable[[], Awaitable[Any]]) -> StepResult:
        """The recorded result of this step, or `effect()` run and recorded.

        `request` is plain JSON and tells what is asked; the step's key is derived from it and from the number of steps
        begun before it. Steps may run side by side as long as they begin in an order the program fixes. `effect`
        returns plain JSON; what it raises passes through, and nothing is recorded as finished. Raises `ReplayError`
        when the record holds another request at this place.
        """
        ...

    def note(self, kind: str, body: Any) -> None:
        """Record something that is no effect (a decision, the end). The program must say the same when run again."""
        ...

    def keep(self, text: str) -> str:
        """Store a large text durably under its sha256 (hex, of its UTF-8) and return that. To be called before the
        event that names it is recorded, so inside `effect`. Keeping a text twice stores it once."""
        ...

    def recall(self, digest: str) -> str:
        """The text kept under `digest`. Raises `RunError` if there is none or it is not what was kept."""
        ...


def step_key(kind: StepKind, index: int, request: Any) -> str:
    """The idempotency key of a run's `index`-th step (from 0): `"<kind>-<index>-<16 hex of the request's hash>"`."""
    return f"{kind}-{index}-{content_hash(request)[:16]}"


class MemoryJournal:
    """A journal that keeps nothing beyond the process; `log` shows what was recorded."""

    def __init__(self) -> None:
        self.log: list[tuple[str, Any]] = []
        self.texts: dict[str, str] = {}
        self._steps = 0

    async def step(self, kind: StepKind, request: Any, effect: Callable[[], Awaitable[Any]]) -> StepResult:
        key = step_key(kind, self._steps, request)
        self._steps += 1
        self.log.append((f"{kind}_started", key))
        began = time.perf_counter()
        result = StepResult(value=await effect(), seconds=time.perf_counter() - began)
        self.log.append((f"{kind}_finished", result.value))
        return result

    def note(self, kind: str, body: Any) -> None:
        self.log.append((kind, body))

    def keep(self, text: str) -> str:
        digest = content_hash(text)
        self.texts[digest] = text
        return digest

    def recall(self, digest: str) -> str:
        if digest not in self.texts:
            raise RunError(f"no text is kept under {digest}")
        return self.texts[digest]


class Listener(Protocol):
    """Someone who watches a run live: a progress display, a log. Must not raise and must not block."""

    def on_event(self, kind: str, body: Any) -> None: ...


class Silent:
    """The listener that ignores everything."""

    def on_event(self, kind: str, body: Any) -> None:
        return None
