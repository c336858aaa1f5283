"""Parser processes: limits, deaths, order."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fathom.core.errors import InputError
from fathom.corpus.ingest.isolate import Job, Parsers
from fathom.corpus.ingest.options import ReadOptions


def page(text: str) -> Job:
    return Job("html_text:extract", {"html": f"<p>{text}", "depth": 512})


@pytest.fixture
def parsers() -> Iterator[Parsers]:
    parsers = Parsers(ReadOptions(parsers=2, parser_memory_bytes=2**28))
    yield parsers
    parsers.close()


def test_outcomes_come_in_the_order_of_jobs(parsers: Parsers) -> None:
    sizes = [200_000, 1, 50_000, *range(1, 60)]
    jobs = ((size, page("x " * size) if size != 7 else None) for size in sizes)
    for size, (label, outcome) in zip(sizes, parsers.map(jobs), strict=True):
        assert label == size
        assert [len(part["text"].split()) for part in outcome.parts] == ([] if size == 7 else [size])


def test_what_the_source_of_jobs_raises_comes_after_the_outcomes_before_it(parsers: Parsers) -> None:
    def jobs() -> Iterator[tuple[int, Job]]:
        for number in range(3):
            yield number, page(str(number))
        raise InputError("x", "corrupt", "the end")

    seen = []
    with pytest.raises(InputError, match="the end"):
        for label, _ in parsers.map(jobs()):
            seen.append(label)
    assert seen == [0, 1, 2]


def test_job_that_fails_in_an_unforeseen_way_spares_the_next(parsers: Parsers) -> None:
    outcome = parsers.run(Job("html_text:extract", {"html": None, "depth": 3}))
    assert outcome.failure is not None and outcome.failure[0] == "corrupt" and "AttributeError" in outcome.failure[1]
    assert parsers.run(page("next")).parts[0]["text"] == "next"


def test_job_that_takes_too_long_is_stopped(parsers: Parsers) -> None:
    quadratic = "".join(f"<b id={n}><table><td></b></table>x" for n in range(40_000))
    outcome = parsers.run(Job("html_text:extract", {"html": quadratic, "depth": 512}, cpu_s=1))
    assert outcome.failure is not None and outcome.failure[0] == "oversized" and "1 s of CPU" in outcome.failure[1]
    assert parsers.run(page("next")).parts[0]["text"] == "next"


def test_job_that_eats_memory_is_stopped(parsers: Parsers) -> None:
    outcome = parsers.run(page("<i>x</i>" * 1_000_000))
    assert outcome.failure is not None and outcome.failure[0] in ("oversized", "corrupt")
    assert parsers.run(page("next")).parts[0]["text"] == "next"


def test_parsers_know_nothing_of_the_environment_but_what_python_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FATHOM_API_KEY", "FATHOM_BRAVE_KEY", "FATHOM_PROXY", "HF_TOKEN"):
        monkeypatch.setenv(name, "hush")
    parsers = Parsers(ReadOptions(parsers=1))
    assert parsers.run(page("x")).parts
    known = [
        (process / "environ").read_bytes()
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and _started_here(process)
    ]
    parsers.close()
    assert known and all(b"hush" not in one and f"PATH={os.environ['PATH']}".encode() in one for one in known)


def _started_here(process: Path) -> bool:
    try:
        parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
        return parent == str(os.getpid()) and b"ingest.child" in (process / "cmdline").read_bytes()
    except OSError:
        return False
