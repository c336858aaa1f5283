"""The programs of the sandbox bench, and what is counted as wrong."""

import asyncio
import sys
from collections import Counter

import pytest
from tests.code_sandboxes import small, started

from fathom.bench.sandbox_kills import kill_supervisors
from fathom.bench.sandbox_programs import LIMITS, programs, wrong
from fathom.core.errors import ConfigError, ProviderFault
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
    assert await kill_supervisors(kind, 1, lambda line: None) == 0
