"""`BrowserReader`: pages as a headless Chromium shows them, for those that scripts build.

Every page has a browser of its own, in a process tree that is killed afterwards whatever it does. All its connections,
of scripts too, go through a `SocksGate`, so they reach what the reader's scope allows and nothing else.
Needs the extra `browser` and an installed Chromium.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import Field

from fathom.core.clock import utc_now
from fathom.core.config import Config
from fathom.core.errors import (
    AccessDeniedError,
    ConfigError,
    FathomError,
    PageNotFoundError,
    ProviderFault,
    WorldUnavailableFault,
)
from fathom.corpus.ingest.options import MIB
from fathom.sandbox.egress.client import EgressClient
from fathom.sandbox.egress.gate import SocksGate
from fathom.sandbox.egress.policy import target_of
from fathom.sandbox.egress.status import kind_of
from fathom.sandbox.process_tree import kill_below, tree_bytes
from fathom.world.reader.live import WITH_SCHEME, page_of
from fathom.world.reader.parser import PageParser, ParserConfig
from fathom.world.reader.protocol import PageFault, ReadPage
from fathom.world.reader.robots import Robots
from fathom.world.reader.status import GONE, as_unavailable

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
_WATCH_S = 0.25


class BrowserConfig(Config):
    """Settings of the browser."""

    executable: str = Field(default="", description="path of Chromium; empty looks for it on PATH")
    sandbox: bool = Field(default=True, description="Chromium's own sandbox; it does not start as root with it")
    timeout_s: float = Field(default=45.0, gt=0, description="seconds for one page, start of the browser included")
    settle_s: float = Field(default=5.0, ge=0, description="seconds that scripts have after the page itself is there")
    max_bytes: int = Field(default=50_000_000, ge=1, description="bytes that a page and all it asks for may bring in")
    memory_bytes: int = Field(default=1536 * MIB, ge=256 * MIB, description="memory of a browser's processes together")
    browsers: int = Field(
        default=2,
        ge=1,
        description="browsers at once, others wait: within their own time where no gateway has them wait",
    )
    chars: int = Field(default=2_000_000, ge=1000, description="characters of the page's HTML")
    user_agent: str = Field(
        default="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 fathom/0.1",
        description="sent with every request; names fathom, as robots.txt knows it",
    )
    robots: bool = Field(default=True, description="heed what sites ask of robots")
    parser: ParserConfig = ParserConfig()


def find_chromium() -> str:
    """The path of an installed Chromium or Chrome; empty where there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), "")


