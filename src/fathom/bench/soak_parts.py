"""The loads of `fathom bench soak`: rollouts in two worlds that fail, hostile pages, isolated code, an MCP server.

Each round opens its own corpus, gateway, cache, log, reader, sandbox or server, and closes it.
"""

import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fathom.bench.bodies import EXPECTED
from fathom.bench.faults import oracle_model, web_world
from fathom.bench.faults_web import CorpusWeb
from fathom.bench.processes import processes
from fathom.bench.sandbox_programs import programs, wrong
from fathom.bench.soak_load import Done, Job, Load
from fathom.core.config import child_environment
from fathom.core.errors import ProviderFault
from fathom.core.task import Task
from fathom.corpus.snapshot import Snapshot
from fathom.recipes.attempts import attempts
from fathom.sandbox.code.choose import make_sandbox
from fathom.sandbox.code.config import Backend, CodeLimits, CodeSandboxConfig
from fathom.sandbox.code.gated import GatedSandbox, code_service
from fathom.sandbox.egress.client import EgressClient, EgressConfig
from fathom.sandbox.egress.faulty import FaultyWeb
from fathom.sandbox.gateway.cache import ResultCache
from fathom.sandbox.gateway.calls import FileLog
from fathom.sandbox.gateway.gateway import Gateway
from fathom.sandbox.gateway.service import ServiceConfig
from fathom.tools.mcp.config import McpServerConfig
from fathom.tools.mcp.gated import GatedMcp
from fathom.tools.mcp.server import McpServer
from fathom.world.faults import FaultyWorld
from fathom.world.gated import GatedConfig, GatedWorld, world_sources
from fathom.world.reader.live import LiveReader, LiveReaderConfig
from fathom.world.reader.parser import ParserConfig
from fathom.world.simulated import SimulatedWorld

_SHARE = 0.3  # of requests that fail
_ROUNDS_OF_A_CACHE = 8
_PARSER = "fathom.corpus.ingest.child"  # in the command line of a parser process
_HOSTILE_SHARE, _KILLED_SHARE = 3, 10  # one page in so many is hostile, with one in so many the parsers are killed
_SESSIONS = 3
_COUNTING = "n = globals().get('n', 0) + 1\nopen('n', 'w').write(str(n))\nprint(n)"
# Answers that are soon too old, so that equal questions go out again and old answers serve where that fails.
_SERVICE = ServiceConfig(first_wait_s=0.05, max_wait_s=0.5, keep_s=5.0, keep_negative_s=2.0, keep_stale_s=30.0)


def rollouts(folder: Path, corpus: Path, tasks: Sequence[Task]) -> Load:
    """The agent in a simulated world of whose operations some fail, behind a gateway with its cache on disk."""
    config = GatedConfig(search=_SERVICE, read=_SERVICE)

    @asynccontextmanager
    async def opened(number: int) -> AsyncIterator[Job]:
        world = FaultyWorld(SimulatedWorld(Snapshot.open(corpus)), rate=_SHARE, seed=number)
        gateway = _gateway(folder, number)
        gated = GatedWorld(world.name, gateway, world_sources(world), config, owned=(gateway, world))
        try:
            yield _rollout(gated, tasks)
        finally:
            await gated.close()

    return Load("rollouts", opened, jobs=24, at_once=8, pause_s=0.3)


def web_rollouts(folder: Path, corpus: Path, tasks: Sequence[Task]) -> Load:
    """The agent in the web of the bench of faults: engines, readers and parsers over requests that fail."""

    @asynccontextmanager
    async def opened(number: int) -> AsyncIterator[Job]:
        snapshot = Snapshot.open(corpus)
        gateway = _gateway(folder, number)
        web = FaultyWeb(CorpusWeb(snapshot, latency_s=0.02), rate=_SHARE, seed=number)
        world, reader = web_world(gateway, web)
        try:
            yield _rollout(world, tasks)
        finally:
            await gateway.close()
            await reader.close()
            snapshot.close()

    return Load("web rollouts", opened, jobs=12, at_once=6, pause_s=0.5, latest_s=2.0)


def _rollout(world: GatedWorld, tasks: Sequence[Task]) -> Job:
    attempt = attempts(lambda task, seed: oracle_model(task, faulty=True), world)

    async def job(number: int) -> Done:
        trajectory = await attempt(tasks[number % len(tasks)], number)
        return Done(trajectory.usage.tool_calls, trajectory.stop.kind)

    return job


