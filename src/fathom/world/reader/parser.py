"""`PageParser`: fetched bodies to pages, in parser processes that may be killed.

The processes stay between pages. As many pages are parsed at once as there are processes; the others wait in line, and
a page that takes its parser too long is a fault of that page only.
"""

import asyncio
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import InputError, WorldUnavailableFault
from fathom.core.model import Frozen
from fathom.corpus.ingest.isolate import Job, Outcome, Parsers
from fathom.corpus.ingest.options import MIB, ReadOptions
from fathom.world.protocol import WorldLink
from fathom.world.reader.media import Form, charset_of, form_of
from fathom.world.reader.protocol import PageFault

T = TypeVar("T")

_KINDS: dict[InputError.Kind, WorldUnavailableFault.Kind] = {"oversized": "oversized", "truncated": "truncated"}
_ROBOTS_CPU_S = 1


class ParserConfig(Config):
    """Limits of parsing one page."""

    cpu_s: int = Field(default=5, ge=1, description="CPU seconds; a page of a million words takes less than one")
    wall_s: float = Field(default=20.0, gt=0, description="seconds on the clock, for machines that are busy")
    memory_bytes: int = Field(default=512 * MIB, ge=256 * MIB, description="address space of a parser process")
    processes: int = Field(default=2, ge=1, description="parser processes, each kept for the next page")
    depth: int = Field(default=512, ge=16, description="open tags; deeper pages lose their structure, not their text")
    chars: int = Field(
        default=400_000, ge=1000, description="characters of text of one page; about the 95,000 tokens of the released"
    )


class Parsed(Frozen):
    """What a body says. `text` is empty where it says nothing."""

    title: str
    text: str
    links: tuple[WorldLink, ...]
    lang: str
    licence: str


class Asked(Frozen):
    """What a site asks of robots: whether a page may be opened, and the seconds to leave between requests."""

    allowed: bool
    every_s: float


class PageParser:
    """Parses bodies. To be closed after use; a closed one opens again."""

    def __init__(self, config: ParserConfig = ParserConfig()) -> None:
        self._config = config
        self._open: tuple[Parsers, ThreadPoolExecutor] | None = None

    async def parse(self, body: bytes, content_type: str, url: str) -> Parsed:
        """The page that `body` is, its links as seen from `url`. Raises `WorldUnavailableFault` for what cannot be read
        or holds no text: such a page may say something to other readers."""
        form = form_of(content_type, body)
        if not body or form is None:
            if not body:
                raise _unreadable("it has no body", "garbage")
            raise _unreadable("it is of no kind that can be read")
        charset = charset_of(content_type)
        part = await self._run(lambda parsers: self._extract(parsers, body, form, charset, url))
        if not part["text"].strip():
            raise _unreadable("it holds no text")
        return parsed_of(part)

    async def robots(self, text: str, url: str, agent: str) -> Asked:
        """What the robots.txt that reads `text` asks of `agent` for `url`. Raises `WorldUnavailableFault` for one that
        cannot be read in time."""
        job = Job(
            "fathom.world.reader.extract:robots",
            {"text": text, "url": url, "agent": agent},
            cpu_s=_ROBOTS_CPU_S,
            wall_s=self._config.wall_s,
        )
        return Asked(**await self._run(lambda parsers: _part(parsers.run(job))))

    async def close(self) -> None:
        """End all processes; pages that are being parsed or wait in line are waited for."""
        if self._open is not None:
            parsers, threads = self._open
            self._open = None

            def end() -> None:
                threads.shutdown()
                parsers.close()

            # In one thread, which comes to its end also where the waiting for it is cancelled.
            await asyncio.to_thread(end)

    async def _run(self, work: Callable[[Parsers], T]) -> T:
        if self._open is None:
            config = self._config
            options = ReadOptions(
                parser_cpu_s=config.cpu_s, parser_memory_bytes=config.memory_bytes, parsers=config.processes
            )
            self._open = Parsers(options), ThreadPoolExecutor(config.processes, thread_name_prefix="page-parser")
        parsers, threads = self._open
        return await asyncio.get_running_loop().run_in_executor(threads, work, parsers)

    def _extract(self, parsers: Parsers, body: bytes, form: Form, charset: str, url: str) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="fathom-page-") as folder:
            path = Path(folder) / "body"
            path.write_bytes(body)
            arguments = {
                "path": str(path),
                "form": form,
                "charset": charset,
                "base": url,
                "depth": self._config.depth,
                "chars": self._config.chars,
            }
            job = Job("fathom.world.reader.extract:extract", arguments, wall_s=self._config.wall_s)
            part: dict[str, Any] = _part(parsers.run(job))
            return part


def parsed_of(part: dict[str, Any]) -> Parsed:
    """The page that a part of `extract` tells of."""
    links = (WorldLink(url=url, title=anchor, anchor=anchor, start=start) for url, anchor, start in part["links"])
    return Parsed(**{**part, "links": tuple(links)})


def _part(outcome: Outcome) -> Any:
    if outcome.parts:
        return outcome.parts[0]
    kind, reason, _ = outcome.failure or ("corrupt", "its parser said nothing", None)
    raise _unreadable(f"{kind}: {reason}", _KINDS.get(kind, "unreadable"))


def _unreadable(why: str, kind: WorldUnavailableFault.Kind = "unreadable") -> PageFault:
    return PageFault(f"the page could not be read: {why}", kind=kind)
