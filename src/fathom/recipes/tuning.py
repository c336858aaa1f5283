"""Fine-tuning a model folder on exported samples: what `fathom train sft` runs."""

import time
from collections.abc import Callable
from hashlib import file_digest
from pathlib import Path
from typing import Any

from fathom.core.assets import exclusive, quiet
from fathom.core.errors import InputError
from fathom.core.jsonl import read_records
from fathom.llm.local.files import WEIGHTS
from fathom.llm.local.load import load_model, load_renderer, use_threads
from fathom.recipes.identity import claim
from fathom.synth.trajectories.samples import SftSample
from fathom.train.data.rows import row_of_messages
from fathom.train.supervised import CHECKPOINT, SupervisedConfig, train_supervised

IDENTITY = "sft.json"


def fine_tune(
    samples: Path, model: Path, out: Path, config: SupervisedConfig, say: Callable[[str], None], *, threads: int
) -> Path:
    """Train the model of a folder on a file of SFT samples, loss on their trainable turns; gives the folder of the
    tuned model in `out`. The same call goes on after a kill. Raises `InputError` for files that are not what they
    should be, `ConfigError` where `out` holds another training."""
    use_threads(threads)
    renderer = load_renderer(model)
    apprentice = load_model(model)
    rows = [row_of_messages(sample.segment, renderer) for sample in read_records(samples, SftSample)]
    if not rows:
        raise InputError(samples, "empty", "there is no sample in it", hint="fathom synth export writes samples")
    settings = {"samples": _digest(samples), "model": _digest(model / WEIGHTS), "training": config.model_dump()}
    began = time.perf_counter()

    def on_step(step: int, steps: int, metrics: dict[str, Any]) -> None:
        if (step + 1) % 20 == 0 or step + 1 == steps:
            spent = time.perf_counter() - began
            say(f"sft: step {step + 1} of {steps}, loss {metrics['loss']:.3f}, {spent:.0f} s")

    with exclusive(out / ".lock", "another process trains in this folder; waiting for it", quiet):
        claim(out / IDENTITY, settings)
        train_supervised(apprentice, renderer, rows, config, out, on_step=on_step)
    return out / CHECKPOINT


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return file_digest(handle, "sha256").hexdigest()
