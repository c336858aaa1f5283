"""Checkpoints: a model folder as `transformers` reads and writes it, and what an exact resume needs beside it.

`model.safetensors`, `config.json` (a LlamaConfig), `tokenizer.json`, `tokenizer_config.json`; the trainer adds
`trainer.pt` (optimizer) and `trainer.json` (step and whatever else it counts). A checkpoint appears whole or not.
"""

import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from fathom.core.errors import StoreFault
from fathom.core.model import canonical_json
from fathom.core.texts import sync_folder
from fathom.llm.local.files import CONFIG, WEIGHTS
from fathom.llm.local.lm import CausalLM, LMConfig
from fathom.llm.local.load import load_model
from fathom.llm.render.renderer import Renderer
from fathom.train.optimize import Optimizer
from fathom.train.tokenizer import save_tokenizer

OPTIMIZER, STATE = "trainer.pt", "trainer.json"


def save_model(model: CausalLM, renderer: Renderer, folder: Path) -> None:
    """Write a model folder that `transformers.AutoModelForCausalLM` loads."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    if model.config.tied:
        del weights["lm_head.weight"]  # safetensors refuses two names for one tensor
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_text(canonical_json(_llama_config(model.config, renderer)) + "\n", encoding="utf-8")
    save_tokenizer(renderer.tokenizer, folder, renderer.format)


def save_checkpoint(
    folder: Path,
    model: CausalLM,
    renderer: Renderer,
    optimizer: Optimizer,
    state: Mapping[str, Any],
) -> None:
    """Replace the checkpoint at `folder`. A crash or a loss of power at any moment leaves the old or the new one.

    Raises `StoreFault` where the disk does not take it; the old one stands then."""
    draft, old = folder.with_name(folder.name + ".tmp"), folder.with_name(folder.name + ".old")
    for leftover in (draft, old):
        shutil.rmtree(leftover, ignore_errors=True)
    with _stored(folder, draft):
        save_model(model, renderer, draft)
        (draft / OPTIMIZER).write_bytes(_packed(optimizer.state_dict()))
        (draft / STATE).write_text(canonical_json(dict(state)) + "\n", encoding="utf-8")
        for file in draft.iterdir():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
        sync_folder(draft)
    if folder.exists():
        folder.rename(old)
    draft.rename(folder)
    sync_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(folder: Path, model: CausalLM, optimizer: Optimizer) -> dict[str, Any] | None:
    """Fill `model` and `optimizer` from the checkpoint at `folder` and give its state; None if there is none."""
    old = folder.with_name(folder.name + ".old")
    if not folder.exists() and old.exists():  # a crash between the two renames
        old.rename(folder)
    if not folder.exists():
        return None
    model.load_state_dict(load_model(folder).state_dict())
    optimizer.load_state_dict(torch.load(folder / OPTIMIZER, weights_only=True))
    state: dict[str, Any] = json.loads((folder / STATE).read_bytes())
    return state


@contextmanager
def _stored(folder: Path, draft: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        shutil.rmtree(draft, ignore_errors=True)  # or it would keep a full disk full
        hint = "the last checkpoint stands: once the disk takes it, give the same command again"
        raise StoreFault(f"{folder} cannot be written: {error}", hint=hint) from None


def _packed(state: dict[str, Any]) -> bytes:
    # In memory first: torch's own writer raises RuntimeError for a full disk as for everything else.
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _llama_config(config: LMConfig, renderer: Renderer) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": config.vocab_size,
        "hidden_size": config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.width // config.heads,
        "intermediate_size": config.mlp_width,
        "max_position_embeddings": config.context,
        "rope_theta": config.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "rms_norm_eps": config.norm_eps,
        "tie_word_embeddings": config.tied,
        "initializer_range": config.init_std,
        "hidden_act": "silu",
        "attention_bias": config.attention_bias,
        "mlp_bias": False,
        "dtype": "float32",
        "bos_token_id": None,
        "eos_token_id": renderer.end_id,
        "pad_token_id": renderer.tokenizer.token_to_id(renderer.format.special[0]),
    }
