"""Supervised training: the loss, checkpoints, and a kill in the middle."""

import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.unit.train.test_metrics import assert_the_board_shows_the_lines, on_the_board

from fathom.core.errors import ConfigError, InputError, StoreFault, TrainingFault
from fathom.llm.local.initial import initialise
from fathom.llm.local.lm import CausalLM, LMConfig
from fathom.llm.local.load import load_model
from fathom.llm.render.formats import NANO
from fathom.llm.render.renderer import Renderer
from fathom.train.checkpoint import load_checkpoint, save_checkpoint, save_model
from fathom.train.data.batches import TokenBatch, padded
from fathom.train.data.rows import Row
from fathom.train.optimize import OptimizerConfig, cross_entropy, learning_rate, make_optimizer, update
from fathom.train.supervised import SupervisedConfig, train_supervised
from fathom.train.tokenizer import TokenizerConfig, train_tokenizer

LM = LMConfig(vocab_size=320, width=32, layers=2, heads=4, kv_heads=4, mlp_width=48, context=128)
RENDERER = Renderer(train_tokenizer(["some text"], TokenizerConfig(vocab_size=320)), NANO)
CONFIG = SupervisedConfig(
    optimizer=OptimizerConfig(lr=1e-2, warmup_steps=3), tokens_per_step=64, epochs=3, checkpoint_steps=4
)
MUON = OptimizerConfig(kind="muon", lr=1e-2, matrix_lr=0.02, warmup_steps=3)
CONFIGS = {"adamw": CONFIG, "muon": CONFIG.model_copy(update={"optimizer": MUON})}


def fresh() -> CausalLM:
    return initialise(CausalLM(LM), torch.Generator().manual_seed(0))


def some_rows() -> list[Row]:
    generator = torch.Generator().manual_seed(3)
    rows = []
    for _ in range(30):
        length = int(torch.randint(4, 40, (1,), generator=generator))
        ids = torch.randint(5, 60, (length,), generator=generator).tolist()
        rows.append(Row(tuple(ids), tuple(float(i % 3 != 0) for i in range(length))))
    return rows


