"""`fathom bench rollout`: rollouts in lock-step against step-level asynchronous ones, under slow tools; HTTP's price.

Every rollout is some turns of real sampling from the nano model, each followed by a tool that takes a log-normal time;
after a batch comes a real update. Lock-step waits for the slowest tool of all rollouts after each turn, as a loop over
batches does; asynchronous with staleness 0 waits once a batch; with staleness 1 the next batch runs while this one is
trained on.

What HTTP costs is measured without tools: rollouts of two turns, by the sampler of this process and by the same one
behind a server on the loopback address, one after the other, medians.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fathom.bench.harness import BenchOptions, Figure, Goal
from fathom.core.config import torch_defaults
from fathom.core.message import Message
from fathom.core.seeds import stream
from fathom.core.task import Task
from fathom.core.trajectory import Segment, StopReason, Trajectory, Turn

if TYPE_CHECKING:
    from fathom.evals.charts import Series
    from fathom.llm.local.sampler import LocalSampler
    from fathom.llm.protocol import TokenModel
    from fathom.rollout.group import Group
    from fathom.train.rl.trainer import RLTrainer

NAME = "rollout"
CURVES = True
SUMMARY = "synchronous against asynchronous rollouts under log-normal tool latency"
GOALS: Mapping[str, Goal] = {"speedup": (">=", 2.0), "stale_frac": ("==", 0.0)}

_TURN_TOKENS, _PROMPT_TOKENS, _OBSERVED_TOKENS = 20, 40, 60
_SIGMA = 1.0  # of the logarithm: the slowest of 64 tools takes some ten times the median
_GROUP = 8


def run(options: BenchOptions) -> Mapping[str, Figure]:
    """All figures; needs torch."""
    torch_defaults()
    from fathom.llm.local.load import use_threads

    use_threads(2)
    mean_s, groups, steps = (0.1, 2, 2) if options.quick else (0.5, 8, 6)
    figures: dict[str, Figure] = {"mean_tool_seconds": mean_s, "rollouts": groups * _GROUP}
    results: dict[str, _Measured] = {}
    for name, staleness in (("lockstep", -1), ("async", 0), ("async_stale1", 1)):
        options.progress(name)
        results[name] = asyncio.run(_measure(staleness, mean_s, groups, steps))
        figures[f"{name}_step_seconds"] = round(results[name].step_seconds, 3)
        figures[f"{name}_busy_frac"] = round(results[name].busy_frac, 3)
    lockstep, plain, ahead = results.values()
    figures["model_busy_frac"] = figures["async_busy_frac"]
    figures["speedup"] = round(lockstep.step_seconds / plain.step_seconds, 2)
    figures["speedup_stale1"] = round(lockstep.step_seconds / ahead.step_seconds, 2)
    figures["stale_frac"] = plain.stale_frac
    figures["stale1_stale_frac"] = round(ahead.stale_frac, 3)
    if options.page is not None:
        write_page(options.page, {name: measured.trained for name, measured in results.items()})
    options.progress("http")
    local_s, http_s = asyncio.run(_measure_transports(*((16, 3) if options.quick else (64, 9))))
    figures["in_process_seconds"], figures["http_seconds"] = round(local_s, 3), round(http_s, 3)
    figures["http_slowdown"] = round(http_s / local_s, 2)
    return figures


class _Barrier:
    """Lets all parties go on once all that have not finished wait."""

    def __init__(self, parties: int) -> None:
        self._left, self._waiting = parties, 0
        self._open = asyncio.Event()

    async def wait(self) -> None:
        self._waiting += 1
        gate = self._open
        self._release()
        await gate.wait()

    def leave(self) -> None:
        self._left -= 1
        self._release()

    def _release(self) -> None:
        if self._left and self._waiting == self._left:
            self._waiting = 0
            self._open.set()
            self._open = asyncio.Event()


@dataclass(frozen=True)
class _Measured:
    """Seconds of a step, share of the time in which the model samples or trains, share of turns sampled by older
    weights; and (seconds since the start, rollouts trained on by then) after each step."""

    step_seconds: float
    busy_frac: float
    stale_frac: float
    trained: tuple[tuple[float, float], ...]


def write_page(path: Path, curves: Mapping[str, "Series"]) -> None:
    """A page of rollouts trained on, over seconds, by way of running them."""
    from fathom.evals.charts import line_chart, page_of

    chart = line_chart({name: ((0.0, 0.0), *curve) for name, curve in curves.items()}, low=0.0)
    what = "<p>Rollouts trained on, over seconds.</p>"
    path.write_text(
        page_of("Rollouts under slow tools", f"<h1>Rollouts under slow tools</h1>{what}{chart}"), encoding="utf-8"
    )


async def _measure(staleness: int, mean_s: float, groups: int, steps: int) -> _Measured:
    from fathom.rollout.scheduler import RolloutConfig, RolloutScheduler
    from fathom.train.rl.trainer import RLConfig, RLTrainer

    sampler = _sampler()
    trainer = RLTrainer(sampler.model, RLConfig(), sampler)
    barrier: list[_Barrier] = []

    async def attempt(task: Task, seed: int) -> Trajectory:
        return await _rollout(sampler, task, seed, mean_s, barrier[-1] if staleness < 0 else None)

    async def reward(task: Task, trajectory: Trajectory) -> float | None:
        return float(trajectory.seed % 2)

    config = RolloutConfig(batch=groups, group=_GROUP, staleness=max(0, staleness))
    scheduler = RolloutScheduler(_tasks(), attempt, reward, config)
    train_seconds, stale, turns = 0.0, 0, 0
    curve: list[tuple[float, float]] = []
    began = time.perf_counter()
    busy_before = sampler.busy_seconds
    for step in range(steps):
        barrier.append(_Barrier(groups * _GROUP))
        batch = await scheduler.batch(step)
        trained = time.perf_counter()
        await asyncio.to_thread(_train, trainer, batch, step)
        train_seconds += time.perf_counter() - trained
        ages = [step - turn.policy_version for g in batch for r in g.rollouts for turn in _sampled(r.trajectory)]
        curve.append((round(time.perf_counter() - began, 3), (step + 1) * groups * _GROUP))
        stale, turns = stale + sum(age > 0 for age in ages), turns + len(ages)
    seconds = time.perf_counter() - began
    busy = sampler.busy_seconds - busy_before + train_seconds
    await scheduler.close()
    await sampler.close()
    return _Measured(seconds / steps, min(1.0, busy / seconds), stale / turns, tuple(curve))


async def _measure_transports(rollouts: int, rounds: int) -> tuple[float, float]:
    """Median seconds of so many rollouts of two turns at once, in process and over HTTP."""
    from fathom.llm.local.http import serving
    from fathom.llm.token_api import HttpTokenModel, TokenEndpointConfig

    sampler = _sampler()
    seeds = iter(range(10**9))  # never one twice, so that no prompt is in the cache

    async def seconds(model: "TokenModel") -> float:
        began = time.perf_counter()
        task = Task(id="t", question="")
        await asyncio.gather(*(_rollout(model, task, next(seeds), 0.0, None, count=2) for _ in range(rollouts)))
        return time.perf_counter() - began

    async with serving(sampler) as url:
        remote = HttpTokenModel(TokenEndpointConfig(base_url=url))
        # The first round warms up threads and connections, and is left out.
        pairs = [(await seconds(sampler), await seconds(remote)) for _ in range(rounds + 1)][1:]
        await remote.close()
    await sampler.close()
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def _sampler() -> "LocalSampler":
    from fathom.llm.local.lm import LMConfig
    from fathom.llm.local.load import fresh_model
    from fathom.llm.local.sampler import LocalSampler, SamplerConfig

    return LocalSampler(fresh_model(LMConfig(vocab_size=1024), 0), -1, SamplerConfig(slots=128))


def _tasks() -> Callable[[], Task]:
    numbers = iter(range(10**9))
    return lambda: Task(id=f"t{next(numbers)}", question="")


def _train(trainer: "RLTrainer", batch: "list[Group]", step: int) -> None:
    trainer.step(batch, step)


def _sampled(trajectory: Trajectory) -> list[Turn]:
    return [turn for segment in trajectory.segments for turn in segment.turns if turn.token_ids]


async def _rollout(
    model: "TokenModel", task: Task, seed: int, mean_s: float, barrier: _Barrier | None, *, count: int | None = None
) -> Trajectory:
    """`count` turns, else two to six, each sampled and followed by a tool of log-normal latency."""
    from fathom.llm.protocol import Sampling

    random = stream(seed, "rollout")
    ids = [random.randrange(5, 1000) for _ in range(_PROMPT_TOKENS)]
    turns: list[Turn] = []
    kept = 0
    for number in range(count or random.randint(2, 6)):
        trace = await model.sample(ids, Sampling(max_tokens=_TURN_TOKENS, seed=seed % 2**31 + number))
        turns.append(
            Turn(
                message=Message(role="assistant"),
                trainable=True,
                prompt_kept=kept,
                prompt_ids=trace.prompt_ids[kept:],
                token_ids=trace.ids_T,
                logprobs=trace.logprobs_T,
                policy_version=trace.policy_version,
            )
        )
        kept = len(ids) + len(trace.ids_T)
        ids = [*ids, *trace.ids_T, *(random.randrange(5, 1000) for _ in range(_OBSERVED_TOKENS))]
        # The mean of a log-normal is exp(mu + sigma^2 / 2).
        await asyncio.sleep(mean_s * random.lognormvariate(-_SIGMA * _SIGMA / 2, _SIGMA))
        if barrier is not None:
            await barrier.wait()
    if barrier is not None:
        barrier.leave()
    segment = Segment(role="react", start=(), turns=tuple(turns))
    stop = StopReason(kind="answered")
    return Trajectory(
        task_id=task.id, agent="bench", model="nano", segments=(segment,), answer="", stop=stop, seed=seed % 2**31
    )
