"""`fathom bench faults`: the agent in a web of which three requests in ten break, beside the same without faults.

A scripted policy (the oracle) researches questions of a closed world that is served as a web: two search engines,
pages, a reader service. `FaultyWeb` breaks requests in 27 ways below everything else, and refuses the first engine
altogether for a while; one model call in twenty fails too. Between web and agent stands what is used in earnest:
engines, reader, gateway with its cache on disk, the tools and the loop.

The same tasks run before without faults. What an agent was told and what it said, with a fault or without, must then be
the same, but where the gateway said that it is saturated or that an answer is from a backup. An agent that was told so
may ask in other words; what only it asked is asked again where nothing breaks.
"""

import asyncio
import gc
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from fathom.bench.faults_web import FIRST, READER, SECOND, CorpusWeb
from fathom.bench.harness import BenchOptions, Figure, Goal
from fathom.core.model import canonical_json
from fathom.core.seeds import derive_seed
from fathom.core.task import Task
from fathom.core.trajectory import Trajectory
from fathom.corpus.closed.knowledge import ClosedConfig, knowledge
from fathom.corpus.snapshot import Snapshot
from fathom.llm.faulty import FaultRates, FaultyChat
from fathom.llm.protocol import ChatModel
from fathom.llm.retry import Retry, RetryConfig, RetryingChat
from fathom.llm.scripted import ScriptedChat
from fathom.recipes.attempts import attempts
from fathom.recipes.closed import ensure_closed
from fathom.recipes.synthesis import make_questions
from fathom.sandbox.egress.faulty import KINDS, FaultyWeb, Outage
from fathom.sandbox.egress.protocol import Web
from fathom.sandbox.gateway.cache import ResultCache
from fathom.sandbox.gateway.calls import FileLog, read_calls
from fathom.sandbox.gateway.gateway import Gateway
from fathom.sandbox.gateway.service import LaneConfig, ServiceConfig
from fathom.synth.pipeline import PipelineConfig
from fathom.synth.questions import QuestionConfig
from fathom.synth.trajectories.oracle import OracleChat
from fathom.tools.search import NOTES
from fathom.world.gated import GatedConfig, GatedWorld, web_sources
from fathom.world.reader.live import LiveReader, LiveReaderConfig
from fathom.world.reader.protocol import PageReader
from fathom.world.reader.service import ServiceReader, ServiceReaderConfig
from fathom.world.search.engine import HttpEngine
from fathom.world.search.engines.searxng import SEARXNG, SearxngConfig
from fathom.world.search.engines.serper import SERPER
from fathom.world.search.protocol import DescribedEngine
from fathom.world.search.search_service import SearchServiceConfig as SerperConfig

NAME = "faults"
SUMMARY = "an agent in a web of which three requests in ten break, beside the same without faults"
GOALS: Mapping[str, Goal] = {
    "tool_calls": (">=", "tool_calls_wanted"),
    "fault_kinds": (">=", 20),
    "model_faults_frac": (">=", "model_faults_wanted"),
    "error_texts_in_assistant": ("==", 0),
    "faults_read_as_evidence": ("==", 0),
    "poisoned_rows": ("==", 0),
    "saturated_frac": ("<=", 0.001),
    "trajectories_lost": ("==", 0),
    "other_answers": ("==", 0),
    "slowdown": ("<=", 1.5),
    "outage_requests": ("<=", "outage_requests_bound"),
}

_AT_ONCE = 256
_SHARE = 0.3
_CALLS_OF_A_TASK = 4  # two hops: search and visit, twice
_TRIES = 6  # at each provider
_MODEL = FaultRates(
    refused=0.01, timeout=0.005, rate_limited=0.01, retry_after=0.005, server_error=0.01, garbage=0.005, empty=0.005,
    slow_s=0.05, retry_after_s=0.05,
)  # fmt: skip
# What would stand in a transcript if a fault had been written into it.
_MARKS = ("scripted:", "connection refused", "answered 429", "answered 500", "not JSON", "<html", "no answer in",
          "Prove that you are human", "Too many requests", "reply is empty", ".example.org:")  # fmt: skip
_SAID_OF_BACKUPS = (
    *(f"{NOTES[note]}\n\n" for note in ("backup", "elsewhere")),
    "\n(It was read in another way than usual; parts of it may be missing.)",
)
_NUMBER = re.compile(r"\[E\d+\]")


@dataclass
class Run:
    """What became of all tasks in one web, in their order; `model` counts model calls by what they met."""

    trajectories: list[Trajectory]
    seconds: float
    web: FaultyWeb
    cache: Path
    calls: Path
    model: Counter[str]
    texts: dict[str, str] = field(default_factory=dict)


def run(options: BenchOptions) -> Mapping[str, Figure]:
    """All figures."""
    pages, calls, outage_s = (400, 800, 2.0) if options.quick else (20_000, 100_000, 60.0)
    return storm(options, pages=pages, calls=calls, outage_s=outage_s)


