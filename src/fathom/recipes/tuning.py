"""Fine-tuning a model folder on exported samples: what `fathom train sft` runs."""

import time
from collections.abc import Callable, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any

from fathom.core.assets import exclusive, once
from fathom.core.errors import ConfigError, InputError
from fathom.core.jsonl import read_records
from fathom.llm.local.files import CONFIG, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS
from fathom.llm.local.lm import LMConfig
from fathom.llm.local.load import load_model, load_renderer, use_threads
from fathom.recipes.identity import claim
from fathom.synth.trajectories.samples import SftSample
from fathom.train.data.rows import Row, row_of_messages
from fathom.train.metrics import METRICS
from fathom.train.optimize import OptimizerConfig
from fathom.train.supervised import CHECKPOINT, SupervisedConfig, train_supervised

IDENTITY = "sft.json"
# Gentle enough for a model that has learnt something; a nano model stands ten times the rate.
TUNING = SupervisedConfig(optimizer=OptimizerConfig(lr=3e-4, warmup_steps=10, weight_decay=0.0), tokens_per_step=4096)


def fine_tune(
    samples: Path, model: Path, out: Path, config: SupervisedConfig, say: Callable[[str], None], *, threads: int
) -> Path:
    """Train the model of a folder on a file of SFT samples, loss on their trainable turns; gives the folder of the
    tuned model in `out`. The same call goes on after a kill. Raises `InputError` for files that are not what they
    should be, `ConfigError` where `out` holds another training; nothing is written then."""
    use_threads(threads)
    apprentice = load_model(model)
    renderer = load_renderer(model)
    read = list(read_records(samples, SftSample))
    rows = [row_of_messages(sample.segment, renderer) for sample in read]
    _check(rows, [sample.id for sample in read], samples, apprentice.config)
    settings = {
        "samples": _digest(samples),
        "model": [_digest(model / name) for name in (WEIGHTS, CONFIG, TOKENIZER, TOKENIZER_CONFIG)],
        "training": config.model_dump(mode="json"),
    }
    began = time.perf_counter()

    def on_step(step: int, steps: int, metrics: dict[str, Any]) -> None:
        if (step + 1) % 20 == 0 or step + 1 == steps:
            spent = time.perf_counter() - began
            say(f"sft: step {step + 1} of {steps}, loss {metrics['loss']:.3f}, {spent:.0f} s")

    with exclusive(out / ".lock", "another process trains in this folder; waiting for it", once(say)):
        if (out / METRICS).exists() and not (out / IDENTITY).exists():
            raise ConfigError(f"{out} holds a training of another kind", hint="choose another --out")
        claim(out / IDENTITY, settings)
        train_supervised(apprentice, renderer, rows, config, out, on_step=on_step)
    return out / CHECKPOINT


def _check(rows: Sequence[Row], names: Sequence[str], path: Path, model: LMConfig) -> None:
    """See that the rows can be trained on. Raises `InputError`."""
    if not any(row.trained for row in rows):
        raise InputError(
            path, "empty", "there is no sample with a turn to train on", hint="fathom synth export writes samples"
        )
    long = [name for name, row in zip(names, rows, strict=True) if len(row.ids) > model.context]
    if long:
        raise InputError(
            path,
            "oversized",
            f"{len(long)} samples are longer than the model's context of {model.context} tokens, as {long[0]}",
            hint="leave them out, or export with --form iterresearch, whose samples are single rounds",
        )
    if max(token for row in rows for token in row.ids) >= model.vocab_size:
        raise InputError(path, "unsupported", f"the tokenizer has ids past the model's {model.vocab_size} embeddings")


def _digest(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as handle:
        return file_digest(handle, "sha256").hexdigest()
