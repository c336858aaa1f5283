"""Evidence, pages and reports for the tests of the citation checks."""

from pathlib import Path

from fathom.core.budget import Budget
from fathom.core.evidence import Evidence, Page
from fathom.core.jsonl import append
from fathom.core.message import Message, ToolCall
from fathom.core.model import content_hash
from fathom.core.task import Task
from fathom.core.texts import TextFolder
from fathom.core.trajectory import Segment, StopReason, Trajectory, Turn, Usage
from fathom.grading.report import Report, RunFacts, build_report
from fathom.grading.report_files import write_report

HEDWIG = (
    "Hedwig of Altena (died 3 March 1287) was a German noblewoman. In 1264 she married Konrad of Rheda. "
    "She founded the convent of Marienhagen in 1271 and never returned to Altena."
)
DANUBE = "The Danube is 2,850 km long. It rises in the Black Forest and flows into the Black Sea."
ANSWER = (
    "Hedwig of Altena died in March 1287 [E1]. She married Konrad of Rheda in 1264. "
    "The Danube is 2,580 km long [E2]. It rises in the Black Forest [E1].\n\n"
    "- I could not find her date of birth [E9].\n"
)


def page(title: str, text: str, url: str = "") -> Page:
    return Page(
        url=url or f"https://wiki.example/{title}",
        title=title,
        text=text,
        text_hash=content_hash(text),
        fetched_at="2026-11-22T21:39:01Z",
        licence="CC-BY-SA-4.0",
    )


def cite(identity: str, source: Page, start: int = 0, end: int | None = None) -> Evidence:
    end = len(source.text) if end is None else end
    return Evidence(
        id=identity,
        url=source.url,
        title=source.title,
        page_hash=source.text_hash,
        start=start,
        end=end,
        text=source.text[start:end],
        fetched_at=source.fetched_at,
    )


PAGES = (page("Hedwig of Altena", HEDWIG), page("Danube", f"Rivers of Europe.\n\n{DANUBE}"))
EVIDENCE = (cite("E1", PAGES[0]), cite("E2", PAGES[1], 19))


def call(name: str, arguments: dict[str, object], error: str | None = None) -> Turn:
    asked = ToolCall(id="c1", name=name, arguments=arguments)
    return Turn(message=Message(role="tool", content="...", tool_call_id="c1"), call=asked, tool_error=error)


def trajectory(answer: str | None = ANSWER, evidence: tuple[Evidence, ...] = EVIDENCE) -> Trajectory:
    turns = (
        call("search", {"query": ["Hedwig of Altena", "Danube length"]}),
        call("visit", {"url": [PAGES[0].url], "goal": "death"}),
        call("visit", {"url": ["https://wiki.example/Nowhere"], "goal": "birth"}, "not_found"),
    )
    return Trajectory(
        task_id="t1",
        agent="guided",
        model="scripted",
        segments=(Segment(role="plan", start=(), turns=turns),),
        answer=answer,
        stop=StopReason(kind="answered"),
        evidence=evidence,
        usage=Usage(llm_calls=3, tool_calls=3, prompt_tokens=1200, completion_tokens=80, seconds=4.5),
        config_hash="ab" * 32,
    )


def report(
    answer: str | None = ANSWER,
    evidence: tuple[Evidence, ...] = EVIDENCE,
    question: str = "When did Hedwig of Altena die?",
    pages: tuple[Page, ...] = PAGES,
) -> Report:
    known = {item.text_hash: item for item in pages}
    facts = RunFacts(run_id="20261122-1", date="2026-11-22", world="vital", corpora=("vital",), budget=Budget())
    return build_report(Task(id="t1", question=question), trajectory(answer, evidence), known.get, facts)


def run_folder(folder: Path) -> Path:
    """A run folder with a report, its texts and its trajectory; the path of the report."""
    texts = TextFolder(folder / "texts")
    for item in PAGES:
        texts.keep(item.text)
    append(folder / "trajectory.jsonl", [trajectory()])
    return write_report(folder, report())
