"""`fathom bench bodies`: hostile bodies and ordinary pages, read by the live reader from a server on this machine.

Memory is that of this process at its largest while the bodies are read, above what it was after an ordinary page. A
crash is an error that is not one of the reader's own. The ordinary pages are documentation installed on this machine;
a page is read well where nine tenths of the words of its paragraphs are in its text. Where fewer than 200 are found the
bench says so and that goal is not met: on Debian `apt install python3-doc` brings enough.
"""

import asyncio
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from fathom.bench.harness import BenchOptions, Figure, Goal
from fathom.bench.processes import resident_bytes
from fathom.core.errors import AccessDeniedError, PageNotFoundError, WorldUnavailableFault
from fathom.core.seeds import stream

if TYPE_CHECKING:
    from fathom.world.reader.live import LiveReader

T = TypeVar("T")

NAME = "bodies"
SUMMARY = "hostile bodies against the live reader, and real pages through it"
GOALS: Mapping[str, Goal] = {
    "bodies": (">=", 40),
    "growth_mb": ("<=", 64.0),
    "crashes": ("==", 0),
    "slowest_s": ("<=", "deadline_s"),
    "pages": (">=", 200),
    "pages_ok_frac": (">=", 0.99),
}

_PARSE_CPU_S, _SPARE_S, _AT_ONCE = 3, 1.0, 2
_FOLDERS = ("/usr/share/doc", "/usr/local/share/doc", "/usr/share/gtk-doc", "/usr/share/javadoc")
_BOOKS = ".rustup/toolchains/*/share/doc/rust/html/book"
_FEWEST_WORDS, _WELL = 10, 0.9
_WORD = re.compile(r"\w+")
EXPECTED = (PageNotFoundError, AccessDeniedError, WorldUnavailableFault)
"""The reader's own errors."""


def run(options: BenchOptions) -> Mapping[str, Figure]:
    """All figures. Quick: a third of the bodies under tighter limits, 200 smaller pages instead of 600."""
    pages = find_pages(*((200, 60_000) if options.quick else (600, 2_000_000)))
    listed = options.scratch / "pages.json"
    listed.write_text(json.dumps([str(path) for path in pages]), encoding="utf-8")
    if len(pages) < GOALS["pages"][1]:  # type: ignore[operator]
        options.progress(f"only {len(pages)} pages of documentation on this machine (Debian: apt install python3-doc)")
    with serving(listed) as site:
        return asyncio.run(_measure(options, site, pages))


def find_pages(most: int, largest: int) -> list[Path]:
    """HTML pages of installed documentation of at most `largest` bytes, drawn from all of it by a fixed seed; Rust's
    books, of which there are many, only where the rest is not enough."""
    folders = [*map(Path, _FOLDERS), Path(sys.prefix) / "share" / "doc"]
    books = sorted(Path.home().glob(_BOOKS))[:1]
    wordy = (
        path for roots in (folders, books) for path in _drawn(roots, largest) if len(_words(path)) >= _FEWEST_WORDS
    )
    return list(islice(wordy, most))


def _drawn(roots: Sequence[Path], largest: int) -> Sequence[Path]:
    found = {path for root in roots for path in root.rglob("*.htm*") if path.suffix in (".html", ".htm")}
    fit = sorted(path for path in found if path.is_file() and path.stat().st_size <= largest)
    stream(0, "bench-bodies").shuffle(fit)
    return fit


async def _measure(options: BenchOptions, site: dict[str, Any], pages: Sequence[Path]) -> Mapping[str, Figure]:
    from fathom.sandbox.egress.client import EgressClient, EgressConfig
    from fathom.world.reader.live import LiveReader, LiveReaderConfig
    from fathom.world.reader.parser import ParserConfig

    def reader(config: LiveReaderConfig) -> LiveReader:
        return LiveReader(EgressClient(EgressConfig(scope="private")), config)

    fetch_s, parse_s = (1.5, 2.0) if options.quick else (4.0, 10.0)
    tight = LiveReaderConfig(timeout_s=fetch_s, parser=ParserConfig(cpu_s=_PARSE_CPU_S, wall_s=parse_s))
    first, *others = (f"http://127.0.0.1:{port}" for port in site["ports"])
    bodies = {name: f"{first}/hostile/{quote(name, safe='')}" for name in site["bodies"]}
    if options.quick:
        bodies = dict(islice(bodies.items(), 0, None, 3))
    bodies |= {name: f"{base}/" for name, base in zip(site["robots"], others, strict=True)}
    ordinary = [partial(_is_read_well, options, f"{first}/page/{n}", path) for n, path in enumerate(pages)]
    began = time.perf_counter()
    good = await _with(reader(LiveReaderConfig()), ordinary)
    page_ms = 1000 * (time.perf_counter() - began) / max(1, len(pages))
    with _Growth() as growth:
        tried = await _with(reader(tight), [partial(_outcome, options, name, bodies[name]) for name in bodies])
    slowest = max(tried, key=lambda outcome: outcome.seconds)
    return {
        "bodies": len(tried),
        "growth_mb": round(growth.mb, 1),
        "crashes": sum(outcome.crashed for outcome in tried),
        "slowest_s": round(slowest.seconds, 2),
        "deadline_s": fetch_s + parse_s + _SPARE_S,
        "slowest": slowest.name,
        "pages": len(pages),
        "pages_ok_frac": round(sum(good) / max(1, len(good)), 4),
        "page_ms": round(page_ms, 1),
    }


