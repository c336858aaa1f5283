"""The question pipeline killed at any shard goes on to the same questions."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fathom.corpus.closed.knowledge import ClosedConfig, knowledge
from fathom.recipes.synthesis import make_questions
from fathom.synth.pipeline import PipelineConfig
from fathom.synth.questions import QuestionConfig

WORLD = ClosedConfig(pages=200, seed=2)
QUESTIONS = QuestionConfig(shapes={"chain1": 1, "chain2": 1, "both2": 1})
PIPELINE = PipelineConfig(count=60, shard=15, seed=5)

CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.unit.synth.test_killed import PIPELINE, QUESTIONS, WORLD
from fathom.corpus.closed.knowledge import knowledge
from fathom.recipes.synthesis import make_questions
def told(made, wanted):
    print(made, flush=True)
    time.sleep(0.02)
make_questions(knowledge(WORLD), QUESTIONS, PIPELINE, Path(sys.argv[1]), told)
"""


@pytest.mark.parametrize("shards", [0, 1, 3])
def test_killed_at_a_shard_it_goes_on_to_the_same(shards: int, tmp_path: Path, repository: Path) -> None:
    whole = make_questions(knowledge(WORLD), QUESTIONS, PIPELINE, tmp_path / "whole")
    folder = tmp_path / "killed"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(repository)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    for _ in range(shards):
        assert child.stdout.readline()
    while not folder.exists():
        assert child.poll() is None
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    done = {path.name: path.stat().st_mtime_ns for path in folder.glob("shard-*.json")}
    assert len(done) >= shards
    assert make_questions(knowledge(WORLD), QUESTIONS, PIPELINE, folder) == whole
    files = sorted(path.name for path in (tmp_path / "whole").glob("*.json"))
    assert [path.name for path in sorted(folder.glob("*.json"))] == files
    for name in files:
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    # What was done was not done again.
    assert done.items() <= {path.name: path.stat().st_mtime_ns for path in folder.glob("shard-*.json")}.items()
