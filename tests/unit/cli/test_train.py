"""`fathom train sft`: from exported samples to a model folder."""

import json
from pathlib import Path

import pytest

from fathom.cli import main as cli
from fathom.core.jsonl import append, read_records
from fathom.core.message import Message
from fathom.core.trajectory import Segment, Turn
from fathom.llm.local.lm import LMConfig
from fathom.llm.local.load import fresh_model, load_model, load_renderer
from fathom.llm.render.formats import NANO
from fathom.llm.render.renderer import Renderer
from fathom.synth.protocol import Provenance
from fathom.synth.trajectories.samples import SftSample
from fathom.train.checkpoint import save_model
from fathom.train.data.rows import row_of_messages
from fathom.train.tokenizer import TokenizerConfig, train_tokenizer

QUESTION, REPLY = "Who founded Velor Works?", "<answer>\nTikus [E1]\n</answer>"


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model and a file of samples; one of its turns is wrong and not to be trained on."""
    monkeypatch.chdir(tmp_path)
    tokenizer = train_tokenizer([QUESTION, REPLY] * 5, TokenizerConfig(vocab_size=300))
    config = LMConfig(vocab_size=tokenizer.get_vocab_size(), width=32, layers=1, heads=2, kv_heads=2, mlp_width=32)
    save_model(fresh_model(config, 0), Renderer(tokenizer, NANO), tmp_path / "base")
    segment = Segment(
        role="react",
        start=(Message(role="user", content=QUESTION),),
        turns=(
            Turn(message=Message(role="assistant", content="zzzz"), trainable=False),
            Turn(message=Message(role="assistant", content=REPLY), trainable=True),
        ),
    )
    made = [
        SftSample(id=str(n), task_id="t", form="react", segment=segment, provenance=Provenance(seed=0, model="oracle"))
        for n in range(8)
    ]
    append(tmp_path / "s.jsonl", made)
    return tmp_path / "s.jsonl"


def sft(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = cli.run(["train", "sft", *args])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_tunes_a_folder_and_goes_on_where_it_was(samples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["s.jsonl", "--model", "base", "--out", "out", "--threads", "1"]
    args += ["--set", "epochs=40", "--set", "tokens_per_step=128", "--set", "optimizer.lr=0.01"]
    code, out, _ = sft(capsys, *args)
    assert (code, out) == (0, "out/checkpoint: use it as --model local:out/checkpoint\n")
    metrics = [json.loads(line) for line in Path("out/metrics.jsonl").read_bytes().splitlines()]
    assert metrics[-1]["loss"] < 0.2 < 2 < metrics[0]["loss"]
    # The reply with its end token, and nothing of the turn that is not to be trained on.
    renderer = load_renderer(Path("base"))
    (row,) = {row_of_messages(sample.segment, renderer) for sample in read_records(samples, SftSample)}
    assert {r["trained_tokens"] / (r["tokens"] / len(row.ids)) for r in metrics} == {len(renderer.encode(REPLY)) + 1}
    tuned = load_model(Path("out/checkpoint")).state_dict()

    before = Path("out/metrics.jsonl").read_bytes()
    assert sft(capsys, *args)[0] == 0
    assert Path("out/metrics.jsonl").read_bytes() == before
    again = load_model(Path("out/checkpoint")).state_dict()
    assert all((again[name] == tuned[name]).all() for name in tuned)


def test_a_folder_belongs_to_one_training(samples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["s.jsonl", "--model", "base", "--out", "out", "--threads", "1"]
    assert sft(capsys, *args)[0] == 0
    code, _, err = sft(capsys, *args, "--set", "epochs=2")
    assert code != 0
    assert "another configuration (training)" in err
    Path("out/sft.json").unlink()
    code, _, err = sft(capsys, *args)
    assert code != 0
    assert "a training of another kind" in err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("none.jsonl --model base --out out", "none.jsonl: missing"),
        ("s.jsonl --model nowhere --out out", "nowhere/config.json: missing"),
        ("empty.jsonl --model local:base --out out", "there is no sample with a turn to train on"),
        ("long.jsonl --model base --out out", "1 samples are longer than the model's context of 2048 tokens, as long"),
        ("s.jsonl --model base --out out --set epochs=0", "setting epochs"),
        ("s.jsonl --model base --out out --set optimizer.lr=inf", "setting optimizer.lr"),
    ],
)
def test_wrong_input_is_one_line(samples: Path, capsys: pytest.CaptureFixture[str], args: str, said: str) -> None:
    Path("empty.jsonl").write_bytes(b"")
    sample = next(iter(read_records(samples, SftSample)))
    turn = Turn(message=Message(role="assistant", content="z" * 3000), trainable=True)
    segment = sample.segment.model_copy(update={"turns": (turn,)})
    append(Path("long.jsonl"), [sample, sample.model_copy(update={"id": "long", "segment": segment})])
    code, _, err = sft(capsys, *args.split())
    assert code != 0
    assert said in err
    assert err.startswith("fathom: ")
    assert len(err.splitlines()) <= 2
    assert not Path("out").exists()
