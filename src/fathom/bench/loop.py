"""`fathom bench loop`: how fast the parts of the circle are, training and sampling beside TRL and transformers.

Same model, data, batch and threads, in turns within one run; medians. TRL is no dependency: `make rivals` installs it.
"""

import asyncio
import importlib.util
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fathom.bench.harness import BenchOptions, Figure, Goal
from fathom.core.config import torch_defaults
from fathom.core.errors import ConfigError

if TYPE_CHECKING:
    from fathom.bench.loop_parts import Parts

NAME = "loop"
SUMMARY = "questions, training and sampling a second, beside TRL's SFT trainer and transformers' generate"
GOALS: Mapping[str, Goal] = {
    "unique_frac": ("==", 1.0),
    "sft_ratio": (">=", 1.3),
    "sampler_ratio": (">=", 1.3),
    "rollout_sampler_ratio": (">=", 1.3),
}

_PAGES, _QUESTIONS = 2_000, 400
_ROWS = 16  # of a training batch


def run(options: BenchOptions) -> Mapping[str, Figure]:
    """All figures. Raises `ConfigError` where torch or TRL is not installed."""
    torch_defaults()
    for package in ("torch", "trl", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(f"this bench needs {package}", hint="make rivals installs what it compares with")
    from fathom.bench.loop_parts import Parts, own_sft, rl_step, trl_sft
    from fathom.llm.local.load import use_threads

    use_threads(2)
    figures: dict[str, Figure] = {"threads": 2}
    parts, made = Parts.make(options.scratch, _PAGES, 100 if options.quick else _QUESTIONS)
    figures |= made
    rounds, steps = (1, 4) if options.quick else (5, 20)
    own, rival = [], []
    for number in range(rounds):
        options.progress(f"training, round {number + 1} of {rounds}")
        own.append(own_sft(parts, _ROWS, steps))
        rival.append(trl_sft(parts, _ROWS, steps, options.scratch / f"trl{number}"))
    figures["sft_tokens_per_second"] = round(statistics.median(own))
    figures["trl_sft_tokens_per_second"] = round(statistics.median(rival))
    figures["sft_ratio"] = round(statistics.median(a / b for a, b in zip(own, rival, strict=True)), 2)
    figures |= _sampling(parts, options, rounds)
    options.progress("one RL step")
    began = time.perf_counter()
    figures |= asyncio.run(rl_step(parts, _checkpoint(options.home), 4 if options.quick else 16))
    options.progress(f"RL took {time.perf_counter() - began:.0f} s in all")
    return figures


def _sampling(parts: "Parts", options: BenchOptions, rounds: int) -> dict[str, Figure]:
    """Turns of one length, and whole rollouts. Ours twice: with the same bits in any company, which the rival does not
    offer, and without."""
    from fathom.bench.loop_sampling import hf_generate, hf_rollouts, own_generate, own_rollouts, talks

    folder = options.scratch / "hf"
    batch, new = (16, 16) if options.quick else (64, 64)
    conversations = talks(parts.rows, batch)
    ways: dict[str, Callable[[], float]] = {
        "sampler": lambda: asyncio.run(own_generate(parts, batch, new, invariant=True)),
        "sampler_free": lambda: asyncio.run(own_generate(parts, batch, new, invariant=False)),
        "hf_generate": lambda: hf_generate(parts, batch, new, folder),
        "rollout_sampler": lambda: asyncio.run(own_rollouts(parts, conversations, invariant=True)),
        "rollout_sampler_free": lambda: asyncio.run(own_rollouts(parts, conversations, invariant=False)),
        "rollout_hf_generate": lambda: hf_rollouts(parts, conversations, folder),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        options.progress(f"sampling, round {number + 1} of {rounds}")
        for name, way in ways.items():
            found[name].append(way())
    figures: dict[str, Figure] = {
        f"{name}_tokens_per_second": round(statistics.median(speeds)) for name, speeds in found.items()
    }
    for name in ("sampler", "sampler_free", "rollout_sampler", "rollout_sampler_free"):
        rival = found["rollout_hf_generate" if name.startswith("rollout") else "hf_generate"]
        figures[f"{name}_ratio"] = round(statistics.median(a / b for a, b in zip(found[name], rival, strict=True)), 2)
    return figures


def _checkpoint(home: Path) -> Path | None:
    """The fine-tuned model of the nano loop, if one was run here; without it RL steps are timed on random weights."""
    folder = home / "loops" / "nano-0" / "sft" / "checkpoint"
    return folder if folder.exists() else None