async def _with(reader: "LiveReader", works: Sequence[Callable[["LiveReader"], Awaitable[T]]]) -> list[T]:
    """What comes of each, a few at once; the reader is closed."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(work: Callable[["LiveReader"], Awaitable[T]]) -> T:
        async with room:
            return await work(reader)

    try:
        return await asyncio.gather(*map(one, works))
    finally:
        await reader.close()


@dataclass(frozen=True)
class _Outcome:
    name: str
    seconds: float
    crashed: bool


async def _outcome(options: BenchOptions, name: str, url: str, reader: "LiveReader") -> _Outcome:
    began = time.perf_counter()
    (result,) = await asyncio.gather(reader.read(url), return_exceptions=True)
    seconds = time.perf_counter() - began
    crashed = isinstance(result, BaseException) and not isinstance(result, EXPECTED)
    if isinstance(result, BaseException):
        told = f"{'CRASH ' if crashed else ''}{getattr(result, 'kind', '')} {result!r}"
    else:
        told = f"a page of {len(result.page.text)} characters"
    options.progress(f"{seconds:6.2f} s  {name}: {told}"[:200])
    return _Outcome(name, seconds, crashed)


async def _is_read_well(options: BenchOptions, url: str, path: Path, reader: "LiveReader") -> bool:
    wanted = await asyncio.to_thread(_words, path)
    try:
        text = (await reader.read(url)).page.text
    except EXPECTED as error:
        text = ""
        options.progress(f"{path}: {error}")
    share = len(wanted & set(_WORD.findall(text.lower()))) / len(wanted)
    if share < _WELL:
        options.progress(f"{path}: {share:.0%} of its words")
    return share >= _WELL


class _Paragraphs(HTMLParser):
    """Collects what stands in paragraphs outside of navigation: a reading of pages by other means than the reader's."""

    _OUTSIDE = frozenset({"nav", "footer", "aside", "script", "style", "form", "head"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._outside: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._OUTSIDE:
            self._outside.append(tag)
        self._inside = tag == "p" or (self._inside and tag in ("a", "b", "i", "em", "code", "tt", "strong", "span"))

    def handle_endtag(self, tag: str) -> None:
        if self._outside and tag == self._outside[-1]:
            self._outside.pop()
        self._inside = self._inside and tag != "p"

    def handle_data(self, data: str) -> None:
        if self._inside and not self._outside:
            self.texts.append(data)


def _words(path: Path) -> set[str]:
    """The words in the paragraphs of a page."""
    parser = _Paragraphs()
    parser.feed(path.read_text(encoding="utf-8", errors="replace"))
    return {word for text in parser.texts for word in _WORD.findall(text.lower()) if "\ufffd" not in text}


class _Growth:
    """The largest growth of this process's memory while the context lasts, in MB; looked at every few milliseconds."""

    def __enter__(self) -> "_Growth":
        self._before = self._most = resident_bytes()
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._look, name="memory")
        self._watch.start()
        return self

    def _look(self) -> None:
        while not self._ended.wait(0.005):
            self._most = max(self._most, resident_bytes())

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watch.join()

    @property
    def mb(self) -> float:
        return (self._most - self._before) / 1e6


@contextmanager
def serving(pages: Path) -> Iterator[dict[str, Any]]:
    """The server of bodies and of the `pages` that a JSON file lists, in its own process; what it says of itself."""
    code = f"from fathom.bench.bodies_server import serve; serve({str(pages)!r})"
    process = subprocess.Popen([sys.executable, "-P", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
