"""Check a report again from its stored pages: what `fathom verify` does.

Nothing the report says of itself is believed. Pages are hashed, spans are cut out of them anew, and the whole citation
check is repeated. What cannot be seen from a run folder is whether someone rewrote all of it consistently, pages
included; nothing is signed.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from fathom import __version__
from fathom.core.errors import FathomError, RunError
from fathom.core.evidence import Evidence
from fathom.core.jsonl import read_records
from fathom.core.model import content_hash
from fathom.core.texts import TextFolder
from fathom.core.trajectory import Trajectory
from fathom.grading.citation import CheckedAnswer, CheckedSentence, check_answer
from fathom.grading.report import Report, list_calls, list_excerpts, list_sources
from fathom.grading.report_files import read_report, rendered

T = TypeVar("T")


class Line(NamedTuple):
    """One thing that was checked. `problem` is empty where it holds."""

    subject: str
    checked: str
    problem: str = ""


def verify_folder(path: Path) -> list[Line]:
    """Every check of the report at `path` (a report.json) with the texts, trajectory and renderings that lie beside it.
    Raises `InputError` where it cannot be read as a report."""
    report = read_report(path)
    texts = TextFolder(path.parent / "texts")
    lines = list(verify_report(report, texts.recall))
    if any(line.problem for line in lines):
        return lines
    return [*lines, *_beside(report, path)]


def verify_report(report: Report, recall: Callable[[str], str]) -> Iterator[Line]:
    """Every check of `report`. `recall` gives a page's text by its hash and raises `RunError` where it cannot."""
    pages: dict[str, str] = {}
    for page_hash in dict.fromkeys(item.page_hash for item in report.evidence):
        yield _page(page_hash, report, recall, pages)
    for item in report.evidence:
        yield _evidence(item, report, pages)
    again = check_answer(report.answer.answer, report.evidence, unsupported=report.answer.unsupported)
    yield from _sentences(report, again, pages)
    yield Line("answer", "text, counts and unknown ids", _differs(report.answer, again))
    share = None if again.share is None else round(again.share, 4)
    yield Line("answer", "share of supported sentences", _unequal(report.share_supported, share))
    yield from _sources(report, again, pages)


def _page(page_hash: str, report: Report, recall: Callable[[str], str], pages: dict[str, str]) -> Line:
    title = next(item.title for item in report.evidence if item.page_hash == page_hash)
    subject = f"page {page_hash[:12]} {title}"
    if len(page_hash) != 64 or not set(page_hash) <= set("0123456789abcdef"):
        return Line(subject, "stored text has this hash", "its name is no sha256")
    try:
        text = recall(page_hash)
    except RunError as error:
        return Line(subject, "stored text has this hash", str(error))
    if content_hash(text) != page_hash:
        return Line(subject, "stored text has this hash", "the stored text has another")
    pages[page_hash] = text
    return Line(subject, "stored text has this hash")


def _evidence(item: Evidence, report: Report, pages: dict[str, str]) -> Line:
    checked = "its text is page[start:end]"
    subject = f"evidence {item.id}"
    if sum(other.id == item.id for other in report.evidence) > 1:
        return Line(subject, checked, "there are two of this id")
    page = pages.get(item.page_hash)
    if page is None:
        return Line(subject, checked, "its page is not there or not what it was")
    if not 0 <= item.start <= item.end <= len(page):
        return Line(subject, checked, f"{item.start}:{item.end} is no span of a page of {len(page)} characters")
    return Line(subject, checked, "" if page[item.start : item.end] == item.text else "the page has another text there")


def _sentences(report: Report, again: CheckedAnswer, pages: dict[str, str]) -> Iterator[Line]:
    stated = report.answer.sentences
    if len(stated) != len(again.sentences):
        yield Line("answer", "its sentences", f"{len(stated)} are stated, but it has {len(again.sentences)}")
    known = {item.id: item for item in report.evidence}
    for number, (mine, fresh) in enumerate(zip(stated, again.sentences, strict=False), 1):
        problem = _citations(mine, known, pages) or _sentence_differs(mine, fresh)
        if problem and report.fathom != __version__:
            problem += f" (checked by fathom {report.fathom} then, by {__version__} now)"
        yield Line(f"sentence {number}", f"{mine.verdict}, {len(mine.spans)} spans", problem)


