"""SFT samples: segments with a mask, in ReAct and in IterResearch form, and the filters that trajectories pass first.

A sample is a `Segment`: its turns marked `trainable` are what the loss sees. ReAct gives a trajectory's segments as
they are. IterResearch gives one sample a round: question, report so far and last observation in, thought, report and
action out; its report holds what the evidence has said up to then.

Reference: Tongyi DeepResearch report 2510.24701 section 3.6 (ReAct and context-management samples); IterResearch
2511.07327 (state, decision, report).
"""

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any, Literal

from pydantic import Field

from fathom.core.message import Message
from fathom.core.model import Frozen, content_hash
from fathom.core.task import Task
from fathom.core.trajectory import Segment, Trajectory, Turn
from fathom.grading.protocol import Grade
from fathom.synth.protocol import Drop, Item, Keep, Provenance

SampleForm = Literal["react", "iterresearch"]
_THOUGHT = re.compile(r"<think>\n(.*?)\n</think>\n?", re.DOTALL)
_NAME = re.compile(r"[A-Z][\w'-]*(?: (?:of |over |from |to )?[A-Z(][\w')-]*)*|\b\d{3,}\b")
_SENTENCE_END = re.compile(r"(?:^|[.?!]\s+|\n)\Z")
_ITER_SYSTEM = (
    "Answer from pages found with search and visit. Each time you see the question, your report so far and what your "
    "last call brought. Write your thought, the report brought up to date, and the next call or the answer."
)


class SftSample(Frozen):
    """One training sample; `segment` has the mask in its turns."""

    schema_: Literal["fathom.sft/1"] = Field(default="fathom.sft/1", alias="schema")
    id: str
    task_id: str
    form: SampleForm
    segment: Segment
    provenance: Provenance

    model_config = {"populate_by_name": True}


class Attempted(Frozen):
    """A graded trajectory on its way through the filters."""

    task: Task
    trajectory: Trajectory
    grade: Grade


class Correct:
    """Keeps what ended by an answer of its own that the grader calls correct."""

    name = "correct"

    def decide(self, item: Item[Any]) -> Keep | Drop:
        attempted: Attempted = item.payload
        if attempted.trajectory.failure is not None:
            return Drop(reason="failed")
        if attempted.trajectory.stop.kind != "answered":
            return Drop(reason=attempted.trajectory.stop.kind)
        return Keep() if attempted.grade.label == "correct" else Drop(reason=attempted.grade.label)


class WellFormed:
    """Drops trajectories with a tool call that failed, a reply that could not be read, or one that goes on behind its
    answer."""

    name = "well formed"

    def decide(self, item: Item[Any]) -> Keep | Drop:
        turns = [turn for segment in item.payload.trajectory.segments for turn in segment.turns]
        if any(turn.tool_error for turn in turns):
            return Drop(reason="tool error")
        if any(turn.message.role == "user" and turn.call is None for turn in turns):
            return Drop(reason="malformed reply")
        overrun = any(turn.message.content.partition("</answer>")[2].strip() for turn in turns if turn.trainable)
        return Drop(reason="goes on behind its answer") if overrun else Keep()


class Short:
    """Drops trajectories of more than `max_chars` characters."""

    name = "short"

    def __init__(self, max_chars: int) -> None:
        self._max_chars = max_chars

    def decide(self, item: Item[Any]) -> Keep | Drop:
        segments = item.payload.trajectory.segments
        length = sum(len(message.content) for segment in segments for message in segment.messages)
        return Keep() if length <= self._max_chars else Drop(reason="too long")


class NoLeak:
    """Drops trajectories in which the model names what nothing it has seen says."""

    name = "no leak"

    def decide(self, item: Item[Any]) -> Keep | Drop:
        found = next((leaks(segment) for segment in item.payload.trajectory.segments if leaks(segment)), ())
        return Drop(reason="names the unseen") if found else Keep()


