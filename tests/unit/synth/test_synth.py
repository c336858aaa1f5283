"""Questions, the pipeline, the oracle, samples: what they promise."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.core.errors import ConfigError, InputError, ModelFault
from fathom.core.message import Message
from fathom.core.task import Task
from fathom.core.trajectory import Failure, Segment, StopReason, Trajectory, Turn
from fathom.corpus.closed.knowledge import ClosedConfig, KnowledgeBase, knowledge
from fathom.grading.exact import ExactGrader
from fathom.llm.scripted import ScriptedChat
from fathom.recipes.attempts import AttemptAt, attempts
from fathom.recipes.closed import closed_config, ensure_closed
from fathom.recipes.synthesis import make_questions
from fathom.synth.pipeline import Outcome, PipelineConfig, funnel_table, run_pipeline
from fathom.synth.protocol import Drop, Item, Keep, Provenance
from fathom.synth.questions import QuestionConfig
from fathom.synth.reading import reading_texts
from fathom.synth.sailorfog.graph import walk
from fathom.synth.trajectories.oracle import OracleChat
from fathom.synth.trajectories.samples import SftSample, default_filters, leaks, samples_of
from fathom.synth.trajectories.sampling import Sampled, rejection_sample
from fathom.synth.webshaper.formula import answers, parse
from fathom.world.simulated import SimulatedWorld

CONFIG = ClosedConfig(pages=500, seed=2)
PIPELINE = PipelineConfig(count=80, shard=40, seed=1)


@pytest.fixture(scope="module")
def base() -> KnowledgeBase:
    return knowledge(CONFIG)


@pytest.fixture(scope="module")
def outcome(base: KnowledgeBase, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return make_questions(base, QuestionConfig(), PIPELINE, tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def tasks(outcome: Outcome) -> list[Task]:
    return [Task.model_validate(item) for item in outcome.items]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SimulatedWorld:
    return SimulatedWorld(ensure_closed("closed", tmp_path_factory.mktemp("home"), CONFIG))


@pytest.fixture(scope="module")
def taught(tasks: list[Task], world: SimulatedWorld) -> Sampled:
    return asyncio.run(rejection_sample(tasks, attempts(OracleChat, world), ExactGrader(), default_filters()))


def test_every_answer_is_the_only_one(tasks: list[Task], base: KnowledgeBase) -> None:
    assert len(tasks) == PIPELINE.count
    assert len({task.meta["shape"] for task in tasks}) >= 4
    for task in tasks:
        (answer,) = answers(parse(task.meta["formula"]), base)
        assert base.text(answer) == task.answers[0]
        assert task.answers[0] not in task.question
        assert task.meta["plan"][-1]["value"] == task.answers[0]


def test_what_was_made_vague_is_not_in_the_question(tasks: list[Task]) -> None:
    vague = [(task, each) for task in tasks for each in task.meta["obfuscations"]]
    assert vague
    for task, (_, original, _) in vague:
        assert original not in task.question


def test_provenance_names_seeds_pages_and_steps(outcome: Outcome) -> None:
    assert len({each.seed for each in outcome.provenance}) == len(outcome.provenance)
    for each in outcome.provenance:
        assert each.pages
        assert each.steps[-1] == "word"


def test_the_funnel_adds_up(outcome: Outcome) -> None:
    for row, following in zip(outcome.funnel, outcome.funnel[1:], strict=False):
        assert row.left == following.entered
    for row in outcome.funnel:
        assert row.entered == row.left + sum(row.dropped.values())
    assert "several answers" in funnel_table(outcome.funnel)


def test_a_pipeline_that_was_interrupted_gives_the_same(base: KnowledgeBase, outcome: Outcome, tmp_path: Path) -> None:
    def stop(made: int, wanted: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_questions(base, QuestionConfig(), PIPELINE, tmp_path, stop)
    (tmp_path / "shard-00001.json.tmp").write_text("torn")
    assert make_questions(base, QuestionConfig(), PIPELINE, tmp_path) == outcome
    with pytest.raises(ConfigError, match="another pipeline"):
        make_questions(base, QuestionConfig(), PIPELINE.model_copy(update={"seed": 9}), tmp_path)
    (tmp_path / "shard-00000.json").write_text("{")
    with pytest.raises(InputError, match="corrupt"):
        make_questions(base, QuestionConfig(), PIPELINE, tmp_path)


class Twice:
    name = "twice"

    def run(self, item: Item[Any]) -> list[Item[Any]]:
        seed = item.provenance.seed
        return [item.with_payload(seed % 10 + each, "twice") for each in (0, 1)]


class Even:
    name = "even"

    def decide(self, item: Item[Any]) -> Keep | Drop:
        return Keep() if item.payload % 2 == 0 else Drop(reason="odd")


@given(st.integers(1, 30), st.integers(1, 20), st.integers(0, 5))
@settings(max_examples=20)
def test_items_do_not_depend_on_shards(count: int, shard: int, seed: int) -> None:
    import tempfile

    found = []
    for size in (shard, 7):
        with tempfile.TemporaryDirectory() as folder:
            config = PipelineConfig(count=count, shard=size, seed=seed)
            found.append(run_pipeline(lambda: [Twice(), Even()], config, Path(folder), "x").items)
    assert found[0] == found[1]
    assert all(item % 2 == 0 for item in found[0])


def test_walks_have_true_cycles(base: KnowledgeBase) -> None:
    from random import Random

    graphs = [walk(base, Random(n).randrange(base.count), 8, 0.6, Random(n), close=0.7) for n in range(60)]
    whole = [graph for graph in graphs if len(graph.edges) == 8]
    assert sum(graph.cyclomatic > 0 for graph in whole) >= 0.4 * len(whole)
    for graph in whole:
        assert len(set(graph.edges)) == 8


def test_reading_texts_have_pages_exercises_and_roll_calls(base: KnowledgeBase) -> None:
    texts = list(reading_texts(base, 60, 1))
    assert texts == list(reading_texts(base, 60, 1))
    rolls = [text for text in texts if text.partition("\n")[0] == text.partition("\n")[2]]
    assert 5 < len(rolls) < 30
    assert all("?" in text for text in texts if text not in rolls and text.count("\n") > 1)


async def test_the_oracle_is_right_and_only_says_what_it_has_seen(taught: Sampled, tasks: list[Task]) -> None:
    chains = {task.id for task in tasks if task.meta["shape"].startswith("chain")}
    right = {attempted.task.id for attempted in taught.kept}
    assert chains <= right
    assert len(right) >= 0.8 * len(tasks)
    rows = {row.part: row for row in taught.funnel}
    assert rows["no leak"].dropped == {}
    assert rows["well formed"].dropped == {}
    for attempted in taught.kept:
        (segment,) = attempted.trajectory.segments
        assert attempted.trajectory.evidence
        assert attempted.trajectory.usage.tool_calls == sum(turn.call is not None for turn in segment.turns)


async def test_a_planted_leak_is_caught(taught: Sampled) -> None:
    planted = 0
    for attempted in taught.kept[:40]:
        (segment,) = attempted.trajectory.segments
        assert leaks(segment) == ()
        value = attempted.task.meta["plan"][0]["value"]
        if value.islower() or (value.isdecimal() and len(value) < 3):
            continue
        first = segment.turns[0]
        content = first.message.content.replace("<think>\n", f"<think>\nIt is about {value}. ", 1)
        spoilt = first.model_copy(update={"message": first.message.model_copy(update={"content": content})})
        assert leaks(segment.model_copy(update={"turns": (spoilt, *segment.turns[1:])})) != ()
        planted += 1
    assert planted > 10


async def test_rejection_sampling_drops_what_is_wrong_and_counts_it(tasks: list[Task], world: SimulatedWorld) -> None:
    replies = {
        0: "<answer>\nno idea\n</answer>",
        1: '<tool_call>\n{"name": "nothing", "arguments": {}}\n</tool_call>',
    }

    def model(task: Task, seed: int) -> ScriptedChat:
        kind = tasks.index(task) % 3
        if kind == 2:
            return OracleChat(task, seed)  # type: ignore[return-value]
        return ScriptedChat(
            lambda messages: replies[kind] if len(messages) < 4 else f"<answer>\n{task.answers[0]}\n</answer>"
        )

    few = [task for task in tasks if task.meta["shape"].startswith("chain")][:30]
    sampled = await rejection_sample(few, attempts(model, world), ExactGrader(), default_filters(), tries=2, per_task=1)
    assert {tasks.index(each.task) % 3 for each in sampled.kept} == {2}
    reasons = {reason for row in sampled.funnel for reason in row.dropped}
    assert {"incorrect", "tool error"} <= reasons
    assert len({each.task.id for each in sampled.kept}) == len(sampled.kept)


async def test_attempts_on_record_are_not_made_again(tasks: list[Task], world: SimulatedWorld, tmp_path: Path) -> None:
    once, made = attempts(OracleChat, world), list[str]()

    async def breaking(task: Task, seed: int) -> Trajectory:
        made.append(task.id)
        if len(made) == 8:
            raise RuntimeError("killed")
        return await once(task, seed)

    few, record = tasks[:12], tmp_path / "attempts.jsonl"
    whole = await rejection_sample(few, once, ExactGrader(), default_filters(), tries=2, seed=3)
    with pytest.raises(RuntimeError, match="killed"):
        for task in few:  # one at a time, so that seven are finished
            await rejection_sample([task], breaking, ExactGrader(), (), tries=2, seed=3, workers=1, record=record)
    with record.open("ab") as handle:
        handle.write(b'{"seed": 1, "traj')  # torn
    sampled = await rejection_sample(few, breaking, ExactGrader(), default_filters(), tries=2, seed=3, record=record)
    assert len(made) - 8 == 2 * len(few) - 7
    assert sampled.funnel == whole.funnel
    for found, expected in zip(sampled.kept, whole.kept, strict=True):
        assert found.task == expected.task
        assert found.trajectory.segments == expected.trajectory.segments  # its times differ


async def test_failures_are_told_and_tried_again(tasks: list[Task], world: SimulatedWorld, tmp_path: Path) -> None:
    once, down = attempts(OracleChat, world), {tasks[2].id}

    async def attempt(task: Task, seed: int) -> Trajectory:
        trajectory = await once(task, seed)
        if task.id not in down:
            return trajectory
        failure = Failure(error="ModelFault", message="refused")
        return trajectory.model_copy(update={"failure": failure, "stop": StopReason(kind="failed"), "answer": None})

    record = tmp_path / "attempts.jsonl"
    with pytest.raises(ModelFault, match="1 of 5 attempts failed, the first with ModelFault: refused"):
        await rejection_sample(tasks[:5], attempt, ExactGrader(), (), record=record)
    down.clear()
    assert len((await rejection_sample(tasks[:5], attempt, ExactGrader(), (), record=record)).kept) == 5


async def test_what_no_model_takes_is_dropped_and_counted(tasks: list[Task], world: SimulatedWorld) -> None:
    once = attempts(OracleChat, world)

    async def attempt(task: Task, seed: int) -> Trajectory:
        failure = Failure(error="ModelRequestError", message="refused by policy")
        lost = {"failure": failure, "stop": StopReason(kind="failed"), "answer": None}
        return (await once(task, seed)).model_copy(update=lost if task.id == tasks[2].id else {})

    sampled = await rejection_sample(tasks[:5], attempt, ExactGrader(), default_filters())
    assert next(row.dropped for row in sampled.funnel if row.part == "correct")["failed"] == 1
    with pytest.raises(ModelFault, match="1 of 1 attempts failed, the first with ModelRequestError: refused by policy"):
        await rejection_sample([tasks[2]], attempt, ExactGrader(), default_filters())


async def test_masks_cover_the_policy_and_nothing_else(taught: Sampled) -> None:
    provenance = Provenance(seed=1, model="oracle")
    for attempted in taught.kept[:20]:
        (react,) = samples_of(attempted, "react", provenance)
        assert [turn.trainable for turn in react.segment.turns] == [
            turn.message.role == "assistant" for turn in react.segment.turns
        ]
        rounds = list(samples_of(attempted, "iterresearch", provenance))
        assert len(rounds) == sum(turn.trainable for turn in react.segment.turns)
        for sample in rounds:
            assert SftSample.model_validate_json(sample.model_dump_json(by_alias=True)) == sample
            (turn,) = sample.segment.turns
            assert turn.trainable
            assert "<report>" in turn.message.content
        assert attempted.task.question in rounds[-1].segment.start[1].content
        size = [len(sample.segment.start[1].content) for sample in rounds]
        whole = sum(len(message.content) for message in react.segment.messages)
        assert max(size) < whole


async def test_a_round_is_shown_the_results_of_all_calls(taught: Sampled) -> None:
    attempted = taught.kept[0]
    (segment,) = attempted.trajectory.segments
    at = next(n for n, turn in enumerate(segment.turns) if not turn.trainable)
    second = segment.turns[at].model_copy(update={"message": Message(role="tool", content="What the second one gives")})
    segment = segment.model_copy(update={"turns": (*segment.turns[: at + 1], second, *segment.turns[at + 1 :])})
    trajectory = attempted.trajectory.model_copy(update={"segments": (segment,)})
    changed = attempted.model_copy(update={"trajectory": trajectory})
    shown = [each.segment.start[1].content for each in samples_of(changed, "iterresearch", Provenance(seed=1))]
    assert segment.turns[at].message.content in shown[1]
    assert second.message.content in shown[1]
    assert second.message.content not in shown[2]


async def test_the_report_of_a_round_holds_nothing_that_comes_later(taught: Sampled) -> None:
    for attempted in taught.kept[:20]:
        seen = attempted.task.question
        for sample in samples_of(attempted, "iterresearch", Provenance(seed=1)):
            shown = sample.segment.start[1].content
            report = shown.partition("Report:\n")[2].partition("\n\nLast call")[0]
            value = attempted.task.answers[0]
            assert value not in report or value in seen
            seen += shown


def test_names_from_nowhere_are_leaks() -> None:
    question = Message(role="user", content="Who founded Velor Works?")
    said = Turn(message=Message(role="assistant", content="<think>\nFind Velor Works.\n</think>"), trainable=True)
    assert leaks(Segment(role="react", start=(question,), turns=(said,))) == ()
    said = Turn(message=Message(role="assistant", content="<think>\nAsk Tamin Oresk.\n</think>"), trainable=True)
    assert leaks(Segment(role="react", start=(question,), turns=(said,))) == ("Tamin Oresk",)


def test_a_corpus_keeps_what_its_world_was_made_from(tmp_path: Path) -> None:
    config = ClosedConfig(pages=120, seed=9)
    ensure_closed("w", tmp_path, config).close()
    assert closed_config("w", tmp_path) == config
    ensure_closed("w", tmp_path, config).close()
    with pytest.raises(ConfigError, match="another corpus"):
        ensure_closed("w", tmp_path, config.model_copy(update={"seed": 8}))
    with pytest.raises(ConfigError, match="no closed world"):
        closed_config("none", tmp_path)
    (tmp_path / "corpora" / "w" / "closed.json").write_text(json.dumps({"pages": 1}))
    with pytest.raises(InputError, match="corrupt"):
        closed_config("w", tmp_path)


async def test_attempts_with_the_same_seed_are_the_same(tasks: list[Task], world: SimulatedWorld) -> None:
    attempt: AttemptAt = attempts(OracleChat, world)
    one, again, other = [await attempt(tasks[0], seed) for seed in (1, 1, 2)]
    assert one.segments == again.segments
    assert one.answer == other.answer
