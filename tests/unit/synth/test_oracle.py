"""The oracle over every shape of question, and what is exported of its trajectories."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from fathom.core.errors import InputError
from fathom.core.jsonl import read_records
from fathom.core.task import Task
from fathom.core.trajectory import Segment
from fathom.corpus.closed.knowledge import ClosedConfig, knowledge
from fathom.grading.exact import ExactGrader
from fathom.recipes.attempts import attempts
from fathom.recipes.closed import ensure_closed
from fathom.recipes.synthesis import export_samples, make_questions
from fathom.synth.pipeline import PipelineConfig
from fathom.synth.protocol import Provenance
from fathom.synth.questions import QuestionConfig
from fathom.synth.sailorfog.draft import Lookup
from fathom.synth.trajectories.oracle import OracleChat
from fathom.synth.trajectories.samples import Attempted, SftSample, default_filters, samples_of
from fathom.synth.trajectories.sampling import Sampled, rejection_sample
from fathom.synth.webshaper.formula import parse
from fathom.world.simulated import SimulatedWorld

CONFIG = ClosedConfig(pages=400, seed=12)
SHAPES = ("chain1", "chain2", "chain3", "both2", "either2", "fog4", "fog6")
THOUGHT = re.compile(r"<think>\n(.*?)\n</think>", re.DOTALL)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> list[Task]:
    config = QuestionConfig(shapes=dict.fromkeys(SHAPES, 1.0))
    pipeline = PipelineConfig(count=100, shard=100, seed=4)
    outcome = make_questions(knowledge(CONFIG), config, pipeline, tmp_path_factory.mktemp("q"))
    return [Task.model_validate(item) for item in outcome.items]


@pytest.fixture(scope="module")
def taught(tasks: list[Task], tmp_path_factory: pytest.TempPathFactory) -> Sampled:
    world = SimulatedWorld(ensure_closed("w", tmp_path_factory.mktemp("home"), CONFIG))
    return asyncio.run(rejection_sample(tasks, attempts(OracleChat, world), ExactGrader(), default_filters()))


@pytest.fixture(scope="module")
def everything(tasks: list[Task], tmp_path_factory: pytest.TempPathFactory) -> list[Attempted]:
    """All attempts, before any filter."""
    world = SimulatedWorld(ensure_closed("w", tmp_path_factory.mktemp("home"), CONFIG))
    return asyncio.run(rejection_sample(tasks, attempts(OracleChat, world), ExactGrader(), ())).kept


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.replace("_", " ")))


def test_it_answers_questions_of_every_shape_and_leaks_nothing(tasks: list[Task], taught: Sampled) -> None:
    assert {task.meta["shape"] for task in tasks} == set(SHAPES)
    assert {attempted.task.meta["shape"] for attempted in taught.kept} == set(SHAPES)
    assert len(taught.kept) > 0.85 * len(tasks)
    assert {row.part: row.dropped for row in taught.funnel}["no leak"] == {}


def test_a_thought_never_says_what_only_a_later_observation_tells(everything: list[Attempted]) -> None:
    """Word by word and without the filter: small numbers and common nouns too, which it does not look at."""
    checked = 0
    for attempted in everything:
        values = [Lookup.model_validate(step).value for step in attempted.task.meta["plan"]]
        (segment,) = attempted.trajectory.segments
        seen = words("\n".join(message.content for message in segment.start))
        for turn in segment.turns:
            if turn.trainable:
                thought = THOUGHT.search(turn.message.content)
                assert thought is not None
                for value in values:
                    unseen = words(value) - seen
                    assert not unseen & words(turn.message.content)
                    checked += bool(unseen)
            seen |= words(turn.message.content)
    assert checked > 3 * len(everything)


def test_difficulty_is_on_record_as_it_was_set(tasks: list[Task]) -> None:
    for task in tasks:
        meta = task.meta
        triples = parse(meta["formula"]).triples
        assert meta["constraints"] == len(triples)
        assert meta["hops"] == len(meta["plan"])
        if meta["shape"].startswith("chain"):
            assert meta["hops"] == meta["constraints"] == int(meta["shape"][-1])
            assert meta["obfuscations"] == []
        vague = [t.right.kind for t in triples if not isinstance(t.right, str)]
        named = [kind for kind, _, _ in meta["obfuscations"] if kind != "description"]
        assert sorted(named) == sorted(kind for kind in vague if kind not in ("entity", "value", "either"))
        assert ("either" in vague) == meta["shape"].startswith("either")
        if "either" in vague:
            assert " or " in task.question


def test_fog_has_real_cycles(tasks: list[Task]) -> None:
    def cycles(task: Task) -> int:
        graph = task.meta["graph"]
        return len({frozenset((a, b)) for a, _, b in graph["edges"]}) - len(graph["nodes"]) + 1

    fog = [task for task in tasks if task.meta["shape"].startswith("fog")]
    assert any(cycles(task) > 0 for task in fog)
    assert all(task.meta["constraints"] > 1 for task in fog)
    assert all(cycles(task) == 0 for task in tasks if task.meta["shape"].startswith("chain"))


def test_it_answers_those_cycles_to_which_searches_lead(tmp_path: Path) -> None:
    """Fewer than of other shapes: a clue fits several entities, and only the cycle tells them apart."""
    config = QuestionConfig(shapes={"cycle3": 1.0, "cycle4": 1.0})
    outcome = make_questions(knowledge(CONFIG), config, PipelineConfig(count=60, shard=60, seed=4), tmp_path / "q")
    cycles = [Task.model_validate(item) for item in outcome.items]
    world = SimulatedWorld(ensure_closed("w", tmp_path / "home", CONFIG))
    sampled = asyncio.run(rejection_sample(cycles, attempts(OracleChat, world), ExactGrader(), default_filters()))
    assert {attempted.task.meta["shape"] for attempted in sampled.kept} == {"cycle3", "cycle4"}
    assert {row.part: row.dropped for row in sampled.funnel}["no leak"] == {}


def acted(segment: Segment) -> list[str]:
    """The model's actions, without thoughts."""
    return [THOUGHT.sub("", turn.message.content).strip() for turn in segment.turns if turn.trainable]


