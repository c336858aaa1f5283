"""`RecordedWorld`: what another world said, from a file; and the wrapper that writes such files.

One JSON line per answer: what was asked and what came back, refusals and faults included. The same question asked
twice while recording is recorded twice and replayed in that order, the last answer standing for all later ones; each
attempt begins with the first. A search for fewer pages is another question: of none of our worlds is what it finds
always the beginning of what a search for more pages finds.
"""

import copy
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from fathom.core.errors import InputError, ReplayError, WorldUnavailableFault
from fathom.core.evidence import Page
from fathom.core.jsonl import append, read_rows
from fathom.core.model import canonical_json
from fathom.core.recorded import raised_error, raised_row
from fathom.world.protocol import RAISED, Hit, World, WorldLink, for_attempt, hits_of, hits_row

A = TypeVar("A")


class RecordingWorld:
    """Passes everything on to `world` and appends what it says to `path`."""

    def __init__(self, world: World, path: Path) -> None:
        self._world, self._path = world, path
        self.name = world.name

    def for_attempt(self, attempt: str) -> World:
        """Into the same file."""
        own = copy.copy(self)
        own._world = for_attempt(self._world, attempt)
        return own

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        return await self._record({"search": query, "k": k}, lambda: self._world.search(query, k), hits_row)

    async def open(self, url: str) -> Page:
        return await self._record({"open": url}, lambda: self._world.open(url), _row)

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        return await self._record({"links": url}, lambda: self._world.links(url), _rows)

    async def close(self) -> None:
        await self._world.close()

    async def _record(self, asked: dict[str, Any], ask: Callable[[], Awaitable[A]], plain: Callable[[A], Any]) -> A:
        try:
            answer = await ask()
        except tuple(RAISED.values()) as error:
            append(self._path, [{"asked": asked, **raised_row(error, RAISED)}])
            raise
        append(self._path, [{"asked": asked, "said": plain(answer)}])
        return answer


def _row(said: Page | WorldLink) -> Any:
    return said.model_dump(mode="json")


def _rows(links: tuple[WorldLink, ...]) -> list[Any]:
    return [_row(link) for link in links]


class RecordedWorld:
    """Answers from a recording. What was never asked while recording it cannot answer, which says nothing about the
    facts: a fault of kind `rejected`, counted in `missing`; a `strict` one raises `ReplayError`, which ends a run.
    Raises `InputError` for a file that is not a recording."""

    def __init__(self, path: Path, *, name: str = "recorded", strict: bool = False) -> None:
        self.name, self._strict = name, strict
        self.missing: Counter[str] = Counter()
        self._given: Counter[str] = Counter()
        self._said: dict[str, list[dict[str, Any]]] = {}
        for number, row in enumerate(read_rows(path), 1):
            raised = row.get("raised") in RAISED and isinstance(row.get("message"), str)
            if not isinstance(row.get("asked"), dict) or not (raised or "said" in row):
                raise InputError(path, "corrupt", f"row {number} is no answer of a world")
            self._said.setdefault(canonical_json(row["asked"]), []).append(row)

    def for_attempt(self, attempt: str) -> World:
        """From the beginning of the recording; what is missing is counted together."""
        own = copy.copy(self)
        own._given = Counter()
        return own

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        return hits_of(self._answer({"search": query, "k": k}))

    async def open(self, url: str) -> Page:
        return Page.model_validate(self._answer({"open": url}))

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        return tuple(WorldLink.model_validate(row) for row in self._answer({"links": url}))

    async def close(self) -> None:
        return None

    def _answer(self, asked: dict[str, Any]) -> Any:
        key = canonical_json(asked)
        rows = self._said.get(key)
        if not rows:
            self.missing[key] += 1
            missing = f"the recording holds no answer to {key}"
            raise ReplayError(missing) if self._strict else WorldUnavailableFault(missing, kind="rejected")
        row = rows[min(self._given[key], len(rows) - 1)]
        self._given[key] += 1
        if "raised" in row:
            raise raised_error(row, RAISED)
        return row["said"]