def storm(options: BenchOptions, *, pages: int, calls: int, outage_s: float) -> Mapping[str, Figure]:
    """The figures of so many tool calls in a world of so many pages."""
    config = ClosedConfig(pages=pages, seed=7)
    snapshot = ensure_closed("faults", options.scratch, config)
    count = calls // _CALLS_OF_A_TASK + calls // 400  # one in a hundred more, since some tasks may end early
    kinds = QuestionConfig(shapes={"chain2": 1.0})
    pipeline = PipelineConfig(count=count, shard=min(count, 1000))
    outcome = make_questions(knowledge(config), kinds, pipeline, options.scratch / "shards")
    tasks = tuple(Task.model_validate(item) for item in outcome.items)
    runs = {}
    for name in ("calm", "backup", "storm"):
        options.progress(f"{len(tasks)} tasks, {name}")
        (options.scratch / name).mkdir()
        gc.collect()
        gc.freeze()  # what the runs before have left is not to be gone through in the time of this one
        runs[name] = asyncio.run(_run(tasks, snapshot, options.scratch / name, name, outage_s))
    for name in ("calm", "backup"):
        _ask_again(tasks, runs[name], runs["storm"], snapshot, name)
    gc.unfreeze()
    return {"pages": pages, "tasks": len(tasks), "tool_calls_wanted": calls, **_figures(runs, outage_s)}


async def _run(
    tasks: Sequence[Task],
    snapshot: Snapshot,
    folder: Path,
    name: str,
    outage_s: float,
    model: Callable[[Task], ChatModel] | None = None,
) -> Run:
    """All tasks in the web that `name` says; the oracle answers where there is no other `model`."""
    begins = asyncio.get_running_loop().time() + 1.0
    outages = (Outage(f"//{FIRST}/", begins, begins + outage_s),) if name == "storm" else ()
    web = FaultyWeb(
        CorpusWeb(snapshot, latency_s=0.05), rate=_SHARE if name == "storm" else 0.0, seed=11, outages=outages
    )
    gateway = Gateway(cache=ResultCache(folder / "cache"), log=FileLog(folder / "calls.jsonl"))
    world, closing = web_world(gateway, web, only_backups=name == "backup")
    met: Counter[str] = Counter()
    ask = model or (lambda task: oracle_model(task, faulty=name == "storm", met=met))
    attempt = attempts(lambda task, seed: ask(task), world)
    done: dict[int, Trajectory] = {}
    waiting = iter(enumerate(tasks))

    async def worker() -> None:
        for number, task in waiting:
            done[number] = await attempt(task, 0)

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(_AT_ONCE)))
    seconds = time.perf_counter() - began
    await gateway.close()
    await closing.close()
    trajectories = [done[number] for number in sorted(done)]
    found = Run(trajectories, seconds, web, folder / "cache", folder / "calls.jsonl", met)
    found.texts = _texts(trajectories)
    return found


def _ask_again(tasks: Sequence[Task], run: Run, storm: Run, snapshot: Snapshot, name: str) -> None:
    """Where the storm's agent went another way, since it was told that something failed, go it in this run's web, so
    that it is known what is there. Texts and cache grow; nothing else of `run` changes."""
    ways = {
        task.id: [turn.message.content for s in trajectory.segments for turn in s.turns if turn.trainable]
        for task, trajectory in zip(tasks, storm.trajectories, strict=True)
        if any(error is not None for _, _, error in _observed(trajectory))
    }
    if ways:
        astray = [task for task in tasks if task.id in ways]
        again = asyncio.run(
            _run(astray, snapshot, run.cache.parent, name, 0.0, lambda task: ScriptedChat(ways[task.id], "oracle"))
        )
        run.texts = {**again.texts, **run.texts}


def web_world(gateway: Gateway, web: Web, *, only_backups: bool = False) -> tuple[GatedWorld, LiveReader]:
    """The world that a `CorpusWeb` is, and the reader to be closed after it."""
    service = ServiceConfig(timeout_s=5.0, deadline_s=60.0, attempts=_TRIES, first_wait_s=0.05, max_wait_s=1.0)
    config = GatedConfig(search=service, read=service, engine=LaneConfig(slots=256), host=LaneConfig(slots=256))
    engines: list[DescribedEngine] = [
        HttpEngine(SEARXNG, SearxngConfig(url=f"https://{FIRST}"), web),
        HttpEngine(SERPER, SerperConfig(url=f"https://{SECOND}/search", api_key=SecretStr("canary-key")), web),
    ]
    live = LiveReader(web, LiveReaderConfig(robots=False), clock=lambda: "2026-01-01T00:00:00Z")
    service_reader = ServiceReader(
        web, ServiceReaderConfig(base_url=f"https://{READER}"), clock=lambda: "2026-01-01T00:00:00Z"
    )
    first = 1 if only_backups else 0
    readers: list[PageReader] = [live, service_reader]
    sources = web_sources(engines[first:], readers[first:], config)
    return GatedWorld("web", gateway, sources, config), live


