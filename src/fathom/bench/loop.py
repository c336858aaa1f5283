"""`fathom bench loop`: how fast the parts of the circle are, training and sampling beside TRL and transformers.

Same model, data, batch and threads, in turns within one run; medians. TRL is no dependency: `make rivals` installs it.
"""

import asyncio
import importlib.util
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

from fathom.bench.harness import BenchOptions, Figure, Goal
from fathom.core.config import native_default
from fathom.core.errors import ConfigError

NAME = "loop"
SUMMARY = "questions, training and sampling a second, beside TRL's SFT trainer and transformers' generate"
GOALS: Mapping[str, Goal] = {
    "unique_frac": ("==", 1.0),
    "sft_ratio": (">=", 1.3),
    "sampler_ratio": (">=", 1.3),
}

_PAGES, _QUESTIONS = 2_000, 400
_ROWS = 16  # of a training batch


def run(options: BenchOptions) -> Mapping[str, Figure]:
    """All figures. Raises `ConfigError` where torch or TRL is not installed."""
    native_default("OMP_WAIT_POLICY", "PASSIVE")
    for package in ("torch", "trl", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(f"this bench needs {package}", hint="make rivals installs what it compares with")
    from fathom.bench.loop_parts import Parts, hf_generate, own_generate, own_sft, rl_step, trl_sft
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
    own, free, rival = [], [], []
    batch, new = (16, 16) if options.quick else (64, 64)
    for number in range(rounds):
        options.progress(f"sampling, round {number + 1} of {rounds}")
        own.append(asyncio.run(own_generate(parts, batch, new, invariant=True)))
        free.append(asyncio.run(own_generate(parts, batch, new, invariant=False)))
        rival.append(hf_generate(parts, batch, new, options.scratch / "hf"))
    figures["sampler_tokens_per_second"] = round(statistics.median(own))
    figures["hf_generate_tokens_per_second"] = round(statistics.median(rival))
    figures["sampler_ratio"] = round(statistics.median(a / b for a, b in zip(own, rival, strict=True)), 2)
    # Without the same bits in any company, which the rival does not give either.
    figures["sampler_free_ratio"] = round(statistics.median(a / b for a, b in zip(free, rival, strict=True)), 2)
    options.progress("one RL step")
    began = time.perf_counter()
    figures |= asyncio.run(rl_step(parts, _checkpoint(options.home), 4 if options.quick else 16))
    options.progress(f"RL took {time.perf_counter() - began:.0f} s in all")
    return figures


def _checkpoint(home: Path) -> Path | None:
    """The fine-tuned model of the nano loop, if one was run here; without it RL steps are timed on random weights."""
    folder = home / "loops" / "nano-0" / "sft" / "checkpoint"
    return folder if folder.exists() else None