class BrowserReader:
    """A `PageReader`. `web` is the way out, and is closed with the reader; `parser` and `robots` may be shared, and
    belong then to whoever made them. Raises `ConfigError` where there is no Chromium, no Playwright, or no Linux to
    keep processes together."""

    name = "browser"

    def __init__(
        self,
        web: EgressClient,
        config: BrowserConfig = BrowserConfig(),
        *,
        parser: PageParser | None = None,
        clock: Callable[[], str] = utc_now,
        timer: Callable[[], float] = time.monotonic,
        robots: Robots | None = None,
    ) -> None:
        self._executable = config.executable or find_chromium()
        if not self._executable:
            raise ConfigError("there is no Chromium on PATH", hint="install it (Debian: apt install chromium)")
        if sys.platform != "linux" or find_spec("playwright") is None:
            raise ConfigError("the browser needs Linux and the extra `browser`", hint="pip install playwright")
        self._web, self._config, self._clock = web, config, clock
        self._parser, self._owns_parser = parser or PageParser(config.parser), parser is None
        self._robots = robots or Robots(web, self._parser, timer=timer)
        self._room = asyncio.Semaphore(config.browsers)

    async def read(self, url: str) -> ReadPage:
        if not WITH_SCHEME.match(url):
            raise PageNotFoundError("it is not the address of a web page")
        try:
            async with asyncio.timeout(self._config.timeout_s):
                address = await self._admitted(url)
        except TimeoutError:
            raise PageFault("its host could not be asked in time", kind="timeout") from None
        async with self._room:
            shown = await self._shown(address)
        if shown["url"] != address:
            await self._check(shown["url"])
        status = shown["status"]
        if status in GONE:
            raise PageNotFoundError(f"the server says there is no such page ({status})")
        if status not in (200, 203):
            raise PageFault(f"the server answered with status {status}", kind=kind_of(status))
        body = shown["html"].encode("utf-8", "replace")
        parsed = await self._parser.parse(body, "text/html; charset=utf-8", shown["url"])
        return page_of(url, parsed, self._clock(), private=shown["inside"])

    async def close(self) -> None:
        if self._owns_parser:
            await self._parser.close()
        await self._web.close()

    async def _check(self, url: str) -> None:
        target = target_of(url, self._web.network.scope)
        if self._config.robots:
            await self._robots.check(target.origin, target.url, self._config.timeout_s)

    async def _admitted(self, url: str) -> str:
        """The address to go to, where that may be opened and it is its host's turn."""
        await self._check(url)
        try:
            return (await self._web.admit(url, self._config.timeout_s)).url
        except ProviderFault as fault:
            raise as_unavailable(fault, PageFault) from None

    async def _shown(self, url: str) -> dict[str, Any]:
        """What the browser made of the page: `status`, `url` and `html`; `inside` as of a `WebReply`."""
        refused: list[FathomError] = []
        async with SocksGate(self._web.network, max_bytes=self._config.max_bytes) as gate:
            outcome = await self._browse(url, gate.port, refused)
        if "html" in outcome:
            return {**outcome, "inside": gate.inside}
        if refused:
            raise refused[0]
        if gate.exceeded:
            raise PageFault(f"the page brings in over {self._config.max_bytes} bytes", kind="oversized")
        error = outcome["error"]
        if not outcome["started"]:
            raise WorldUnavailableFault(f"the browser did not start: {error}", kind="refused")
        at = target_of(outcome["at"], self._web.network.scope)
        if (at.host, at.port) in gate.denied:
            raise AccessDeniedError("this address may not be opened: it leads to one that may not")
        raise PageFault(f"the browser could not show the page: {error}", kind=_kind_of(error))

    async def _browse(self, url: str, port: int, refused: list[FathomError]) -> dict[str, Any]:
        """The browser's outcome, from a process tree that is gone when this returns."""
        with tempfile.TemporaryDirectory(prefix="fathom-browser-", ignore_cleanup_errors=True) as home:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-c",
                "from fathom.world.reader.browser_child import serve; serve()",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                # Of this process's environment nothing: it may hold keys.
                env={"PATH": os.defpath, "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8"},
                limit=8 * self._config.chars + 65536,
                start_new_session=True,
            )
            try:
                return await self._answer(process, self._job(url, port), refused)
            finally:
                await asyncio.shield(_end(process))

    async def _answer(
        self, process: asyncio.subprocess.Process, job: dict[str, Any], refused: list[FathomError]
    ) -> dict[str, Any]:
        asked = asyncio.ensure_future(self._told(process, job, refused))
        watch = asyncio.create_task(self._outgrown(process.pid))
        try:
            done, _ = await asyncio.wait(
                {asked, watch}, timeout=self._config.timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            watch.cancel()
            asked.cancel()
        if watch in done:
            raise PageFault(f"the page needs over {self._config.memory_bytes} bytes", kind="oversized")
        if asked not in done:
            raise PageFault(f"no page within {self._config.timeout_s:g} s", kind="timeout")
        return asked.result()

    async def _told(
        self, process: asyncio.subprocess.Process, job: dict[str, Any], refused: list[FathomError]
    ) -> dict[str, Any]:
        """What the browser's holder tells of the job in the end. Where the page leads somewhere else before, it asks
        whether that may be opened; why not is added to `refused`."""
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(job).encode() + b"\n")
        while True:
            try:
                told: dict[str, Any] = json.loads(await process.stdout.readline())
            except ValueError:
                raise WorldUnavailableFault("the browser ended without an answer", kind="reset") from None
            if "leads_to" not in told:
                return told
            try:
                await self._admitted(told["leads_to"])
            except (AccessDeniedError, ProviderFault) as error:
                refused.append(error)
            process.stdin.write(b"false\n" if refused else b"true\n")

    def _job(self, url: str, port: int) -> dict[str, Any]:
        config = self._config
        return {
            "url": url,
            "port": port,
            "executable": str(Path(self._executable).resolve()),
            "sandbox": config.sandbox,
            "timeout_ms": int(1000 * config.timeout_s),
            "settle_ms": int(1000 * config.settle_s),
            "heap_mb": config.memory_bytes // MIB // 4,
            "chars": config.chars,
            "user_agent": config.user_agent,
        }

    async def _outgrown(self, pid: int) -> None:
        """Return when the processes below `pid` take more memory than they may."""
        while True:
            if await asyncio.to_thread(tree_bytes, pid) > self._config.memory_bytes:
                return
            await asyncio.sleep(_WATCH_S)


def _kind_of(error: str) -> WorldUnavailableFault.Kind:
    """Which fault it is that Playwright tells of, in words only."""
    if "net::ERR_" in error:
        return "refused"
    return "timeout" if "Timeout" in error else "oversized" if "crashed" in error else "garbage"


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the browser and all it started, then its holder, which kept them in its tree."""
    await asyncio.to_thread(kill_below, process.pid)
    if process.returncode is None:
        process.kill()
    await process.wait()