def losses(folder: Path) -> list[tuple[int, float, float]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [(row["step"], row["loss"], row["grad_norm"]) for row in map(json.loads, lines)]


def test_the_loss_equals_a_loop_over_tokens() -> None:
    model, rows = fresh(), some_rows()[:5]
    total = 0.0
    with torch.no_grad():
        for row in rows:
            logits = model(torch.tensor([row.ids]))[0]
            for t in range(1, len(row.ids)):
                scores = [math.exp(value) for value in logits[t - 1].tolist()]
                total -= row.weights[t] * math.log(scores[row.ids[t]] / sum(scores))
        found = cross_entropy(model, padded(rows))[0].item()
    assert found == pytest.approx(total, rel=1e-4)


def test_an_update_does_not_depend_on_micro_batches_nor_on_packing() -> None:
    results = []
    longest = max(len(row.ids) for row in some_rows())
    for micro, packing in ((64, 0), (100_000, 0), (100_000, 3 * longest), (64, longest)):
        model = fresh()
        config = OptimizerConfig(lr=1e-2, micro_tokens=micro, packing=packing)
        metrics = update(model, make_optimizer(model, config), some_rows(), cross_entropy, config, 1e-2)
        results.append((metrics["loss"], metrics["grad_norm"]))
    for each in results[1:]:
        assert each == pytest.approx(results[0], rel=1e-4)


def test_a_gradient_that_is_not_finite_leaves_the_weights_alone() -> None:
    model, config = fresh(), OptimizerConfig(lr=1e-2)
    before = {name: value.clone() for name, value in model.state_dict().items()}

    def diverging(model: CausalLM, batch: TokenBatch) -> tuple[torch.Tensor, dict[str, float]]:
        loss, extra = cross_entropy(model, batch)
        return loss * math.inf, extra

    with pytest.raises(TrainingFault, match=r"learning rate of 0\.01"):
        update(model, make_optimizer(model, config), some_rows(), diverging, config, 1e-2)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_learning_rate_rises_and_falls() -> None:
    config = OptimizerConfig(lr=1.0, warmup_steps=10, final_lr=0.1)
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == rates[10] == 1.0
    assert rates[-1] == pytest.approx(0.1)
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


def test_training_learns_and_a_second_call_only_loads(tmp_path: Path) -> None:
    model = fresh()
    train_supervised(model, RENDERER, some_rows(), CONFIG, tmp_path)
    found = losses(tmp_path)
    assert found[-1][1] < found[0][1] - 0.3
    assert_the_board_shows_the_lines(tmp_path)
    assert on_the_board(tmp_path).keys() >= {"loss", "grad_norm", "lr", "tokens", "trained_tokens"}
    again = fresh()
    train_supervised(again, RENDERER, some_rows(), CONFIG, tmp_path)
    assert losses(tmp_path) == found
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


def test_bad_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to train on"):
        train_supervised(fresh(), RENDERER, [], CONFIG, tmp_path)
    with pytest.raises(ConfigError, match="context 128"):
        train_supervised(fresh(), RENDERER, [Row((5,) * 129, (1.0,) * 129)], CONFIG, tmp_path)
    train_supervised(fresh(), RENDERER, some_rows(), CONFIG, tmp_path)
    with pytest.raises(ConfigError, match="holds a run of"):
        train_supervised(fresh(), RENDERER, some_rows()[:10], CONFIG, tmp_path)


CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.unit.train.test_supervised import CONFIGS, RENDERER, fresh, some_rows
from fathom.train.supervised import train_supervised
def slow(step, steps, metrics):
    print(step, flush=True)
    time.sleep(0.02)
train_supervised(fresh(), RENDERER, some_rows(), CONFIGS[sys.argv[3]], Path(sys.argv[1]), on_step=slow)
"""


@pytest.mark.parametrize("kind", CONFIGS)
def test_killed_at_any_step_it_goes_on_with_the_losses_it_would_have_had(
    kind: str, tmp_path: Path, repository: Path
) -> None:
    train_supervised(fresh(), RENDERER, some_rows(), CONFIGS[kind], tmp_path / "whole")
    for number, until in enumerate((2, 7, 13) if kind == "adamw" else (6,)):
        folder = tmp_path / str(number)
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder), str(repository), kind], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        while int(child.stdout.readline()) < until:
            pass
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        time.sleep(1.1)  # files of TensorBoard are told apart by the second, then by the process
        train_supervised(fresh(), RENDERER, some_rows(), CONFIGS[kind], folder)
        assert losses(folder) == losses(tmp_path / "whole")
        assert_the_board_shows_the_lines(folder)


def test_a_checkpoint_that_was_being_replaced_is_there(tmp_path: Path) -> None:
    model = fresh()
    optimizer = make_optimizer(model, OptimizerConfig())
    save_checkpoint(tmp_path / "c", model, RENDERER, optimizer, {"step": 1})
    (tmp_path / "c").rename(tmp_path / "c.old")
    (tmp_path / "c.tmp").mkdir()
    assert load_checkpoint(tmp_path / "c", fresh(), make_optimizer(fresh(), OptimizerConfig())) == {"step": 1}
    assert load_checkpoint(tmp_path / "none", model, optimizer) is None


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kv_heads", [4, 2])
def test_transformers_loads_the_model_and_saves_one_we_load(tied: bool, kv_heads: int, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = LM.model_copy(update={"tied": tied, "kv_heads": kv_heads, "rope_theta": 5000.0})
    model = initialise(CausalLM(config), torch.Generator().manual_seed(1))
    save_model(model, RENDERER, tmp_path / "ours")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "ours")
    ids = torch.randint(0, 320, (2, 50), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert torch.allclose(theirs(ids).logits, model(ids), atol=1e-5)
    theirs.save_pretrained(tmp_path / "theirs")
    back = load_model(tmp_path / "theirs")
    assert back.config == config
    with torch.no_grad():
        assert torch.allclose(back(ids), model(ids), atol=1e-5)


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    save_model(fresh(), RENDERER, tmp_path)
    path = tmp_path / "config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "model_type": "gpt2"}))
    with pytest.raises(InputError, match="only Llama"):
        load_model(tmp_path)
    path.write_text("{")
    with pytest.raises(InputError, match="corrupt"):
        load_model(tmp_path)


def test_positions_scaled_in_either_spelling_are_refused(tmp_path: Path) -> None:
    save_model(fresh(), RENDERER, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for key, value in (("rope_parameters", {"rope_type": "linear"}), ("rope_scaling", {"type": "linear", "factor": 2})):
        other = {name: each for name, each in config.items() if name != "rope_parameters"} | {key: value}
        (tmp_path / "config.json").write_text(json.dumps(other))
        with pytest.raises(InputError, match="unscaled"):
            load_model(tmp_path)


def test_weights_and_settings_that_are_no_model_are_refused(tmp_path: Path) -> None:
    save_model(fresh(), RENDERER, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    save_file({"other": torch.zeros(2)}, tmp_path / "model.safetensors")
    for change, why in (
        ({}, "not the weights"),
        ({"tie_word_embeddings": True}, "not the weights"),
        ({"vocab_size": 0}, "vocab_size"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(InputError, match=why):
            load_model(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes")
def test_a_disk_that_takes_no_checkpoint_leaves_the_old_one(tmp_path: Path) -> None:
    import resource

    model = fresh()
    optimizer = make_optimizer(model, CONFIG.optimizer)
    update(model, optimizer, some_rows(), cross_entropy, CONFIG.optimizer, 1e-2)
    folder = tmp_path / "checkpoint"
    save_checkpoint(folder, model, RENDERER, optimizer, {"step": 1})
    weights, moments = ((folder / name).stat().st_size for name in ("model.safetensors", "trainer.pt"))
    assert weights + 100 < moments  # so that the second limit is met by what torch writes
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in (100, weights + 100):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
        try:
            with pytest.raises(StoreFault, match="cannot be written"):
                save_checkpoint(folder, model, RENDERER, optimizer, {"step": 2})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
        assert (load_checkpoint(folder, model, optimizer) or {})["step"] == 1


def test_a_tokenizer_of_too_few_ids_is_refused() -> None:
    with pytest.raises(ConfigError, match="too few"):
        train_tokenizer(["x"], TokenizerConfig(vocab_size=300, pieces=tuple(f"piece{n}" for n in range(60))))
