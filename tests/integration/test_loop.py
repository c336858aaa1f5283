"""The whole circle, made tiny: from a world to a trained agent and its report; killed in every stage; over HTTP."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser
from tests.gateways import Watched

from fathom.core.config import Environment, resolve
from fathom.core.errors import ConfigError
from fathom.core.jsonl import read_records
from fathom.core.trajectory import Trajectory
from fathom.evals.loop_report import write_loop_report
from fathom.evals.protocol import AttemptRecord
from fathom.recipes.attempts import DATE
from fathom.recipes.evaluate import EvalConfig, run_eval
from fathom.recipes.loop import run_loop
from fathom.recipes.loop_config import LoopConfig, nano_short
from fathom.recipes.research import research_config
from fathom.train.data.rows import rows_of_segments

SETTINGS = (
    "threads=1",
    "pages=300",
    "held_out_pages=200",
    "reading_texts=60",
    "transcripts=20",
    "oracle_questions=60",
    "rl_questions=40",
    "held_out_questions=10",
    "model.layers=2",
    "model.width=64",
    "model.heads=4",
    "model.kv_heads=4",
    "model.mlp_width=96",
    "cpt.tokens_per_step=512",
    "cpt.checkpoint_steps=4",
    "sft.tokens_per_step=1024",
    "sft.checkpoint_steps=4",
    "primer.doses=2",
    "primer.dose=6",
    "primer.probes=4",
    "primer.target=1.0",
    'primer.kinds.shapes={"chain1"=1.0}',
    "rl.steps=4",
    "rl.checkpoint_steps=2",
    "rollout.batch=2",
    "rollout.group=2",
    "sampler.max_tokens=24",
    "sampler.slots=8",
    "second_turn=true",
    "second_questions=20",
)
TINY: LoopConfig = resolve(nano_short(), overrides=SETTINGS)
# What a stage has written when the process is killed in its middle.
CUTS = {
    "questions": ("questions/sft.jsonl", 1),
    "trajectories": ("trajectories/oracle.attempts.jsonl", 10),
    "tokenizer": ("tokenizer/tokenizer.json", 1),
    "cpt": ("cpt/metrics.jsonl", 6),
    "sft": ("sft/metrics.jsonl", 6),
    "primer": ("primer/metrics.jsonl", 2),
    "rl": ("rl/metrics.jsonl", 3),
    "held-out": ("held_out/rl.json", 1),
    "own": ("trajectories/own.attempts.jsonl", 3),
    "sft2": ("sft2/metrics.jsonl", 2),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def whole(home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float]]:
    """A loop nothing happened to, and the accuracies it gave."""
    folder = tmp_path_factory.mktemp("loops") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FATHOM_HOME", str(home))
        asked = Watched(patch)
        run_loop(TINY, folder, lambda line: None)
        give_own(folder)
        accuracy = run_loop(TINY, folder, lambda line: None)
        assert asked.through["search"] and asked.through["open"] and not asked.past
        return folder, accuracy


def give_own(folder: Path) -> None:
    """A model this small may never answer right: what it did in its examination, right or wrong, for the second turn's
    SFT."""
    for name in ("sft2", "held_out/sft2.json", "held_out/sft2.trajectories.jsonl"):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    shutil.copy2(folder / "held_out" / "rl.trajectories.jsonl", folder / "trajectories" / "own.jsonl")


def metrics(folder: Path, stage: str) -> list[dict[str, Any]]:
    path = folder / stage / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def losses(folder: Path, stage: str) -> list[tuple[int, float]]:
    return [(row["step"], row["loss"]) for row in metrics(folder, stage)]


@pytest.mark.timeout(400)
def test_the_circle_turns_and_leaves_a_report(whole: tuple[Path, dict[str, float]], tmp_path: Path) -> None:
    folder, accuracy = whole
    assert list(accuracy)[:4] == ["cpt", "sft", "primer", "rl"]
    trained = losses(folder, "sft")
    assert trained[-1][1] < trained[0][1] - 1
    page = LexborHTMLParser((folder / "report.html").read_text())
    table = {row.css("td")[0].text(): row.css("td")[1].text() for row in page.css("table")[0].css("tr")[1:]}
    assert [table[name] for name in ("CPT", "SFT", "RL")] == [
        f"{accuracy[stage]:.3f}" for stage in ("cpt", "sft", "rl")
    ]
    curves = {node.text(): node.parent.css("polyline") for node in page.css(".charts h3") if node.parent is not None}
    for title, stage in (("CPT: loss", "cpt"), ("SFT: loss", "sft"), ("Mean reward", "rl"), ("Entropy", "rl")):
        (line,) = curves[title]
        assert len(str(line.attributes["points"]).split()) == len(metrics(folder, stage))
    assert page.css("svg.graph rect.answer")
    assert page.css(".pair .turn.assistant")
    assert page.css("ul.changes li")[0].text().startswith(f"RL: {accuracy['rl'] - accuracy['sft']:+.3f} (95 %: ")
    without = tmp_path / "without"
    shutil.copytree(folder, without)
    (without / "held_out" / "rl.json").unlink()
    write_loop_report([without, folder], tmp_path / "both.html")
    both = (tmp_path / "both.html").read_text()
    assert "The circle: without, whole" in both
    assert "mean and interval" not in both  # one seed twice
    assert f'<td class="n">not measured</td><td class="n">{accuracy["rl"]:.3f}</td>' in both


@pytest.mark.timeout(600)
def test_killed_in_every_stage_it_ends_as_it_would_have(
    whole: tuple[Path, dict[str, float]], home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    command = [sys.executable, "-m", "fathom.cli.main", "loop", "--recipe", "nano-short", "--out", str(folder)]
    command += [part for setting in SETTINGS for part in ("--set", setting)]
    environment = {**os.environ, "FATHOM_HOME": str(home)}
    killed = set()
    for stage, (name, lines) in CUTS.items():
        if stage == "sft2":
            subprocess.run(command, env=environment, capture_output=True, check=True)
            give_own(folder)
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while child.poll() is None and _lines(folder / name) < lines:
            time.sleep(0.005)
        if child.poll() is None:
            os.kill(child.pid, signal.SIGKILL)
            killed.add(stage)
        child.communicate()
    assert killed == CUTS.keys()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["held_out_accuracy"] == whole[1]
    for stage in ("cpt", "sft", "primer", "primer/dose-2", "rl", "sft2"):
        expected, found = metrics(whole[0], stage), metrics(folder, stage)
        assert [row["step"] for row in found] == [row["step"] for row in expected]
        for name in ("loss", "grad_norm", "pass_rate", "reward", "policy_entropy"):
            assert [row.get(name) for row in found] == [row.get(name) for row in expected]


@pytest.mark.timeout(400)
def test_a_second_turn_trains_on_what_was_sampled_and_is_judged(
    whole: tuple[Path, dict[str, float]], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FATHOM_HOME", str(home))
    folder, said = tmp_path / "second", list[str]()
    shutil.copytree(whole[0], folder)
    give_own(folder)
    own = folder / "trajectories" / "own.jsonl"
    accuracy = run_loop(TINY, folder, said.append)
    built = rows_of_segments(segment for t in read_records(own, Trajectory) for segment in t.segments)
    assert f"sft2: {len(built.rows)} rows, {built.forks} forks, {built.dropped_ids} ids dropped" in said
    assert losses(folder, "sft2")
    second = LexborHTMLParser((folder / "report.html").read_text()).css("ul.changes li")[1].text()
    assert second.startswith(f"second turn: {accuracy['sft2'] - accuracy['rl']:+.3f} (95 %: ")


@pytest.mark.timeout(400)
def test_a_branch_goes_on_from_the_same_model_with_other_settings_of_rl(
    whole: tuple[Path, dict[str, float]], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FATHOM_HOME", str(home))
    folder, said = tmp_path / "branch", list[str]()
    (folder / "sft").mkdir(parents=True)  # left by a copy that was cut short
    other = resolve(TINY, overrides=("rl.select.advantage=std", "rl.steps=2", "second_turn=false"))
    accuracy = run_loop(other, folder, said.append, source=whole[0])
    assert list(accuracy) == ["cpt", "sft", "primer", "rl"]
    assert list(accuracy.values())[:3] == list(whole[1].values())[:3]
    assert not any(line.startswith(("cpt: step", "sft: step", "primer/dose")) for line in said)
    assert json.loads((folder / "branch.json").read_bytes())["source"] == "whole"
    # The rollouts of the first step are the same, since only what is made of them differs.
    assert metrics(folder, "rl")[0]["reward"] == metrics(whole[0], "rl")[0]["reward"]
    before = (whole[0] / "sft" / "checkpoint" / "model.safetensors").read_bytes()
    with pytest.raises(ConfigError, match="another configuration"):
        run_loop(other, whole[0], said.append, source=folder)
    assert (whole[0] / "sft" / "checkpoint" / "model.safetensors").read_bytes() == before
    with pytest.raises(ConfigError, match="other settings of seed"):
        run_loop(resolve(other, overrides=("seed=5",)), tmp_path / "no", said.append, source=whole[0])
    assert not (tmp_path / "no").exists() or not list((tmp_path / "no").glob("loop.json"))
    with pytest.raises(ConfigError, match="holds no loop"):
        run_loop(other, tmp_path / "none", said.append, source=tmp_path / "nowhere")


@pytest.mark.timeout(400)
def test_over_http_the_same_policy_is_trained(
    whole: tuple[Path, dict[str, float]], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FATHOM_HOME", str(home))
    run_loop(TINY.model_copy(update={"transport": "http"}), tmp_path / "http", lambda line: None)
    for name in ("reward", "policy_entropy"):
        expected = [row[name] for row in metrics(whole[0], "rl")]
        assert [row[name] for row in metrics(tmp_path / "http", "rl")] == expected


@pytest.mark.timeout(400)
async def test_an_evaluation_of_the_checkpoint_gives_what_the_loop_measured(
    whole: tuple[Path, dict[str, float]], home: Path, tmp_path: Path
) -> None:
    folder = whole[0]
    name = next(path.parent.name for path in home.glob("corpora/*/closed.json") if _pages(path) == TINY.held_out_pages)
    limits = ("sampling.temperature=0", "sampling.top_p=1", f"sampling.max_tokens={TINY.sampler.max_tokens}")
    limits += (f"budget.tool_calls={TINY.tool_calls}", f"budget.llm_calls={TINY.tool_calls + 2}")
    model = f"model=local:{folder / 'sft' / 'checkpoint'}"
    research = resolve(research_config("brief"), overrides=(model, *(f"limits.{limit}" for limit in limits)))
    config = EvalConfig(name="held-out", questions=folder / "questions" / "held-out.jsonl", corpus=name, date=DATE)
    found = await run_eval(config, research, Environment(home=home), out=tmp_path / "eval")
    assert found.report.graders["exact"].avg.mean == whole[1]["sft"]
    records = {row.task_id: row.trajectory for row in read_records(tmp_path / "eval" / "attempts.jsonl", AttemptRecord)}
    for expected in read_records(folder / "held_out" / "sft.trajectories.jsonl", Trajectory):
        mine = records[expected.task_id]
        assert [s.messages for s in mine.segments] == [s.messages for s in expected.segments]
        assert mine.answer == expected.answer


def _pages(path: Path) -> int:
    pages: int = json.loads(path.read_bytes())["pages"]
    return pages


def _lines(path: Path) -> int:
    """Lines of a file; a whole JSON file without line breaks is one."""
    return max(1, path.read_bytes().count(b"\n")) if path.exists() else 0
