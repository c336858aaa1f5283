"""The report of a run: the checked answer, its sources numbered by first use, and how it was found.

`build_report` is a pure function of a trajectory and the pages it read, so the report can be made again from a run's
records. `report.json` holds everything the renderers and `fathom verify` need beside the page texts in `texts/`.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from pydantic import Field

from fathom import __version__
from fathom.core.budget import Budget
from fathom.core.evidence import Evidence, Page
from fathom.core.model import Frozen
from fathom.core.task import Task
from fathom.core.trajectory import Failure, StopReason, Trajectory, Turn, Usage
from fathom.grading.citation import CheckedAnswer, Unsupported, check_answer

SCHEMA: Literal["fathom.report/1"] = "fathom.report/1"
CONTEXT_CHARS = 240  # page text shown on either side of a cited span: two or three lines

_ASKED_BY = {"search": "query", "google_scholar": "query", "parse_file": "files"}
"""The argument that says what a tool was asked, where it is not `url`."""

PageLookup = Callable[[str], Page | None]


class RunFacts(Frozen):
    """What a report tells of a run beyond its trajectory. `date` is the run's today, ISO 8601; `corpora` names what the
    world searches, with snapshot hashes where it has them."""

    run_id: str = ""
    date: str = ""
    world: str = ""
    corpora: tuple[str, ...] = ()
    budget: Budget | None = None
    commit: str = ""


class SourceEntry(Frozen):
    """A page the answer cites, numbered by first use. `evidence` are the ids of its spans that are cited."""

    number: int
    url: str
    title: str
    licence: str
    fetched_at: str
    page_hash: str
    evidence: tuple[str, ...]


class Excerpt(Frozen):
    """A cited span in its surroundings: `before + text + after` is a stretch of the page, `text` is `page[start:end]`.
    `sentences` are the indexes of the sentences that stand on it."""

    source: int
    page_hash: str
    start: int
    end: int
    before: str
    text: str
    after: str
    sentences: tuple[int, ...]


class Report(Frozen):
    """A whole report. `searched` are the queries, `read` the addresses opened, `not_found` what was looked for in vain:
    the answer's own words about it, and calls that failed."""

    schema_: Literal["fathom.report/1"] = Field(default=SCHEMA, alias="schema")
    fathom: str = __version__
    run: RunFacts
    task_id: str
    question: str
    agent: str
    model: str
    seed: int
    config_hash: str
    stop: StopReason
    failure: Failure | None
    usage: Usage
    answer: CheckedAnswer
    share_supported: float | None
    evidence: tuple[Evidence, ...]
    sources: tuple[SourceEntry, ...]
    excerpts: tuple[Excerpt, ...]
    searched: tuple[str, ...]
    read: tuple[str, ...]
    not_found: tuple[str, ...]

    model_config = {"populate_by_name": True}

    @property
    def number_of(self) -> dict[str, int]:
        """Evidence id -> number of its source."""
        return {identity: source.number for source in self.sources for identity in source.evidence}


def build_report(
    task: Task, trajectory: Trajectory, pages: PageLookup, facts: RunFacts, *, unsupported: Unsupported = "mark"
) -> Report:
    """The report of `trajectory`. `pages` gives a page by its text hash, or None where it is not known; without it a
    source has no licence and its excerpts no surroundings."""
    checked = check_answer(trajectory.answer or "", trajectory.evidence, unsupported=unsupported)
    sources = list_sources(checked, trajectory.evidence, pages)
    searched, read, failed = list_calls(trajectory)
    return Report(
        run=facts,
        task_id=task.id,
        question=task.question,
        agent=trajectory.agent,
        model=trajectory.model,
        seed=trajectory.seed,
        config_hash=trajectory.config_hash,
        stop=trajectory.stop,
        failure=trajectory.failure,
        usage=trajectory.usage,
        answer=checked,
        share_supported=None if checked.share is None else round(checked.share, 4),
        evidence=trajectory.evidence,
        sources=sources,
        excerpts=list_excerpts(checked, sources, lambda page_hash: _text(pages(page_hash))),
        searched=searched,
        read=read,
        not_found=(*_absences(checked), *failed),
    )


def list_sources(checked: CheckedAnswer, evidence: Sequence[Evidence], pages: PageLookup) -> tuple[SourceEntry, ...]:
    """The cited pages in the order of their first citation. A page read twice with another text is another source."""
    known = {item.id: item for item in reversed(evidence)}
    ids = dict.fromkeys(identity for s in checked.sentences for identity in s.citations or s.cited)
    grouped: dict[tuple[str, str], list[Evidence]] = {}
    for item in (known[identity] for identity in ids if identity in known):
        grouped.setdefault((item.url, item.page_hash), []).append(item)
    return tuple(
        SourceEntry(
            number=number,
            url=url,
            title=items[0].title,
            licence=(page.licence if (page := pages(page_hash)) is not None else ""),
            fetched_at=items[0].fetched_at,
            page_hash=page_hash,
            evidence=tuple(item.id for item in items),
        )
        for number, ((url, page_hash), items) in enumerate(grouped.items(), 1)
    )


def list_excerpts(
    checked: CheckedAnswer, sources: Sequence[SourceEntry], text_of: Callable[[str], str | None]
) -> tuple[Excerpt, ...]:
    """Each span that a sentence stands on, once, in the order of the page, source by source."""
    used: dict[tuple[int, int, int], list[int]] = {}
    number_of = {identity: source for source in sources for identity in source.evidence}
    for index, sentence in enumerate(checked.sentences):
        for span in sentence.spans:
            source = number_of.get(span.evidence_id)
            if source is not None:
                used.setdefault((source.number, span.start, span.end), []).append(index)
    excerpts = []
    for (number, start, end), sentences in sorted(used.items()):
        page_hash = sources[number - 1].page_hash
        text = text_of(page_hash) or ""
        excerpts.append(
            Excerpt(
                source=number,
                page_hash=page_hash,
                start=start,
                end=end,
                before=text[max(0, start - CONTEXT_CHARS) : start],
                text=text[start:end],
                after=text[end : end + CONTEXT_CHARS],
                sentences=tuple(sentences),
            )
        )
    return tuple(excerpts)


def _text(page: Page | None) -> str | None:
    return None if page is None else page.text


def _absences(checked: CheckedAnswer) -> list[str]:
    return [s.text for s in checked.sentences if "says that something was not found" in s.reasons]


def list_calls(trajectory: Trajectory) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """(queries searched, addresses opened, what failed), each once, in order."""
    searched: dict[str, None] = {}
    read: dict[str, None] = {}
    failed: dict[str, None] = {}
    for turn in (turn for segment in trajectory.segments for turn in segment.turns):
        if turn.call is None:
            continue
        asked = _texts(turn, _ASKED_BY.get(turn.call.name, "url"))
        if turn.tool_error is not None:
            failed.update({f"{turn.call.name}: {text} ({turn.tool_error})": None for text in asked})
        elif _ASKED_BY.get(turn.call.name) == "query":
            searched.update(dict.fromkeys(asked))
        elif turn.call.name in ("visit", "parse_file"):
            read.update(dict.fromkeys(asked))
    return tuple(searched), tuple(read), tuple(failed)


def _texts(turn: Turn, key: str) -> list[str]:
    value = turn.call.arguments.get(key, []) if turn.call is not None else []
    values = value if isinstance(value, list | tuple) else [value]
    return [text for text in values if isinstance(text, str) and text.strip()]
