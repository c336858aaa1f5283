"""The whole circle, short: a world to a trained agent and its report, interrupted in the middle."""

import json
from pathlib import Path

import pytest

from fathom.core.config import resolve
from fathom.evals.loop_report import write_loop_report
from fathom.recipes.loop import run_loop
from fathom.recipes.loop_config import nano_short

TINY = resolve(
    nano_short(),
    overrides=(
        "threads=1",
        "pages=300",
        "held_out_pages=200",
        "reading_texts=60",
        "oracle_questions=60",
        "rl_questions=40",
        "held_out_questions=10",
        "model.layers=2",
        "model.width=64",
        "model.mlp_width=96",
        "rl.steps=2",
        "rollout.batch=2",
        "rollout.group=2",
        "sampler.max_tokens=24",
        "sampler.slots=8",
    ),
)


class StopError(Exception):
    """Raised where the test cuts a run short."""


@pytest.mark.timeout(400)
def test_the_circle_turns_and_goes_on_where_it_broke_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    whole = run_loop(TINY, tmp_path / "whole", lambda line: None)
    assert list(whole)[:3] == ["cpt", "sft", "rl"]
    losses = [json.loads(line)["loss"] for line in (tmp_path / "whole/sft/metrics.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0] - 1

    for cut in ("held-out world", "held-out accuracy after cpt", "rl: step 1 of 2", "own:"):

        def say(line: str, cut: str = cut) -> None:
            if line.startswith(cut):
                raise StopError(line)

        with pytest.raises(StopError):
            run_loop(TINY, tmp_path / "parts", say)
    assert run_loop(TINY, tmp_path / "parts", lambda line: None) == whole
    for stage in ("cpt", "sft"):
        same = [
            [
                (row["step"], row["loss"])
                for row in map(json.loads, (folder / stage / "metrics.jsonl").read_text().splitlines())
            ]
            for folder in (tmp_path / "whole", tmp_path / "parts")
        ]
        assert same[0] == same[1]

    write_loop_report([tmp_path / "whole", tmp_path / "parts"], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    for heading in ("Held-out accuracy", "Funnels", "Mean reward", "Entropy", "Masked", "after RL"):
        assert heading in page
