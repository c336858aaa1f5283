"""What is counted of an attempt beside its grade: pages found, sentences borne out, citations that hold."""

from fathom.core.task import Task
from fathom.core.trajectory import Trajectory
from fathom.corpus.store import title_key
from fathom.evals.protocol import Measures, PageText
from fathom.grading.citation import check_answer
from fathom.grading.sentences import markers


def measure(task: Task, trajectory: Trajectory, seconds: float, page_text: PageText | None = None) -> Measures:
    """The measures of one attempt. Pages count as found when evidence was taken from them; spans are checked where
    `page_text` has the page."""
    read = {title_key(item.title) for item in trajectory.evidence} | {item.url for item in trajectory.evidence}
    answer = trajectory.answer or ""
    checked = check_answer(answer, trajectory.evidence)
    cited = {identity for _, _, ids in markers(answer) for identity in ids}
    spans = [(item, page_text(item.page_hash)) for item in trajectory.evidence] if page_text else []
    at_hand = [(item, text) for item, text in spans if text is not None]
    return Measures(
        support_found=sum(title_key(name) in read or name in read for name in task.support),
        support_known=len(task.support),
        sentences_supported=checked.supported,
        sentences_claimed=checked.claims,
        ids_cited=len(cited),
        ids_unknown=len(checked.unknown_ids),
        spans_checked=len(at_hand),
        spans_wrong=sum(text[item.start : item.end] != item.text for item, text in at_hand),
        seconds=round(seconds, 3),
    )
