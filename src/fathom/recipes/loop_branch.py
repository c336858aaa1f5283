"""Branches of a loop: one that goes on from another's fine-tuned model with other settings of RL, for ablations."""

import shutil
from pathlib import Path

from fathom.core.errors import ConfigError
from fathom.recipes.identity import read_identity
from fathom.recipes.loop_config import LoopConfig

IDENTITY = "loop.json"
# What settings after SFT may differ in.
_LATER = {"threads", "around", "primer", "rl", "rollout", "pool", "sampler", "tool_slots", "tool_calls", "transport"}
_LATER |= {"second_turn", "second_questions", "second_tries", "rl_questions"}
_STAGES = ("tokenizer", "cpt", "sft")
_FILES = ("questions/sft.jsonl", "questions/held-out.jsonl", "trajectories/oracle.jsonl")
_FUNNELS = tuple(f"funnels/{name}.json" for name in ("questions-sft", "questions-held-out", "trajectories-oracle"))
_LAST = "held_out/sft.json"  # copied last: where it is, the rest is
_HELD_OUT = ("held_out/cpt.json", "held_out/cpt.trajectories.jsonl", "held_out/sft.trajectories.jsonl", _LAST)
_PRIMED = "held_out/primer.json"  # there once a primer has given doses
_PRIMER = (
    "questions/primer.jsonl",
    "trajectories/primer.jsonl",
    "funnels/questions-primer.json",
    "funnels/trajectories-primer.json",
    "held_out/primer.trajectories.jsonl",
    _PRIMED,
)


def branch(source: Path, config: LoopConfig, folder: Path) -> None:
    """Copy everything up to SFT from the loop in `source` to `folder`, unless it is there, and the primer too where it
    is the same. Cut short, it begins anew.

    Raises `ConfigError` where `source` has no fine-tuned model or came about by other settings.
    """
    if (folder / _LAST).exists():
        return
    if not (source / _LAST).exists():
        raise ConfigError(f"{source} holds no loop that got through SFT")
    theirs = read_identity(source / IDENTITY)["config"]
    ours = config.model_dump(mode="json")
    if other := sorted(name for name in ours.keys() - _LATER if theirs.get(name) != ours[name]):
        raise ConfigError(f"{source} has other settings of {', '.join(other)}", hint="branch with the same ones")
    same = all(theirs.get(name) == ours[name] for name in ("primer", "sampler", "tool_calls"))
    primed = same and (source / _PRIMED).exists()
    for name in (*_STAGES, *(("primer",) if primed else ())):
        if (source / name).exists():
            shutil.copytree(source / name, folder / name, dirs_exist_ok=True)
    for name in (*(_PRIMER if primed else ()), *_FILES, *_FUNNELS, *_HELD_OUT):
        if (source / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, folder / name)
