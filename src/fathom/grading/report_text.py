"""A report as plain text for a terminal: the answer, how much of it is borne out, the sources."""

import re

from fathom.grading.citation import MARKS, shown
from fathom.grading.report import Report
from fathom.grading.report_markdown import bare, reasons_text, share_text, stop_text

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def render_text(report: Report) -> str:
    """The report in plain text that ends in a newline. Control characters, with which a page could move the cursor or
    forge a line, are left out."""
    checked, numbers = report.answer, report.number_of

    def cite(_index: int, ids: tuple[str, ...]) -> str:
        return "".join(f"[{number}]" for number in dict.fromkeys(numbers[i] for i in ids if i in numbers))

    answer = shown(
        checked.answer,
        checked.sentences,
        checked.unsupported,
        cite,
        lambda index: MARKS[checked.sentences[index].verdict],
    )
    parts = [report.question, answer.strip() or "There is no answer."]
    if report.failure is not None:
        parts.append(f"Failed: {report.failure.error}: {report.failure.message}")
    elif report.stop.kind != "answered":
        parts.append(f"Ended early: {stop_text(report.stop)}.")
    problems = [row for row in checked.sentences if row.verdict not in ("supported", "no_claim")]
    if problems:
        rows = [f"  - {bare(row.text)}: {reasons_text(report, row.reasons)}" for row in problems]
        parts.append("\n".join(["Not borne out:", *rows]))
    parts.append(share_text(report))
    if report.sources:
        rows = [f"  [{s.number}] {s.title or s.url}\n      {s.url}  {s.licence}".rstrip() for s in report.sources]
        parts.append("\n".join(["Sources", *rows]))
    return _CONTROL.sub("", "\n\n".join(parts)) + "\n"