def test_iterresearch_rounds_are_the_trajectory_with_a_report_for_history(taught: Sampled) -> None:
    for attempted in taught.kept:
        (whole,) = attempted.trajectory.segments
        rounds = [each.segment for each in samples_of(attempted, "iterresearch", Provenance(seed=1))]
        replies = [(turn.message.content,) for each in rounds for turn in each.turns if turn.trainable]
        assert len(replies) == len(rounds) == len(acted(whole))
        observations = [turn.message.content for turn in whole.turns if not turn.trainable]
        report = "(empty)"
        for at, (each, action) in enumerate(zip(rounds, acted(whole), strict=True)):
            state, reply = each.start[1].content, each.turns[0].message.content
            assert state.startswith(f"Question: {attempted.task.question}\n\nReport:\n{report}")
            if at:
                # The last call with what it brought, and no call before it.
                assert state.endswith(f"Last call and result:\n{acted(whole)[at - 1]}\n{observations[at - 1]}")
                assert all(older not in state for older in observations[: at - 1])
            assert reply.endswith(f"</report>\n{action}")
            report = reply.partition("<report>\n")[2].partition("\n</report>")[0]
            assert words(report) <= words(state) | words(reply.partition("<report>")[0]) | {"empty"}


@pytest.mark.parametrize("form", ["react", "iterresearch"])
def test_samples_are_json_lines_that_come_back_and_survive_a_cut(form: str, taught: Sampled, tmp_path: Path) -> None:
    few: list[Attempted] = taught.kept[:4]
    write_trajectories = "".join(each.trajectory.model_dump_json(by_alias=True) + "\n" for each in few)
    (tmp_path / "t.jsonl").write_text(write_trajectories, encoding="utf-8")
    tasks = "".join(each.task.model_dump_json() + "\n" for each in few)
    (tmp_path / "q.jsonl").write_text(tasks, encoding="utf-8")
    path = tmp_path / "s.jsonl"
    count = export_samples(tmp_path / "q.jsonl", tmp_path / "t.jsonl", path, form)
    samples = list(read_records(path, SftSample))
    assert len(samples) == count >= len(few)
    assert len({sample.id for sample in samples}) == count
    assert {sample.schema_ for sample in samples} == {"fathom.sft/1"}
    for sample in samples:
        assert [turn.trainable for turn in sample.segment.turns] == [
            turn.message.role == "assistant" for turn in sample.segment.turns
        ]
    content = path.read_bytes()
    for cut in range(0, len(content), 997):
        path.write_bytes(content[:cut])
        assert list(read_records(path, SftSample)) == samples[: content[:cut].count(b"\n")]
    row = json.loads(content.splitlines()[0])
    path.write_text(json.dumps({**row, "form": "haiku"}) + "\n")
    with pytest.raises(InputError, match="row 1"):
        list(read_records(path, SftSample))