def _gateway(folder: Path, number: int) -> Gateway:
    """A gateway whose cache and log serve a few rounds; those of earlier ones are removed."""
    own = folder / str(number // _ROUNDS_OF_A_CACHE)
    if not own.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
    return Gateway(cache=ResultCache(own / "cache"), log=FileLog(own / "calls.jsonl"))


def pages(site: dict[str, Any], ordinary: int) -> Load:
    """The live reader over the server of bodies: ordinary pages, hostile ones, and parsers that are killed."""
    first, *others = (f"http://127.0.0.1:{port}" for port in site["ports"])
    hostile = [f"{first}/hostile/{quote(name, safe='')}" for name in site["bodies"]] + [f"{base}/" for base in others]
    config = LiveReaderConfig(timeout_s=2.0, parser=ParserConfig(cpu_s=1, wall_s=8.0))

    @asynccontextmanager
    async def opened(number: int) -> AsyncIterator[Job]:
        reader = LiveReader(EgressClient(EgressConfig(scope="private")), config)
        try:
            yield partial(job, reader)
        finally:
            await reader.close()

    async def job(reader: LiveReader, number: int) -> Done:
        if number % _KILLED_SHARE == _KILLED_SHARE - 1:
            kill_parsers()
        kind, url = "ordinary", f"{first}/page/{number % ordinary}"
        if number % _HOSTILE_SHARE == 0:
            kind, url = "hostile", hostile[number // _HOSTILE_SHARE % len(hostile)]
        await reader.read(url)
        return Done(outcome=f"{kind} read")

    return Load("pages", opened, jobs=20, at_once=4, expected=EXPECTED, pause_s=0.3)


def kill_parsers() -> int:
    """Kill the parser processes that there are, busy or idle, as a machine out of memory would; how many."""
    found = [number for number, process in processes().items() if _is_parser(process.parent, process.command)]
    for number in found:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    return len(found)


def _is_parser(parent: int, command: str) -> bool:
    return parent == os.getpid() and _PARSER in command


def code(kind: Backend, mark: int) -> Load:
    """Isolated code in a sandbox of that kind: good programs, hostile ones, and sessions. `mark` stands in the command
    line of every worker."""
    limits = CodeLimits(timeout_s=8, memory_mb=192, processes=24, disk_mb=8, flood_bytes=4_000_000, files_bytes=mark)
    config = CodeSandboxConfig(limits=limits, preload=(), packages=(), warm=1, slots=4)
    mixed = programs(400)

    @asynccontextmanager
    async def opened(number: int) -> AsyncIterator[Job]:
        gateway = Gateway()
        sandbox = GatedSandbox(gateway, [make_sandbox(kind, config)], code_service(120.0))
        try:
            yield partial(job, sandbox)
        finally:
            await gateway.close()
            await sandbox.close()

    async def job(sandbox: GatedSandbox, number: int) -> Done:
        if number % 4 == 0:
            session = f"session {number // 4 % _SESSIONS}"
            result = await sandbox.run(_COUNTING, session)
            if number % 32 == 0:
                await sandbox.end(session)
            return Done(outcome=f"session {result.end}")
        program = mixed[number % len(mixed)]
        result = await sandbox.run(program.code)
        if program.wanted is None:
            return Done(outcome="hostile")
        return Done(outcome="wrong" if wrong(program, result) else "right")

    return Load("code", opened, jobs=12, at_once=3, expected=(ProviderFault,), pause_s=0.5, latest_s=2.0)


def mcp_calls(mark: str) -> Load | None:
    """An MCP server over standard input and output that dies now and then, or answers too late; None where the extra
    is not installed. `mark` stands in the command lines of the server and its child."""
    if find_spec("mcp") is None:
        return None
    program = Path(__file__).with_name("soak_mcp.py")  # by its file, so that it starts without the rest of the package
    command = (sys.executable, "-S", "-P", str(program), mark)
    config = McpServerConfig(name="soak", allow=("echo",), command=command, timeout_s=2.0)

    @asynccontextmanager
    async def opened(number: int) -> AsyncIterator[Job]:
        gateway = Gateway()
        server = GatedMcp(gateway, McpServer(config, variables=child_environment()))
        try:
            yield partial(job, server)
        finally:
            await gateway.close()
            await server.close()

    async def job(server: GatedMcp, number: int) -> Done:
        text = {6: "die", 9: "slow"}.get(number % 12, f"text {number}")
        reply = await server.call("echo", {"text": text})
        return Done(outcome="said back" if reply.text == text else "wrong")

    return Load("mcp", opened, jobs=12, at_once=2, expected=(ProviderFault,), pause_s=0.3)


def write_pages(snapshot: Snapshot, folder: Path, count: int) -> Iterator[Path]:
    """Pages of a corpus as HTML files."""
    folder.mkdir()
    for number, document in zip(range(count), snapshot.documents(), strict=False):
        path = folder / f"{number}.html"
        text = "".join(f"<p>{part}</p>" for part in document.text.split("\n\n"))
        path.write_text(f"<title>{document.title}</title>{text}", encoding="utf-8")
        yield path
