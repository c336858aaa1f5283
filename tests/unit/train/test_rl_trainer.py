"""RL from end to end on a task a tiny model can learn in seconds, and what selection leaves out."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.unit.train.test_metrics import assert_the_board_shows_the_lines, on_the_board

from fathom.core.message import Message
from fathom.core.seeds import derive_seed
from fathom.core.task import Task
from fathom.core.trajectory import Failure, Segment, StopReason, Trajectory, Turn
from fathom.llm.local.initial import initialise
from fathom.llm.local.lm import CausalLM, LMConfig
from fathom.llm.local.sampler import LocalSampler, SamplerConfig
from fathom.llm.protocol import Sampling
from fathom.llm.render.formats import NANO
from fathom.llm.render.renderer import Renderer
from fathom.rollout.group import Group, Rollout, outcome_of
from fathom.rollout.pool import PoolConfig, TaskPool
from fathom.rollout.scheduler import RolloutConfig, RolloutScheduler
from fathom.train.data.batches import padded
from fathom.train.optimize import OptimizerConfig
from fathom.train.rl.loss import SurrogateConfig, surrogate
from fathom.train.rl.select import SelectConfig, advantages, select
from fathom.train.rl.trainer import RLConfig, RLTrainer, batch_metrics, train_rl
from fathom.train.tokenizer import TokenizerConfig, train_tokenizer

LM = LMConfig(vocab_size=320, width=32, layers=2, heads=4, kv_heads=4, mlp_width=48, context=64, init_std=0.3)
TASKS = [Task(id=str(n), question=str(n)) for n in range(5, 13)]


def turn(ids: tuple[int, ...]) -> Turn:
    return Turn(
        message=Message(role="assistant"),
        trainable=True,
        prompt_ids=(1, 2),
        token_ids=ids,
        logprobs=(-1.0,) * len(ids),
    )


def rollout(reward: float, outcome: str = "scored", turns: int = 1) -> Rollout:
    segments = tuple(Segment(role="react", start=(), turns=(turn((7, 8, 9)),)) for _ in range(turns))
    failed = outcome == "failed"
    trajectory = Trajectory(
        task_id="t",
        agent="a",
        model="m",
        segments=segments,
        answer=None,
        stop=StopReason(kind="failed" if failed else "answered"),
        failure=Failure(error="ModelFault", message="down") if failed else None,
    )
    return Rollout(trajectory=trajectory, outcome=outcome, reward=reward)  # type: ignore[arg-type]


def group(*rollouts: Rollout) -> Group:
    return Group(index=0, task=TASKS[0], rollouts=rollouts)


def test_masked_negatives_count_in_the_baseline_or_not_by_scope() -> None:
    mine = group(rollout(1), rollout(0), rollout(0, "masked"), rollout(0, "failed"))
    loss = advantages(mine, SelectConfig(scope="loss"))
    assert loss == pytest.approx({0: 1.0, 1: -0.5})
    whole = advantages(mine, SelectConfig(scope="group"))
    assert whole == pytest.approx({0: 1.0, 1: -1.0})
    unmasked = advantages(mine, SelectConfig(mask_negatives=False))
    assert unmasked == pytest.approx({0: 1.0, 1: -0.5, 2: -0.5})


def test_failed_rollouts_are_in_no_baseline_and_no_loss() -> None:
    with_failure = advantages(group(rollout(1), rollout(0), rollout(0, "failed")), SelectConfig())
    without = advantages(group(rollout(1), rollout(0)), SelectConfig())
    assert with_failure == without
    chosen = select([group(rollout(1), rollout(0), rollout(0, "failed"))], SelectConfig())
    assert (chosen.failed, chosen.masked, chosen.scored, chosen.rollouts) == (1, 0, 2, 3)


def test_rows_of_one_rollout_are_one_member_of_the_group() -> None:
    chosen = select([group(rollout(1, turns=3), rollout(0), rollout(0))], SelectConfig())
    assert [row.advantages[-1] for row in chosen.rows] == pytest.approx([1, 1, 1, -0.5, -0.5])
    assert chosen.trained_tokens == 5 * 3


def test_a_group_without_signal_gives_no_rows_but_its_tokens_count() -> None:
    chosen = select([group(rollout(1), rollout(1)), group(rollout(0)), group(rollout(1), rollout(0))], SelectConfig())
    assert (len(chosen.rows), chosen.signal, chosen.trained_tokens) == (2, 1, 15)


def test_how_far_prompts_departed_is_counted_over_rollouts_in_the_loss() -> None:
    def departing(reward: float, kept: int, outcome: str = "scored") -> Rollout:
        first = rollout(reward, outcome)
        turns = (turn((7, 8, 9)), turn((7, 8)).model_copy(update={"prompt_kept": kept}))
        segments = (Segment(role="react", start=(), turns=turns),)
        return first.model_copy(update={"trajectory": first.trajectory.model_copy(update={"segments": segments})})

    groups = [group(departing(1, 5), departing(0, 3), departing(0, 1), departing(0, 0, "masked"))]
    metrics = batch_metrics(groups, select(groups, SelectConfig()))
    assert (metrics["forks"], metrics["dropped_ids"]) == (2, (5 - 3) + (5 - 1))


def test_outcomes() -> None:
    def ended(kind: str, budget: str | None = None, answer: str | None = None) -> Trajectory:
        stop = StopReason(kind=kind, budget=budget)  # type: ignore[arg-type]
        segment = Segment(role="react", start=(), turns=(turn((7, 4)),))
        return Trajectory(task_id="t", agent="a", model="m", segments=(segment,), answer=answer, stop=stop)

    assert outcome_of(ended("answered", answer="x"), 1.0, 4) == "scored"
    assert outcome_of(ended("answered", answer="x"), 0.0, 4) == "scored"
    assert outcome_of(ended("malformed"), 0.0, 5) == "masked"  # the last turn was cut off
    assert outcome_of(ended("malformed"), 0.0, 4) == "scored"
    assert outcome_of(ended("answered", answer="x"), 0.0, 5) == "scored"  # cut off behind its answer
    assert outcome_of(ended("budget", "llm_calls"), 0.0, 4) == "masked"
    # An answer asked for at the limit is an answer.
    assert outcome_of(ended("budget", "llm_calls", "x"), 0.0, 4) == "scored"
    assert outcome_of(ended("budget", "llm_calls", "x"), 1.0, 4) == "scored"
    assert outcome_of(rollout(0, "failed").trajectory, 0.0) == "failed"


@pytest.mark.parametrize(("kind", "wrong"), [("upstream", "failed"), ("saturated", "failed"), ("not_found", "scored")])
def test_a_wrong_answer_behind_a_tool_that_was_not_reached_is_no_negative(kind: str, wrong: str) -> None:
    told = Turn(message=Message(role="tool", content="not reached"), tool_error=kind, infra=kind != "not_found")
    segment = Segment(role="react", start=(), turns=(turn((7, 4)), told, turn((7, 4))))
    stop = StopReason(kind="answered")
    trajectory = Trajectory(task_id="t", agent="a", model="m", segments=(segment,), answer="x", stop=stop)
    assert outcome_of(trajectory, 0.0, 4) == wrong
    assert outcome_of(trajectory, 1.0, 4) == "scored"
    groups = [group(Rollout(trajectory=trajectory, outcome="failed"))]
    assert batch_metrics(groups, select(groups, SelectConfig()))["infra_share"] == float(wrong == "failed")


def test_the_loss_of_a_batch_equals_a_loop() -> None:
    model = initialise(CausalLM(LM), torch.Generator().manual_seed(3))
    chosen = select([group(rollout(1), rollout(0), rollout(0))], SelectConfig())
    config = SurrogateConfig()
    found, sums = surrogate(config)(model, padded(chosen.rows))
    total = 0.0
    for row in chosen.rows:
        with torch.no_grad():
            logprobs = model(torch.tensor([row.ids]))[0].log_softmax(-1)
        for t in range(1, len(row.ids)):
            if row.weights[t]:
                ratio = float((logprobs[t - 1, row.ids[t]] - row.logprobs[t]).exp())
                a = row.advantages[t]
                total -= min(ratio * a, min(max(ratio, 0.8), 1.28) * a)
    assert found.item() == pytest.approx(total, rel=1e-4)
    assert sums["seen_tokens"] == 9


class Bandit:
    """The right reply to a prompt is the token of the same number; anything else is wrong."""

    def __init__(self, folder: Path, steps: int, staleness: int = 0) -> None:
        self.folder = folder
        self.model = initialise(CausalLM(LM), torch.Generator().manual_seed(1))
        self.sampler = LocalSampler(self.model, 4, SamplerConfig(slots=64))
        optimizer = OptimizerConfig(lr=4e-3, warmup_steps=1, final_lr=1.0, weight_decay=0.0)
        self.trainer = RLTrainer(
            self.model, RLConfig(steps=steps, optimizer=optimizer, checkpoint_steps=3), self.sampler
        )
        self.rollouts = RolloutConfig(batch=8, group=8, staleness=staleness)
        self.renderer = Renderer(train_tokenizer(["x"], TokenizerConfig(vocab_size=320)), NANO)
        self.stop_after: int | None = None

    async def attempt(self, task: Task, seed: int) -> Trajectory:
        trace = await self.sampler.sample([1, 300, int(task.id)], Sampling(max_tokens=1, seed=seed % 2**31))
        said = Turn(
            message=Message(role="assistant"),
            trainable=True,
            prompt_ids=trace.prompt_ids,
            token_ids=trace.ids_T,
            logprobs=trace.logprobs_T,
            policy_version=trace.policy_version,
        )
        # Only sixteen replies are told apart, so that a random policy is right now and then.
        answer = str(trace.ids_T[0] % 16)
        segment = Segment(role="react", start=(), turns=(said,))
        stop = StopReason(kind="answered")
        return Trajectory(task_id=task.id, agent="a", model="m", segments=(segment,), answer=answer, stop=stop)

    async def reward(self, task: Task, trajectory: Trajectory) -> float | None:
        return float(trajectory.answer == str(int(task.id) % 16))

    def run(self) -> list[dict[str, float]]:
        asyncio.run(self._run())
        return [json.loads(line) for line in (self.folder / "metrics.jsonl").read_text().splitlines()]

    async def _run(self) -> None:
        def on_step(step: int, metrics: dict[str, object], groups: list[Group]) -> None:
            if self.stop_after == step:
                raise KeyboardInterrupt

        await train_rl(
            self.trainer,
            self.renderer,
            TaskPool(TASKS, PoolConfig(mastered=1.0)),
            lambda take: RolloutScheduler(take, self.attempt, self.reward, self.rollouts),
            self.folder,
            on_step=on_step,
        )
        await self.sampler.close()


def test_reward_rises_strictly_on_policy(tmp_path: Path) -> None:
    rows = Bandit(tmp_path, 60).run()
    assert sum(row["reward"] for row in rows[:3]) / 3 < 0.2
    assert sum(row["reward"] for row in rows[-5:]) / 5 > 0.8
    for step, row in enumerate(rows):
        assert row["oldest_version"] == row["newest_version"]
        if "ratio_error" in row:
            assert row["ratio_error"] < 1e-5
            assert row["mismatch_kl"] < 1e-6
        assert row["step"] == step
    # Spread over many of 320 tokens at first; eight replies to tell apart, of which sixteen tokens each would do.
    assert rows[0]["policy_entropy"] > 3.5 > rows[-1]["policy_entropy"]


def test_an_interrupted_run_goes_on_as_it_would_have(tmp_path: Path) -> None:
    def told(rows: list[dict[str, float]]) -> list[tuple[float, ...]]:
        return [(row["step"], row["reward"], row.get("loss", 0.0), row["policy_entropy"]) for row in rows]

    whole = told(Bandit(tmp_path / "whole", 10).run())
    assert told(Bandit(tmp_path / "repeated", 10).run()) == whole
    for cut in (1, 4, 7):
        first = Bandit(tmp_path / str(cut), 10)
        first.stop_after = cut
        with pytest.raises(KeyboardInterrupt):
            first.run()
        assert_the_board_shows_the_lines(tmp_path / str(cut))
        assert told(Bandit(tmp_path / str(cut), 10).run()) == whole
        assert_the_board_shows_the_lines(tmp_path / str(cut))
    shown = on_the_board(tmp_path / "1")
    assert shown.keys() >= {"reward", "loss", "policy_entropy", "forks", "dropped_ids", "active_histogram/4"}
    assert sum(shown[f"pass_histogram/{place}"][0][1] for place in range(6)) == 8  # groups of a batch


def test_more_steps_go_on_as_if_they_had_been_asked_for_at_once(tmp_path: Path) -> None:
    whole = Bandit(tmp_path / "whole", 10).run()
    assert len(Bandit(tmp_path / "longer", 5).run()) == 5
    longer = Bandit(tmp_path / "longer", 10).run()
    for name in ("step", "reward", "policy_entropy", "loss", "grad_norm"):
        assert [row.get(name) for row in longer] == [row.get(name) for row in whole]


def test_staleness_zero_gives_what_a_plain_loop_gives(tmp_path: Path) -> None:
    """One rollout after another, then the update, then the next batch: the same rewards, losses and weights."""

    async def one_by_one(bandit: Bandit, steps: int) -> list[dict[str, Any]]:
        pool, rows = TaskPool(TASKS, PoolConfig(mastered=1.0)), []
        for step in range(steps):
            groups = []
            for n in range(bandit.rollouts.batch):
                task, rollouts = pool.take(), []
                for member in range(bandit.rollouts.group):
                    index = step * bandit.rollouts.batch + n
                    trajectory = await bandit.attempt(task, derive_seed(0, "group", index, member, 1))
                    reward = await bandit.reward(task, trajectory)
                    rollouts.append(Rollout(trajectory=trajectory, outcome="scored", reward=reward or 0.0))
                groups.append(Group(index=index, task=task, rollouts=tuple(rollouts)))
            rows.append(bandit.trainer.step(groups, step))
            for each in groups:
                pool.record(each.task.id, each.pass_rate)
            pool.refresh(step + 1)
        await bandit.sampler.close()
        return rows

    scheduled, plain = Bandit(tmp_path / "scheduled", 6), Bandit(tmp_path / "plain", 6)
    found, expected = scheduled.run(), asyncio.run(one_by_one(plain, 6))
    assert sum(row["reward"] for row in expected) > 0
    for name in ("reward", "policy_entropy", "loss", "grad_norm"):
        assert [row.get(name) for row in found] == [row.get(name) for row in expected]
    assert all(map(torch.equal, scheduled.model.parameters(), plain.model.parameters()))


def test_with_staleness_it_learns_too_and_no_token_is_older_than_allowed(tmp_path: Path) -> None:
    rows = Bandit(tmp_path, 40, staleness=1).run()
    assert sum(row["reward"] for row in rows[-5:]) / 5 > 0.6
    updates = 0
    for row in rows:
        assert updates - row["oldest_version"] <= 1
        updates += "loss" in row
