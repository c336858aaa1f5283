"""A report as Markdown. What the model or a page wrote can form no HTML, no image and no link: those are escaped, and
so are bare addresses, of which some viewers make links."""

import re
from collections.abc import Iterable

from fathom.core.budget import Budget
from fathom.core.trajectory import StopReason
from fathom.grading.citation import MARKS, CheckedAnswer, Cite, Mark, shown
from fathom.grading.report import Report, SourceEntry
from fathom.grading.sentences import MARKER
from fathom.grading.text import without_emphasis

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+|!~])")
_BARE = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
# With the backslashes before it: an odd number of them escapes it already, and one more would undo that.
_ACTIVE = re.compile(r"(?<!\\)(\\*)(<(?=[A-Za-z/!?])|\](?=[(:\[])|(?<=!)\[|:(?=//)|(?<=www)\.)", re.IGNORECASE)
_WEB = re.compile(r"https?://[^\s<>\"'`]{1,2000}\Z", re.IGNORECASE)


def render_markdown(report: Report) -> str:
    """The report as one Markdown document that ends in a newline."""
    parts = [
        f"# {_escape(report.question)}",
        _facts_line(report),
        _answer(report),
        _share_line(report),
        *_list("Sources", [_source(source) for source in report.sources], ordered=True),
        *_list("Sentences that were not borne out", _problems(report)),
        *_list("Not found", [_escape(bare(text)) for text in report.not_found]),
        *_list("Searched", [_escape(text) for text in report.searched]),
        *_list("Read", [_escape(text) for text in report.read]),
        "## Run",
        _run_table(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def stop_text(stop: StopReason) -> str:
    """Why the agent stopped, in words."""
    if stop.kind == "budget":
        return f"the limit on {(stop.budget or '').replace('_', ' ')} was reached"
    return {
        "answered": "answered",
        "gave_up": "gave up",
        "malformed": "the model's replies could not be used",
        "failed": "failed",
    }[stop.kind]


def share_text(report: Report) -> str:
    """How much of the answer its sources bear out, in words."""
    checked = report.answer
    if report.share_supported is None:
        return "The answer makes no claim that could be checked."
    noun = "sentence that claims" if checked.claims == 1 else "sentences that claim"
    verb = "is" if checked.supported == 1 else "are"
    return (
        f"{checked.supported} of {checked.claims} {noun} something {verb} borne out by the sources "
        f"({report.share_supported:.0%})."
    )


def run_rows(report: Report) -> list[tuple[str, str]]:
    """What is told of the run, as (name, value) rows."""
    usage, budget = report.usage, report.run.budget
    rows = [
        ("Run", report.run.run_id),
        ("Agent", report.agent),
        ("Model", report.model),
        ("World", report.run.world),
        ("Corpora", ", ".join(report.run.corpora)),
        ("Stopped", stop_text(report.stop) + (" (final answer forced)" if report.stop.forced else "")),
        ("Failure", f"{report.failure.error}: {report.failure.message}" if report.failure else ""),
        ("Model calls", f"{usage.llm_calls:,}"),
        ("Tool calls", f"{usage.tool_calls:,}"),
        ("Tokens", f"{usage.prompt_tokens:,} read, {usage.completion_tokens:,} written"),
        ("Seconds waited", f"{usage.seconds:,.1f}"),
        ("Limits", _limits(budget) if budget else ""),
        ("Seed", str(report.seed)),
        ("Configuration", report.config_hash),
        ("fathom", " ".join(filter(None, (report.fathom, report.run.commit)))),
    ]
    return [(name, value) for name, value in rows if value]


def web_address(url: str) -> str | None:
    """`url`, blanks encoded, if it is one a browser may be sent to, else None."""
    encoded = "%20".join(url.split())
    return encoded if _WEB.match(encoded) else None


def reasons_text(report: Report, reasons: Iterable[str]) -> str:
    """`reasons` for a reader, who knows sources by their numbers: evidence ids become those, or the page's title where
    the answer does not cite the page."""
    numbers = report.number_of
    titles = {item.id: item.title or item.url for item in report.evidence}

    def name(match: re.Match[str]) -> str:
        identity = match.group()
        return f"source {numbers[identity]}" if identity in numbers else titles.get(identity, identity)

    return "; ".join(re.sub(r"\bE\d+\b", name, reason) for reason in reasons)


def bare(sentence: str) -> str:
    """A sentence of the answer without its markers and emphasis."""
    return re.sub(r"\s+(?=[.,;:!?]|$)", "", without_emphasis(MARKER.sub("", sentence))).strip(" |")


def _limits(budget: Budget) -> str:
    """All limits that were set, the share kept for the answer included."""
    limits = {name: getattr(budget, name) for name in Budget.model_fields}
    return ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in limits.items() if value is not None)


def _facts_line(report: Report) -> str:
    facts = (report.run.date, report.model, report.agent, report.run.world, stop_text(report.stop))
    return "*" + " · ".join(_escape(fact) for fact in facts if fact) + "*"


def _share_line(report: Report) -> str:
    return f"**{share_text(report)}** `fathom verify` repeats the check offline."


def _answer(report: Report) -> str:
    checked = report.answer
    if not checked.answer.strip():
        return "There is no answer."
    numbers = report.number_of

    def cite(_index: int, ids: tuple[str, ...]) -> str:
        return "".join(f"\ue000{number}\ue001" for number in dict.fromkeys(numbers[i] for i in ids if i in numbers))

    text = without_reserved(report, "\ue000\ue001", cite, lambda index: _mark(checked, index))
    text = _ACTIVE.sub(lambda match: match[1] + "\\" * (len(match[1]) % 2 == 0) + match[2], text)
    return re.sub("\ue000(\\d+)\ue001", r"[\1]", text).strip("\n")


def without_reserved(report: Report, reserved: str, cite: Cite, mark: Mark) -> str:
    """The answer as `shown`, the model's own `reserved` characters replaced, so that it can forge nothing."""
    checked = report.answer
    table = {ord(char): "\ufffd" for char in reserved}
    sentences = [s.model_copy(update={"text": s.text.translate(table)}) for s in checked.sentences]
    return shown(checked.answer.translate(table), sentences, checked.unsupported, cite, mark)


def _mark(checked: CheckedAnswer, index: int) -> str:
    return f"**\\{MARKS[checked.sentences[index].verdict]}**"


def _source(source: SourceEntry) -> str:
    title = _escape(source.title or source.url)
    address = web_address(source.url)
    link = f"[{title}](<{address}>)" if address else f"{title}, {_escape(source.url)}"
    tail = filter(None, (_escape(source.licence), f"read {_escape(source.fetched_at)}", f"`{source.page_hash[:16]}`"))
    return ", ".join([link, *tail])


def _problems(report: Report) -> list[str]:
    rows = [s for s in report.answer.sentences if s.verdict not in ("supported", "no_claim")]
    return [
        f"{_escape(bare(row.text))} ({row.verdict.replace('_', ' ')}: {_escape(reasons_text(report, row.reasons))})"
        for row in rows
    ]


def _list(title: str, items: list[str], *, ordered: bool = False) -> list[str]:
    if not items:
        return []
    lines = [f"{f'{number}.' if ordered else '-'} {item}" for number, item in enumerate(items, 1)]
    return [f"## {title}", "\n".join(lines)]


def _run_table(report: Report) -> str:
    rows = [f"| {name} | {_escape(value)} |" for name, value in run_rows(report)]
    return "\n".join(["| | |", "|---|---|", *rows])


def _escape(text: str) -> str:
    return _BARE.sub(r"\\\g<0>", _SPECIAL.sub(r"\\\1", " ".join(text.split())))
