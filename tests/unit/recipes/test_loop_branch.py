"""What a branch of a loop takes over, and what it must measure itself; stages that are told to stop."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from fathom.core.config import resolve
from fathom.core.errors import ConfigError
from fathom.evals.loop_figures import loop_commits
from fathom.recipes import loop as loops
from fathom.recipes.identity import claim
from fathom.recipes.loop import Loop
from fathom.recipes.loop_branch import branch
from fathom.recipes.loop_config import LoopConfig, nano_short

BASE = nano_short()
FILES = (
    "sft/checkpoint/model.safetensors",
    "primer/metrics.jsonl",
    "held_out/cpt.json",
    "held_out/sft.json",
    "held_out/primer.json",
    "questions/sft.jsonl",
    "questions/rl.jsonl",
    "rl/metrics.jsonl",
    "held_out/rl.json",
)
PRIMER = {"primer/metrics.jsonl", "held_out/primer.json"}
EXAMINED = {"held_out/cpt.json", "held_out/sft.json"}
RL = {"questions/rl.jsonl", "rl/metrics.jsonl"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    claim(folder / "loop.json", BASE.model_dump(mode="json"))
    return folder


@pytest.mark.parametrize(
    ("change", "left_out"),
    [
        ("rl.steps=9", set()),
        ("rl.stop_reward=2.0", set()),
        ("second_questions=9", set()),
        ("rl.steps=2", RL),
        ("rl.stop_reward=0.5", RL),
        ("rl.select.advantage=mean", RL),
        ("rl_questions=9", RL),
        ("rollout.group=4", RL),
        ("pool.active=9", RL),
        ("tool_slots=9", RL),
        ("transport=http", RL),
        ("tool_calls=9", PRIMER | EXAMINED | RL),
        ("sampler.slots=4", PRIMER | EXAMINED | RL),
        ("around=['faulty:0.1']", PRIMER | RL),
    ],
)
def test_a_branch_takes_over_what_its_settings_would_give(
    source: Path, tmp_path: Path, change: str, left_out: set[str]
) -> None:
    branch(source, resolve(BASE, overrides=(change,)), tmp_path / "branch")
    # What RL came to is measured anew: it may go on.
    left_out = left_out | {"held_out/rl.json"}
    assert {name for name in FILES if not (tmp_path / "branch" / name).exists()} == left_out
    told = json.loads((tmp_path / "branch" / "branch.json").read_bytes())
    assert told == {"source": "source", "commits": [json.loads((source / "loop.json").read_bytes())["commit"]]}
    (source / "sft" / "checkpoint" / "model.safetensors").write_text("later")
    branch(source, BASE, tmp_path / "branch")  # done already
    assert (tmp_path / "branch" / "sft" / "checkpoint" / "model.safetensors").read_text() == FILES[0]


def test_what_rl_began_from_comes_with_it_and_rl_only_when_it_has_ended(source: Path, tmp_path: Path) -> None:
    (source / "held_out" / "primer.json").unlink()  # a primer that gave no dose
    branch(source, BASE, tmp_path / "branch")
    assert (tmp_path / "branch" / "primer" / "metrics.jsonl").exists()
    (source / "held_out" / "rl.json").unlink()
    branch(source, BASE, tmp_path / "under-way")
    assert not (tmp_path / "under-way" / "rl").exists()
    assert not (tmp_path / "under-way" / "primer").exists()


def test_more_steps_at_a_rate_that_falls_towards_the_last_are_others_from_the_first(
    source: Path, tmp_path: Path
) -> None:
    falling = resolve(BASE, overrides=("rl.optimizer.final_lr=0.1",))
    (source / "loop.json").unlink()
    claim(source / "loop.json", falling.model_dump(mode="json"))
    branch(source, resolve(falling, overrides=("rl.steps=9",)), tmp_path / "longer")
    branch(source, falling, tmp_path / "same")
    assert not (tmp_path / "longer" / "rl").exists()
    assert (tmp_path / "same" / "rl").exists()


def test_a_copy_that_was_cut_short_begins_anew(source: Path, tmp_path: Path) -> None:
    branch(source, BASE, tmp_path / "branch")
    (tmp_path / "branch" / "branch.json").unlink()
    (tmp_path / "branch" / "sft" / "checkpoint" / "model.safetensors").write_text("half")
    branch(source, BASE, tmp_path / "branch")
    assert (tmp_path / "branch" / "sft" / "checkpoint" / "model.safetensors").read_text() == FILES[0]


def test_a_wrong_source_claims_no_folder(source: Path, tmp_path: Path) -> None:
    for wrong, config in ((tmp_path / "nowhere", BASE), (source, resolve(BASE, overrides=("seed=5",)))):
        with pytest.raises(ConfigError):
            loops.run_loop(config, tmp_path / "new", lambda line: None, source=wrong)
        assert not (tmp_path / "new" / "loop.json").exists()


def test_the_commits_of_all_runs_are_kept(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = loop_commits(source)
    for commit in ("later", "later", "last"):
        monkeypatch.setattr("fathom.recipes.identity.code_version", lambda commit=commit: commit)
        claim(source / "loop.json", BASE.model_dump(mode="json"))
    assert loop_commits(source) == [*first, "later", "last"]
    claim(source / "loop.json", BASE.model_dump(mode="json"), done=True)
    assert loop_commits(source) == [*first, "later", "last"]
    claim(tmp_path / "branch" / "loop.json", BASE.model_dump(mode="json"))
    branch(source, BASE, tmp_path / "branch")
    assert loop_commits(tmp_path / "branch") == [*first, "later", "last"]


def test_ctrl_c_ends_a_stage_at_its_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []

    def train(model: Any, renderer: Any, rows: Sequence[Any], config: Any, folder: Path, *, on_step: Any) -> None:
        for step in range(3):
            on_step(step, 3, {"loss": 1.0})
            steps.append(step)
            task = asyncio.current_task()
            assert task is not None
            task.cancel()  # as asyncio does on SIGINT

    monkeypatch.setattr(loops, "train_supervised", train)
    agent: Any = SimpleNamespace(model=None, renderer=None, sampler=SimpleNamespace(updating=nullcontext))

    async def stage() -> None:
        Loop(BASE, tmp_path, tmp_path, lambda line: None)._train("sft", agent, [], BASE.sft)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(stage())
    assert steps == [0]


def test_a_rollout_alone_has_nothing_to_be_compared_with() -> None:
    with pytest.raises(ValidationError, match=r"rollout\.group"):
        LoopConfig(rollout=BASE.rollout.model_copy(update={"group": 1}))
