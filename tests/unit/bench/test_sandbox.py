"""The programs of the sandbox bench, and what is counted as wrong."""

import asyncio
import sys
from collections import Counter

import pytest
from tests.code_sandboxes import small, started

from fathom.bench.harness import judge
from fathom.bench.sandbox import GOALS, KILLS, MIXED, counted
from fathom.bench.sandbox_kills import kill_supervisors
from fathom.bench.sandbox_programs import LIMITS, programs, wrong
from fathom.core.errors import ConfigError, ProviderFault
from fathom.sandbox.code.battery.attempt import Verdict
from fathom.sandbox.code.protocol import CodeResult


def test_every_fourth_program_is_hostile_and_the_mix_is_always_the_same() -> None:
    mixed = programs(2000)
    assert sum(program.wanted is None for program in mixed) == 500 and programs(2000) == mixed
    assert len({program.name for program in mixed}) >= 15
    assert Counter(program.name for program in mixed)["never_ends"] <= 10


def test_what_counts_as_wrong() -> None:
    good = next(program for program in programs(10) if program.wanted is not None)
    hostile = next(program for program in programs(10) if program.wanted is None)
    right = CodeResult(end="ok", stdout=str(good.wanted))
    assert not wrong(good, right)
    assert wrong(good, right.model_copy(update={"stdout": "other"})) and wrong(good, ProviderFault("gone"))
    assert wrong(good, right.model_copy(update={"end": "error"}))
    assert not wrong(hostile, CodeResult(end="memory", seconds=1.0))
    assert wrong(hostile, CodeResult(end="ok", seconds=LIMITS.timeout_s + 6))
    assert wrong(hostile, CodeResult(end="ok", stdout="x" * 1_000_000)) and wrong(hostile, ProviderFault("gone"))


@pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap and Landlock are Linux's")
@pytest.mark.parametrize("kind", ["bubblewrap", "landlock"])
async def test_good_programs_are_right_and_hostile_ones_bounded(kind: str) -> None:
    config = small(limits=LIMITS)
    try:
        sandbox = await started(kind, config)  # type: ignore[arg-type]
    except ConfigError as error:
        pytest.skip(f"not to be had here: {error}")
    by_name = {program.name: program for program in programs(200) if program.name != "never_ends"}
    assert len(by_name) >= 14
    try:
        results = await asyncio.gather(*(sandbox.run(program.code) for program in by_name.values()))
    finally:
        await sandbox.close()
    ended = {name: result.end for name, result in zip(by_name, results, strict=True)}
    assert not [name for name, result in zip(by_name, results, strict=True) if wrong(by_name[name], result)], ended
    assert (ended["floods"], ended["crashes"], ended["eats_memory"]) == ("output", "died", "memory")
    said: list[str] = []
    left = await kill_supervisors(kind, 2, said.append)  # the second one with its spawner
    assert (left.total, left.processes, left.groups, left.folders) == (0, 0, 0, 0)
    assert any("for the next start to sweep" in line for line in said)


def test_attempts_that_could_not_be_made_are_no_attempts() -> None:
    outcomes = ("stopped", "bounded", "absent", "unclear", "escaped")
    verdicts = [Verdict(name=o, kind="files", outcome=o, detail="", seconds=0.0) for o in outcomes]  # type: ignore[arg-type]
    assert counted("wasm", verdicts) == {"attempts": 4, "escapes": 2}
    assert counted("landlock", verdicts) == {"attempts": 4, "escapes": 3}  # whose Python is this machine's


def test_the_goals_are_the_requirements_own_numbers() -> None:
    full = {"attempts": 60, "mixed_runs": MIXED, "mixed_runs_least": MIXED, "kills": KILLS, "kills_least": KILLS}
    full |= dict.fromkeys(("escapes", "escapes_others", "wrong_good_runs", "unbounded_hostile_runs", "leaked"), 0)
    assert (MIXED, KILLS) == (2000, 200) and set(GOALS) <= set(full)
    assert all(judge(full, figure, goal)["met"] for figure, goal in GOALS.items())
    for figure, missed in (("mixed_runs", MIXED - 1), ("kills", KILLS - 1), ("attempts", 59), ("leaked", 1)):
        assert not judge({**full, figure: missed}, figure, GOALS[figure])["met"]
    for figure in ("escapes", "escapes_others", "unbounded_hostile_runs"):
        assert not judge({**full, figure: 1}, figure, GOALS[figure])["met"]
