"""A tenth of `fathom bench faults`: ten thousand calls of 256 rollouts at once, three requests in ten broken."""

from pathlib import Path

import pytest

from fathom.bench import faults
from fathom.bench.harness import BenchOptions, judge

# By the clock, so they are the bench's own business on a quiet machine.
_TIMED = {"slowdown"}


@pytest.mark.timeout(1500)
def test_nothing_that_breaks_outside_spoils_a_trajectory(tmp_path: Path) -> None:
    options = BenchOptions(quick=False, progress=print, shared_data=None, scratch=tmp_path, home=tmp_path)
    figures = faults.storm(options, pages=4_000, calls=10_000, outage_s=6.0)
    missed = {
        figure: (figures[figure], goal)
        for figure, goal in faults.GOALS.items()
        if figure not in _TIMED and not judge(figures, figure, goal)["met"]
    }
    assert not missed
    assert figures["fault_kinds"] >= 20
    assert figures["not_found_without_evidence"] == 0
    assert figures["tool_calls"] >= 9_000
