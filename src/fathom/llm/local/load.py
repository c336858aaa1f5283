"""Models to work with: fresh ones, and those of a folder as `transformers` lays it out."""

import json
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer

from fathom.core.errors import InputError
from fathom.llm.local.files import CONFIG, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS
from fathom.llm.local.initial import initialise
from fathom.llm.local.lm import CausalLM, LMConfig
from fathom.llm.render.formats import CHATML, chat_format
from fathom.llm.render.renderer import Renderer


def use_threads(count: int) -> None:
    """Let torch compute with so many threads from now on."""
    torch.set_num_threads(count)


def fresh_model(config: LMConfig, seed: int) -> CausalLM:
    """A model with the random weights of that seed."""
    return initialise(CausalLM(config), torch.Generator().manual_seed(seed))


def load_model(folder: Path) -> CausalLM:
    """The model of a folder that `save_model` or `transformers` wrote: any Llama without scaled rotary positions and
    biases in its MLP. Raises `InputError` naming the file."""
    path = folder / CONFIG
    try:
        settings: dict[str, Any] = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(path, "missing", error.strerror or "cannot be read") from None
    except ValueError as error:
        raise InputError(path, "corrupt", str(error)) from None
    model = CausalLM(_lm_config(settings, path))
    try:
        weights = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise InputError(folder / WEIGHTS, "corrupt", str(error)) from None
    try:
        if model.config.tied:
            weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
        model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    except (KeyError, RuntimeError) as error:
        raise InputError(
            folder / WEIGHTS, "corrupt", f"not the weights of this model: {error}".splitlines()[0]
        ) from None
    return model


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a model folder. Raises `InputError`."""
    path = folder / TOKENIZER
    if not path.is_file():
        raise InputError(path, "missing", "there is no tokenizer in this folder")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 - tokenizers raises nothing more special
        raise InputError(path, "corrupt", str(error)) from None


def load_renderer(folder: Path) -> Renderer:
    """The tokenizer of a model folder with its chat format: the one it names, else ChatML. Raises `InputError`, and
    `ConfigError` where the tokenizer lacks the format's tokens."""
    tokenizer = load_tokenizer(folder)
    path = folder / TOKENIZER_CONFIG
    try:
        settings = json.loads(path.read_bytes()) if path.exists() else {}
    except ValueError as error:
        raise InputError(path, "corrupt", str(error)) from None
    return Renderer(tokenizer, chat_format(settings.get("chat_format", CHATML.name)))


def _lm_config(settings: dict[str, Any], path: Path) -> LMConfig:
    rotary = settings.get("rope_parameters") or settings.get("rope_scaling") or {}
    if (
        settings.get("model_type") != "llama"
        or settings.get("mlp_bias")
        or (rotary.get("rope_type") or rotary.get("type", "default")) != "default"
    ):
        raise InputError(
            path,
            "unsupported",
            "only Llama models with unscaled rotary positions and no biases in the MLP are trained here",
        )
    try:
        return LMConfig(
            vocab_size=settings["vocab_size"],
            width=settings["hidden_size"],
            layers=settings["num_hidden_layers"],
            heads=settings["num_attention_heads"],
            kv_heads=settings.get("num_key_value_heads") or settings["num_attention_heads"],
            mlp_width=settings["intermediate_size"],
            context=settings["max_position_embeddings"],
            rope_theta=rotary.get("rope_theta") or settings.get("rope_theta") or 10_000.0,
            norm_eps=settings["rms_norm_eps"],
            attention_bias=settings.get("attention_bias", False),
            tied=settings.get("tie_word_embeddings", False),
            init_std=settings.get("initializer_range") or 0.02,
        )
    except KeyError as error:
        raise InputError(path, "corrupt", f"it lacks {error}") from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise InputError(path, "unsupported", wrong) from None
