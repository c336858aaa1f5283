"""The linker's bench on a part of wikispeedia: it runs, and the linker beats the naive one."""

from pathlib import Path

import pytest

from fathom.bench.harness import BenchOptions, load, measure
from fathom.core.errors import ConfigError


def test_the_linker_is_better_than_taking_every_mention(shared_data: Path, tmp_path: Path) -> None:
    result = measure(load("linker"), quick=True, progress=lambda line: None, shared_data=shared_data, home=tmp_path)
    figures = result["figures"]
    assert all(goal["met"] for goal in result["goals"].values())
    assert figures["f1"] > figures["naive_f1"] + 0.05
    assert 0.4 < figures["naive_all_precision"] < 0.6
    # The weights in the package are those that the fit finds on the pages to tune on of the whole set.
    assert abs(figures["refit_f1"] - figures["f1"]) < 0.05


def test_without_the_data_it_says_so(tmp_path: Path) -> None:
    options = BenchOptions(quick=True, progress=print, shared_data=None, scratch=tmp_path, home=tmp_path)
    with pytest.raises(ConfigError, match="shared data"):
        load("linker").run(options)