class NewText:
    """Drops trajectories whose every word came before."""

    name = "new"

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def decide(self, item: Item[Any]) -> Keep | Drop:
        segments = item.payload.trajectory.segments
        digest = content_hash([message.content for segment in segments for message in segment.messages])
        if digest in self._seen:
            return Drop(reason="duplicate")
        self._seen.add(digest)
        return Keep()


def leaks(segment: Segment) -> tuple[str, ...]:
    """Names and numbers in the model's own turns that stood nowhere before them in the segment. A query may put seen
    names side by side or take words of them, so in calls every word for itself must have been seen."""
    seen = "\n".join(message.content for message in segment.start)
    found: list[str] = []
    for turn in segment.turns:
        if turn.trainable:
            said, *calls = turn.message.content.replace("_", " ").split("<tool call>")  # of `<tool_call>`
            found += [name for name in _named(said) if name not in seen]
            words = {word for call in calls for name in _named(call) for word in re.findall(r"[\w'-]+", name)}
            found += sorted(words - set(re.findall(r"[\w'-]+", seen)))
        seen += "\n" + turn.message.content.replace("_", " ") + "\n" + turn.message.content
    return tuple(found)


def _named(text: str) -> Iterator[str]:
    """Runs of capitalised words, and numbers of three digits and more. The first word of a sentence has a capital of
    its own, so it is left out: "Find Velor Works" names Velor Works."""
    for match in _NAME.finditer(text):
        name = match.group()
        if name[0].isupper() and _SENTENCE_END.search(text, 0, match.start()):
            name = name.partition(" ")[2]
        if name and name != "I":
            yield name


def default_filters(max_chars: int = 12_000) -> tuple[Correct, WellFormed, Short, NoLeak, NewText]:
    """The filters of rejection sampling, fresh."""
    return Correct(), WellFormed(), Short(max_chars), NoLeak(), NewText()


def samples_of(attempted: Attempted, form: SampleForm, provenance: Provenance) -> Iterator[SftSample]:
    """The samples of one trajectory in that form."""
    trajectory = attempted.trajectory
    if form == "react":
        segments: Sequence[Segment] = trajectory.segments
    else:
        segments = [each for segment in trajectory.segments for each in _rounds(attempted.task, segment)]
    for number, segment in enumerate(segments):
        digest = content_hash([form, number, segment.model_dump(mode="json")])[:16]
        yield SftSample(id=digest, task_id=trajectory.task_id, form=form, segment=segment, provenance=provenance)


def _rounds(task: Task, segment: Segment) -> Iterator[Segment]:
    """One segment for each of the model's turns, with a report in place of the history."""
    report: list[str] = []
    last = ""
    for at, turn in enumerate(segment.turns):
        if not turn.trainable:
            continue
        thought, action = _split(turn.message.content)
        report_now = [*report, *([thought] if last and thought else [])]
        state = f"Question: {task.question}\n\nReport:\n{chr(10).join(report) or '(empty)'}"
        shown = f"{state}\n\nLast call and result:\n{last}" if last else state
        reply = f"<think>\n{thought}\n</think>\n<report>\n{chr(10).join(report_now) or '(empty)'}\n</report>\n{action}"
        yield Segment(
            role="iterresearch",
            start=(Message(role="system", content=_ITER_SYSTEM), Message(role="user", content=shown)),
            turns=(Turn(message=Message(role="assistant", content=reply), trainable=True),),
        )
        report = report_now
        results = takewhile(lambda later: not later.trainable, segment.turns[at + 1 :])  # one for each of its calls
        told = "\n".join(result.message.content for result in results)
        last = f"{action}\n{told}" if told else ""


def _split(content: str) -> tuple[str, str]:
    """Thought and action of a tagged turn."""
    match = _THOUGHT.search(content)
    if match is None:
        return "", content
    return match.group(1), content[: match.start()] + content[match.end() :]
