"""`fathom bench environment`: steps per second, beside a loop written as the released one is described.

A step is a turn of a scripted policy with the observation of its call: the oracle over questions of a closed world.
Ours runs the agent through the gateway, all rollouts in one event loop. The other one has a thread for each, one
blocking call at a time, and loads its tokenizer from disk in every turn to count the conversation; it replays the
replies of our rollouts, so the work is the same: searches, pages, windows; nothing is kept from one call to the next
(`cached` is ours with what the gateway keeps by default). Its tokenizer has as many entries as that of
the released model, which is not among what this package may fetch. `loaded_once` is that loop with the tokenizer kept.

Reference: Tongyi DeepResearch release, `inference/react_agent.py` and `run_multi_react.py` (behaviour only).
"""

import asyncio
import importlib
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fathom.bench.harness import BenchOptions, Figure, Goal
from fathom.core.task import Task
from fathom.core.trajectory import Trajectory
from fathom.corpus.closed.knowledge import ClosedConfig, knowledge
from fathom.corpus.snapshot import Snapshot
from fathom.recipes.attempts import attempts
from fathom.recipes.closed import ensure_closed
from fathom.recipes.research import research_config
from fathom.recipes.synthesis import make_questions
from fathom.sandbox.gateway.gateway import Gateway
from fathom.sandbox.gateway.service import ServiceConfig
from fathom.synth.pipeline import PipelineConfig
from fathom.synth.questions import QuestionConfig
from fathom.synth.trajectories.oracle import OracleChat
from fathom.tools.window import windows
from fathom.world.gated import GatedConfig, GatedWorld, world_sources
from fathom.world.simulated import SimulatedWorld

NAME = "environment"
SUMMARY = "environment steps per second, next to a loop of threads and blocking calls"
GOALS: Mapping[str, Goal] = {"ratio": (">=", 20.0)}

_LEVELS = (1, 16, 64, 256)
_VOCABULARY = 151_643  # entries of the released model's tokenizer
_QUICK_VOCABULARY = 10_000
_UNKEPT = GatedConfig(search=ServiceConfig(keep_s=0.0), read=ServiceConfig(keep_s=0.0))


def run(options: BenchOptions) -> Mapping[str, Figure]:
    """All figures; needs transformers, for the other loop's tokenizer."""
    pages, ours, theirs = (500, 64, 12) if options.quick else (5_000, 2_048, 256)
    config = ClosedConfig(pages=pages, seed=5)
    snapshot = ensure_closed("environment", options.scratch, config)
    kinds = QuestionConfig(shapes={"chain2": 1.0})
    outcome = make_questions(
        knowledge(config), kinds, PipelineConfig(count=ours, shard=500), options.scratch / "shards"
    )
    tasks = tuple(Task.model_validate(item) for item in outcome.items)
    figures: dict[str, Figure] = {"pages": pages, "rollouts": len(tasks)}
    done: list[Trajectory] = []
    for level in _LEVELS:
        options.progress(f"{level} rollouts at once")
        some = tasks if level == _LEVELS[-1] else tasks[: max(level, len(tasks) // 8)]
        seconds, done = asyncio.run(_ours(some, snapshot, level, _UNKEPT))
        figures[f"steps_per_second_{level}"] = round(_steps(done) / seconds, 1)
    options.progress("with the cache of the gateway")
    seconds, done = asyncio.run(_ours(tasks, snapshot, _LEVELS[-1], GatedConfig()))
    figures["cached_steps_per_second_256"] = round(_steps(done) / seconds, 1)
    figures["answered_frac"] = sum(t.answer is not None for t in done) / len(done)
    scripts = [_script(trajectory) for trajectory in done[:theirs]]
    entries = figures["tokenizer_entries"] = _QUICK_VOCABULARY if options.quick else _VOCABULARY
    for name, load in _tokenizers(options.scratch / "tokenizer", entries).items():
        options.progress(f"threads, {name}")
        began = time.perf_counter()
        turns = _threads(scripts, snapshot, load, _LEVELS[-1])
        figures[f"{name}_steps_per_second_256"] = round(turns / (time.perf_counter() - began), 2)
    ours_per_s = float(figures["steps_per_second_256"])
    figures["ratio"] = round(ours_per_s / float(figures["released_style_steps_per_second_256"]), 1)
    figures["ratio_loaded_once"] = round(ours_per_s / float(figures["loaded_once_steps_per_second_256"]), 1)
    return figures


async def _ours(
    tasks: Sequence[Task], snapshot: Snapshot, level: int, config: GatedConfig
) -> tuple[float, list[Trajectory]]:
    """Seconds for all tasks with so many rollouts at once, and what became of them. The gateway begins with nothing
    kept."""
    world = SimulatedWorld(snapshot)
    gateway = Gateway()
    attempt = attempts(OracleChat, GatedWorld(world.name, gateway, world_sources(world), config))
    waiting = iter(tasks)
    done: list[Trajectory] = []

    async def worker() -> None:
        for task in waiting:
            done.append(await attempt(task, 0))

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(level)))
    seconds = time.perf_counter() - began
    await gateway.close()
    return seconds, done


