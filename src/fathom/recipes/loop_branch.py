"""Branches of a loop: one that goes on from another's fine-tuned model with other settings of RL, for ablations, or
from its trained one where RL would come out the same or only goes on longer."""

import shutil
from pathlib import Path
from typing import Any

from fathom.core.errors import ConfigError
from fathom.core.model import canonical_json
from fathom.core.provenance import commits_of
from fathom.core.texts import write_durably
from fathom.recipes.identity import read_identity
from fathom.recipes.loop_config import LoopConfig
from fathom.train.rl.trainer import RLConfig

IDENTITY = "loop.json"
# What settings after SFT may differ in.
_LATER = {"threads", "around", "primer", "rl", "rollout", "pool", "sampler", "tool_slots", "tool_calls", "transport"}
_LATER |= {"second_turn", "second_questions", "second_tries", "rl_questions"}
_STAGES = ("tokenizer", "cpt", "sft")
_FILES = ("questions/sft.jsonl", "questions/held-out.jsonl", "trajectories/oracle.jsonl")
_FUNNELS = tuple(f"funnels/{name}.json" for name in ("questions-sft", "questions-held-out", "trajectories-oracle"))
BRANCH = "branch.json"  # whose branch it is; written last: where it is, the rest is
_SFT = "held_out/sft.json"
_HELD_OUT = ("held_out/cpt.json", "held_out/cpt.trajectories.jsonl", "held_out/sft.trajectories.jsonl", _SFT)
_PRIMED = "held_out/primer.json"  # there once a primer has given doses
_PRIMER = (
    "questions/primer.jsonl",
    "trajectories/primer.jsonl",
    "funnels/questions-primer.json",
    "funnels/trajectories-primer.json",
    "held_out/primer.trajectories.jsonl",
    _PRIMED,
)
_TRAINED = "held_out/rl.json"  # there once RL has ended
_RL = ("questions/rl.jsonl", "funnels/questions-rl.json")


def check_source(source: Path, config: LoopConfig) -> dict[str, Any]:
    """The identity of the loop to branch from. Raises `ConfigError` where it has no fine-tuned model or came about by
    other settings."""
    if not (source / _SFT).exists():
        raise ConfigError(f"{source} holds no loop that got through SFT")
    identity = read_identity(source / IDENTITY)
    theirs, ours = identity["config"], config.model_dump(mode="json")
    if other := sorted(name for name in ours.keys() - _LATER if theirs.get(name) != ours[name]):
        raise ConfigError(f"{source} has other settings of {', '.join(other)}", hint="branch with the same ones")
    return identity


def branch(source: Path, config: LoopConfig, folder: Path) -> None:
    """Copy everything up to SFT from the loop in `source` to `folder`, unless it is there, and primer and RL too where
    they would come out the same. Cut short, it begins anew. Raises as `check_source`."""
    if (folder / BRANCH).exists():
        return
    identity, ours = check_source(source, config), config.model_dump(mode="json")
    theirs = identity["config"]

    def same(*names: str) -> bool:
        return all(theirs.get(name) == ours[name] for name in names)

    alike = same("primer", "sampler", "tool_calls", "around")
    rolled_out = same("rl_questions", "rollout", "pool", "tool_slots", "transport")
    # Only where it has ended: a stage that is still being written is no one model.
    trained = alike and rolled_out and _longer(theirs["rl"], config.rl) and (source / _TRAINED).exists()
    primed = alike and (trained or (source / _PRIMED).exists())
    measured = _HELD_OUT if same("sampler", "tool_calls") else ()  # else they would be another examination
    for name in (*_STAGES, *(("primer",) if primed else ()), *(("rl",) if trained else ())):
        if (source / name).exists():
            shutil.copytree(source / name, folder / name, dirs_exist_ok=True)
    for name in (*(_PRIMER if primed else ()), *(_RL if trained else ()), *_FILES, *_FUNNELS, *measured):
        if (source / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, folder / name)
    told = {"source": source.name, "commits": commits_of(identity)}
    write_durably(folder / BRANCH, canonical_json(told).encode() + b"\n")


def _longer(theirs: dict[str, Any], ours: RLConfig) -> bool:
    """Whether RL of these settings begins as theirs did, step for step, and goes on at least as long."""
    length = {"steps", "stop_reward", "checkpoint_steps"}
    plain = ours.model_dump(mode="json")
    alike = all(theirs.get(name) == value for name, value in plain.items() if name not in length)
    # A learning rate that falls towards the last step is another one at every step when there are more of them.
    steady = ours.optimizer.final_lr == 1.0 or theirs["steps"] == ours.steps
    return alike and steady and theirs["steps"] <= ours.steps and theirs["stop_reward"] <= ours.stop_reward
