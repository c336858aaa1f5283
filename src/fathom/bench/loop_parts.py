"""The workloads of `fathom bench loop`, ours and those of TRL and transformers."""

import asyncio
import importlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from fathom.bench.harness import Figure
from fathom.core.task import Task
from fathom.core.trajectory import Trajectory
from fathom.corpus.closed.knowledge import ClosedConfig, knowledge
from fathom.grading.exact import ExactGrader
from fathom.llm.local.chat import LocalChat
from fathom.llm.local.lm import CausalLM
from fathom.llm.local.load import fresh_model, load_model, load_renderer
from fathom.llm.local.sampler import LocalSampler, SamplerConfig
from fathom.llm.render.formats import NANO
from fathom.llm.render.renderer import Renderer
from fathom.recipes.attempts import attempts
from fathom.recipes.closed import ensure_closed
from fathom.recipes.loop_config import nano
from fathom.recipes.synthesis import make_questions
from fathom.rollout.scheduler import RolloutConfig, RolloutScheduler
from fathom.synth.pipeline import PipelineConfig
from fathom.synth.questions import QuestionConfig
from fathom.synth.trajectories.oracle import OracleChat
from fathom.synth.webshaper.formula import answers, parse
from fathom.train.checkpoint import save_model
from fathom.train.data.rows import Row, row_of_messages
from fathom.train.optimize import OptimizerConfig, cross_entropy, make_optimizer, update
from fathom.train.rl.trainer import RLConfig, RLTrainer
from fathom.train.tokenizer import train_tokenizer
from fathom.world.simulated import SimulatedWorld


@dataclass
class Parts:
    """What every workload needs."""

    tasks: tuple[Task, ...]
    world: SimulatedWorld
    trajectories: tuple[Trajectory, ...]
    tokenizer: Tokenizer
    renderer: Renderer
    rows: tuple[Row, ...]

    @classmethod
    def make(cls, scratch: Path, pages: int, count: int) -> tuple["Parts", Mapping[str, Figure]]:
        """A closed world, questions over it and the oracle's trajectories; and the figures of that."""
        config = ClosedConfig(pages=pages, seed=1)
        base, world = knowledge(config), SimulatedWorld(ensure_closed("bench", scratch, config))
        began = time.perf_counter()
        outcome = make_questions(base, QuestionConfig(), PipelineConfig(count=count, shard=count), scratch / "shards")
        minutes = (time.perf_counter() - began) / 60
        tasks = tuple(Task.model_validate(item) for item in outcome.items)
        unique = [base.text(answers(parse(t.meta["formula"]), base)[0]) == t.answers[0] for t in tasks]
        single = [len(answers(parse(t.meta["formula"]), base)) == 1 for t in tasks]
        trajectories = asyncio.run(_oracle(tasks, world))
        tokenizer = train_tokenizer((m.content for t in trajectories for m in t.segments[0].messages), nano().tokenizer)
        renderer = Renderer(tokenizer, NANO)
        rows = tuple(row_of_messages(t.segments[0], renderer) for t in trajectories)
        figures: dict[str, Figure] = {
            "questions_per_minute": round(len(tasks) / minutes),
            "unique_frac": sum(a and b for a, b in zip(unique, single, strict=True)) / len(tasks),
        }
        return cls(tasks, world, trajectories, tokenizer, renderer, rows), figures

    def model(self) -> CausalLM:
        """The nano recipe's model with random weights, the same every time."""
        return fresh_model(nano().model.model_copy(update={"vocab_size": self.tokenizer.get_vocab_size()}), 0)

    def batch(self, number: int, size: int) -> list[Row]:
        """The rows of one training step."""
        return [self.rows[(number * size + n) % len(self.rows)] for n in range(size)]


async def _oracle(tasks: tuple[Task, ...], world: SimulatedWorld) -> tuple[Trajectory, ...]:
    attempt = attempts(OracleChat, world)
    return tuple([await attempt(task, 0) for task in tasks])


def own_sft(parts: Parts, size: int, steps: int) -> float:
    """Tokens a second of our update, padding not counted, the first step left out."""
    model = parts.model()
    config = OptimizerConfig()
    optimizer = make_optimizer(model, config)
    tokens, began = 0, 0.0
    for step in range(steps + 1):
        if step == 1:
            began = time.perf_counter()
        batch = parts.batch(step, size)
        update(model, optimizer, batch, cross_entropy, config, config.lr)
        tokens += sum(len(row.ids) for row in batch) if step else 0
    return tokens / (time.perf_counter() - began)


def trl_sft(parts: Parts, size: int, steps: int, folder: Path) -> float:
    """The same with TRL's SFTTrainer: the same rows in the same order, loss on the same tokens, fused AdamW."""
    # Not imported by name: type checkers need not find what only this bench uses.
    hf, trl, datasets = (importlib.import_module(name) for name in ("transformers", "trl", "datasets"))
    save_model(parts.model(), parts.renderer, folder / "model")
    rows = [row for step in range(steps + 1) for row in parts.batch(step, size)]
    # A column of this name is TRL's mask of the loss, whatever its settings.
    data = datasets.Dataset.from_list(
        [{"input_ids": list(r.ids), "assistant_masks": [int(w) for w in r.weights]} for r in rows]
    )
    times: list[float] = []

    class Clock(hf.TrainerCallback):  # type: ignore[name-defined, misc]
        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            times.append(time.perf_counter())

    arguments = trl.SFTConfig(
        output_dir=str(folder / "out"),
        per_device_train_batch_size=size,
        max_steps=steps + 1,
        max_length=None,
        optim="adamw_torch_fused",
        gradient_checkpointing=False,
        use_cpu=True,
        bf16=False,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        train_sampling_strategy="sequential",
    )
    trainer = trl.SFTTrainer(
        model=hf.AutoModelForCausalLM.from_pretrained(folder / "model"),
        args=arguments,
        train_dataset=data,
        processing_class=hf.AutoTokenizer.from_pretrained(folder / "model"),
        callbacks=[Clock()],
    )
    trainer.train()
    tokens = sum(len(row.ids) for row in rows[size:])
    return tokens / (times[-1] - times[0])


async def rl_step(parts: Parts, checkpoint: Path | None, groups: int) -> Mapping[str, Figure]:
    """Seconds of one RL step of `groups` groups of eight: rollouts with tools, and the update."""
    renderer = load_renderer(checkpoint) if checkpoint else parts.renderer
    model = load_model(checkpoint) if checkpoint else parts.model()
    sampler = LocalSampler(model, renderer.end_id, SamplerConfig(slots=128, max_tokens=96))
    chat = LocalChat(sampler, renderer, "nano")
    grader = ExactGrader()

    async def reward(task: Task, trajectory: Trajectory) -> float | None:
        return (await grader.grade(task, trajectory)).score

    tasks = iter(parts.tasks * 10)
    config = RolloutConfig(batch=groups, group=8, end_id=renderer.end_id)
    scheduler = RolloutScheduler(lambda: next(tasks), attempts(lambda t, s: chat, parts.world), reward, config)
    trainer = RLTrainer(model, RLConfig(), sampler)
    seconds = []
    for step in range(3):
        began = time.perf_counter()
        trainer.step(await scheduler.batch(step), step)
        seconds.append(time.perf_counter() - began)
    await chat.close()
    source = "fine-tuned" if checkpoint else "random weights"
    return {"rl_step_seconds": round(sorted(seconds)[1], 2), "rl_rollouts": groups * 8, "rl_model": source}