def _steps(done: Sequence[Trajectory]) -> int:
    return sum(trajectory.usage.llm_calls for trajectory in done)


def _script(trajectory: Trajectory) -> list[tuple[str, str, dict[str, Any]]]:
    """(reply, tool, arguments) of each turn; the last one calls no tool."""
    rows: list[tuple[str, str, dict[str, Any]]] = []
    for turn in trajectory.segments[0].turns:
        if turn.message.role == "assistant":
            rows.append((turn.message.content, "", {}))
        elif turn.call is not None:
            rows[-1] = (rows[-1][0], turn.call.name, turn.call.arguments)
    return rows


def _threads(
    scripts: Sequence[list[tuple[str, str, dict[str, Any]]]],
    snapshot: Snapshot,
    load: Callable[[], Callable[[str], int]],
    threads: int,
) -> int:
    """Turns done by the loop of threads."""
    limits = research_config("brief")

    def observe(tool: str, arguments: dict[str, Any]) -> str:
        if tool == "search":
            found = [snapshot.search(query, limits.search.k * 3) for query in arguments["query"]]
            return "\n".join(match.passage.text for matches in found for match in matches)
        pages = [snapshot.get(url) for url in arguments["url"]]
        texts = [page.text for page in pages if page is not None]
        spans = [
            (text, windows(text, arguments["goal"], limit=limits.visit.page_chars, size=limits.visit.window_chars))
            for text in texts
        ]
        return "\n".join(text[start:end] for text, found in spans for start, end in found)

    def rollout(script: list[tuple[str, str, dict[str, Any]]]) -> int:
        messages: list[str] = []
        for reply, tool, arguments in script:
            messages.append(reply)
            load()("\n".join(messages))
            if tool:
                json.loads(json.dumps({"name": tool, "arguments": arguments}))
                messages.append(observe(tool, arguments))
        return len(script)

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(rollout, scripts))


def _tokenizers(folder: Path, entries: int) -> dict[str, Callable[[], Callable[[str], int]]]:
    """The two ways of the other loop to have a tokenizer that counts."""
    automatic = importlib.import_module("transformers").AutoTokenizer
    _write_tokenizer(folder, entries)

    def load() -> Callable[[str], int]:
        tokenizer = automatic.from_pretrained(folder)
        return lambda text: len(tokenizer(text)["input_ids"])

    kept = load()
    return {"released_style": load, "loaded_once": lambda: kept}


def _write_tokenizer(folder: Path, entries: int) -> None:
    """A byte-level BPE tokenizer of that many entries, with random merges."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    draw = random.Random(0)
    pieces = sorted(pre_tokenizers.ByteLevel.alphabet())
    known, merges = set(pieces), []
    while len(pieces) < entries:
        left, right = draw.choice(pieces), draw.choice(pieces)
        if len(left) + len(right) <= 12 and left + right not in known:
            known.add(left + right)
            pieces.append(left + right)
            merges.append((left, right))
    tokenizer = Tokenizer(models.BPE({piece: number for number, piece in enumerate(pieces)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = importlib.import_module("transformers").PreTrainedTokenizerFast
    fast(tokenizer_object=tokenizer).save_pretrained(folder)