def _citations(sentence: CheckedSentence, known: dict[str, Evidence], pages: dict[str, str]) -> str:
    for identity in (*sentence.cited, *sentence.citations):
        if identity not in known:
            return f"there is no evidence {identity}"
    for span in sentence.spans:
        item = known.get(span.evidence_id)
        if item is None:
            return f"there is no evidence {span.evidence_id}"
        if item.page_hash != span.page_hash or not item.start <= span.start < span.end <= item.end:
            return f"the span {span.start}:{span.end} does not lie in {item.id}"
        if span.page_hash not in pages:
            return f"the page of {item.id} is not there"
    return ""


def _sentence_differs(mine: CheckedSentence, fresh: CheckedSentence) -> str:
    for field in CheckedSentence.model_fields:
        stated, found = getattr(mine, field), getattr(fresh, field)
        if stated != found:
            return f"its {field} is given as {_short(stated)}, but is {_short(found)}"
    return ""


def _differs(mine: CheckedAnswer, fresh: CheckedAnswer) -> str:
    for field in ("text", "supported", "claims", "unknown_ids"):
        problem = _unequal(getattr(mine, field), getattr(fresh, field))
        if problem:
            return f"{field} {problem}"
    return ""


def _unequal(stated: object, found: object) -> str:
    return "" if stated == found else f"is given as {_short(stated)}, but is {_short(found)}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _sources(report: Report, again: CheckedAnswer, pages: dict[str, str]) -> Iterator[Line]:
    listed = list_sources(again, report.evidence, lambda _: None)
    for at in range(max(len(listed), len(report.sources))):
        stated, found = _at(report.sources, at), _at(listed, at)
        # The licence is what the world said of the page; nothing kept beside the report can tell it.
        same = stated is not None and found is not None and stated.model_copy(update={"licence": ""}) == found
        yield Line(f"source {at + 1}", "numbered by first use", "" if same else "is not what the citations give")
    excerpts = list_excerpts(again, listed, pages.get)
    for at in range(max(len(excerpts), len(report.excerpts))):
        same = _at(excerpts, at) == _at(report.excerpts, at)
        yield Line(f"excerpt {at + 1}", "is what the page has there", "" if same else "is not what the page has there")


def _at(items: Sequence[T], at: int) -> T | None:
    return items[at] if at < len(items) else None


def _beside(report: Report, path: Path) -> Iterator[Line]:
    """The trajectory and the renderings in the same folder, where they are there."""
    trajectory = path.with_name("trajectory.jsonl")
    if trajectory.is_file():
        yield Line(trajectory.name, "has this answer and evidence", _trajectory_differs(report, trajectory))
    if report.fathom != __version__:
        # Another version may lay the same report out in another way.
        return
    for name, data in rendered(report).items():
        if path.with_name(name).is_file():
            same = path.with_name(name).read_bytes() == data
            yield Line(name, "shows this report", "" if same else "is not what report.json gives")


def _trajectory_differs(report: Report, path: Path) -> str:
    try:
        trajectory = next(iter(read_records(path, Trajectory)), None)
    except FathomError as error:
        return str(error)
    if trajectory is None:
        return "there is none in it"
    searched, read, failed = list_calls(trajectory)
    for field, stated, found in (
        ("answer", report.answer.answer, trajectory.answer or ""),
        ("evidence", report.evidence, trajectory.evidence),
        ("task", report.task_id, trajectory.task_id),
        ("seed", report.seed, trajectory.seed),
        ("configuration", report.config_hash, trajectory.config_hash),
        ("failure", report.failure, trajectory.failure),
        ("model", report.model, trajectory.model),
        ("agent", report.agent, trajectory.agent),
        ("stop", report.stop, trajectory.stop),
        ("usage", report.usage, trajectory.usage),
        ("list of queries", report.searched, searched),
        ("list of pages read", report.read, read),
        ("list of failed calls", report.not_found[len(report.not_found) - len(failed) :], failed),
    ):
        if stated != found:
            return f"its {field} is another"
    return ""
