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
    assert figures["tool_calls"] >= 9_000
    assert figures["not_found_without_evidence"] == 0
    assert figures["tool_calls"] >= 9_000


@pytest.mark.timeout(600)
def test_what_only_an_agent_in_the_storm_asks_is_judged_by_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one try at each provider many a call ends as a fault, and the agent asks again in other words."""
    monkeypatch.setattr(faults, "_TRIES", 1)
    options = BenchOptions(quick=True, progress=print, shared_data=None, scratch=tmp_path, home=tmp_path)
    figures = faults.storm(options, pages=400, calls=800, outage_s=0.5)
    assert float(figures["saturated_frac"]) > 0.02
    assert (figures["faults_read_as_evidence"], figures["poisoned_rows"], figures["other_answers"]) == (0, 0, 0)