def oracle_model(task: Task, *, faulty: bool, met: Counter[str] | None = None) -> ChatModel:
    """The oracle for a task; a `faulty` one with the retries that get over it, whose calls are counted in `met`."""
    oracle: ChatModel = OracleChat(task, 0)
    if not faulty:
        return oracle
    retry = Retry(RetryConfig(first_wait_s=0.05, max_wait_s=0.5))
    model = FaultyChat(oracle, _MODEL, derive_seed(1, task.id))
    if met is not None:
        model.counts = met
    return RetryingChat(model, retry)


def _observed(trajectory: Trajectory) -> list[tuple[str, str, str | None]]:
    """(call, what was told of it without the note of a backup, kind of error) of each call."""
    rows = []
    for segment in trajectory.segments:
        for turn in segment.turns:
            if turn.call is not None:
                text = turn.message.content
                for note in _SAID_OF_BACKUPS:
                    text = text.replace(note, "")
                text = _NUMBER.sub("[E]", text)  # which depends on what else was read before
                rows.append((canonical_json([turn.call.name, turn.call.arguments]), text, turn.tool_error))
    return rows


def _texts(trajectories: Sequence[Trajectory]) -> dict[str, str]:
    return {call: text for t in trajectories for call, text, error in _observed(t) if error is None}


def _figures(runs: Mapping[str, Run], outage_s: float) -> dict[str, Figure]:
    calm, backup, storm = runs["calm"], runs["backup"], runs["storm"]
    log = list(read_calls(storm.calls))
    full = sum(call.status == "fault" for call in log)
    observed = [row for trajectory in storm.trajectories for row in _observed(trajectory)]
    met: Counter[str] = storm.web.met
    model_calls, share = max(1, storm.model.total()), _MODEL.share
    return {
        "tool_calls": sum(trajectory.usage.tool_calls for trajectory in storm.trajectories),
        "requests": sum(call.attempts for call in log),
        "fault_kinds": sum(count > 0 for count in met.values()),
        "fault_kinds_known": len(KINDS),
        "faults_met": sum(met.values()),
        "model_calls": model_calls,
        "model_faults_frac": round(1 - storm.model["none"] / model_calls, 5),
        # The share they are drawn with, less three standard deviations of so many draws.
        "model_faults_wanted": round(share - 3 * (share * (1 - share) / model_calls) ** 0.5, 5),
        "error_texts_in_assistant": sum(_marked(trajectory) for trajectory in storm.trajectories),
        "faults_read_as_evidence": sum(
            error is None and text not in (calm.texts.get(call), backup.texts.get(call))
            for call, text, error in observed
        ),
        "not_found_without_evidence": sum(error == "not_found" for _, _, error in observed),
        "poisoned_rows": _poisoned(storm.cache, (calm.cache, backup.cache)),
        "rows": _rows(storm.cache),
        "saturated_frac": round(full / len(log), 6),
        "trajectories_lost": len(calm.trajectories)
        - sum(trajectory.failure is None for trajectory in storm.trajectories),
        "answers": sum(trajectory.answer is not None for trajectory in storm.trajectories),
        "other_answers": _other_answers(calm, storm),
        "slowdown": round(storm.seconds / calm.seconds, 3),
        "calm_seconds": round(calm.seconds, 1),
        "storm_seconds": round(storm.seconds, 1),
        "calls_per_second": round(len(log) / storm.seconds, 1),
        "outage_seconds": outage_s,
        "outage_requests": storm.web.refused[f"//{FIRST}/"],
        # All that were under way when it began, then one trial at a time after rests of 1, 2, 4, ... seconds.
        "outage_requests_bound": _AT_ONCE + int(outage_s).bit_length() + 1,
    }


def _marked(trajectory: Trajectory) -> int:
    said = [turn.message.content for s in trajectory.segments for turn in s.turns if turn.message.role == "assistant"]
    return sum(any(mark in text for mark in _MARKS) for text in said)


def _other_answers(calm: Run, storm: Run) -> int:
    """Tasks answered otherwise although no call of theirs was told to be saturated."""
    other = 0
    for before, after in zip(calm.trajectories, storm.trajectories, strict=True):
        told = {error for _, _, error in _observed(after)} - {None}
        other += not told and _plain(before.answer) != _plain(after.answer)
    return other


def _plain(answer: str | None) -> str:
    return (answer or "").partition(" [")[0]


def _rows(cache: Path) -> int:
    with sqlite3.connect(cache) as db:
        (count,) = db.execute("SELECT count(*) FROM answers").fetchone()
    return int(count)


def _poisoned(cache: Path, truths: Sequence[Path]) -> int:
    """Rows whose body no calm run has under their key."""
    known: set[tuple[str, str, str]] = set()
    for path in truths:
        with sqlite3.connect(path) as db:
            known |= set(db.execute("SELECT key, fact, body FROM answers"))
    with sqlite3.connect(cache) as db:
        return sum(row not in known for row in db.execute("SELECT key, fact, body FROM answers"))
