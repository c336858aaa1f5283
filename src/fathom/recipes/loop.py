"""The circle: world, questions, trajectories, CPT, SFT, RL, a better agent; then once more on its own trajectories.

Each stage leaves its result in the folder and is done once; a stage that was killed goes on from its last checkpoint.
So the same command resumes the loop wherever it broke off. After each stage the held-out questions, of a world none of
whose names was ever trained on, are answered by the very agent and tools that `fathom ask` uses.
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from fathom.core.assets import exclusive, once
from fathom.core.config import Environment
from fathom.core.errors import ConfigError, TrainingFault
from fathom.core.jsonl import append, read_records, read_rows
from fathom.core.model import canonical_json, content_hash
from fathom.core.seeds import derive_seed
from fathom.core.task import Task
from fathom.core.texts import write_durably
from fathom.core.trajectory import Trajectory
from fathom.corpus.closed.knowledge import ClosedConfig, KnowledgeBase, knowledge
from fathom.evals.loop_report import write_loop_report
from fathom.grading.exact import ExactGrader
from fathom.llm.local.chat import LocalChat
from fathom.llm.local.files import TOKENIZER_CONFIG
from fathom.llm.local.load import load_tokenizer, use_threads
from fathom.llm.protocol import Sampling
from fathom.llm.render.formats import chat_format
from fathom.llm.render.renderer import Renderer
from fathom.recipes.attempts import AttemptAt, attempts
from fathom.recipes.closed import ensure_closed
from fathom.recipes.identity import claim
from fathom.recipes.loop_apprentice import Apprentice
from fathom.recipes.loop_branch import BRANCH, IDENTITY, branch, check_source
from fathom.recipes.loop_config import LoopConfig, held_out_world, trained_world
from fathom.recipes.research import ResearchConfig, research_config
from fathom.recipes.synthesis import make_questions, read_tasks, write_tasks
from fathom.recipes.worlds import gated, surroundings
from fathom.rollout.group import Group
from fathom.rollout.pool import TaskPool
from fathom.rollout.scheduler import RolloutScheduler
from fathom.synth.pipeline import PipelineConfig
from fathom.synth.protocol import FunnelRow
from fathom.synth.questions import QuestionConfig
from fathom.synth.reading import reading_texts
from fathom.synth.trajectories.oracle import OracleChat
from fathom.synth.trajectories.samples import default_filters
from fathom.synth.trajectories.sampling import Sampled, rejection_sample
from fathom.train.data.rows import Row, count_tokens, row_of_messages, row_of_text, row_of_transcript, rows_of_segments
from fathom.train.metrics import METRICS
from fathom.train.rl.trainer import RLTrainer, train_rl
from fathom.train.supervised import CHECKPOINT, SupervisedConfig, train_supervised
from fathom.train.tokenizer import save_tokenizer, train_tokenizer
from fathom.world.protocol import World
from fathom.world.simulated import SimulatedWorld

Say = Callable[[str], None]
REPORT = "report.html"
_TOKENIZER_TEXTS = 4_000
_SAMPLES = 8  # trajectories kept for the report, before and after RL


@dataclass
class Reading:
    """The rows of continual pre-training."""

    pages: list[Row]
    transcripts: list[Row]

    def mixed(self) -> list[Row]:
        """Both in their own order, spread evenly over the whole."""
        places = [(n / len(rows), row) for rows in (self.pages, self.transcripts) for n, row in enumerate(rows)]
        return [row for _, row in sorted(places, key=lambda place: place[0])]


@dataclass
class Loop:
    """One loop in its folder, which `run_loop` has claimed for it."""

    config: LoopConfig
    folder: Path
    home: Path
    say: Say

    def __post_init__(self) -> None:
        use_threads(self.config.threads)
        self.grader = ExactGrader()
        self.accuracy: dict[str, float] = {}

    async def run(self) -> dict[str, float]:
        """Turn the circle. Gives the held-out accuracy after each stage."""
        async with AsyncExitStack() as stack:
            return await self._circle(stack)

    async def _circle(self, stack: AsyncExitStack) -> dict[str, float]:
        config = self.config
        surround = surroundings(config.around, config.seed)
        world, base = self._world("train", trained_world(config))
        other = held_out_world(config, base)
        held_out, other_base = self._world("held-out", other)
        stack.push_async_callback(held_out.close)
        lived_in = surround(world)
        stack.push_async_callback(lived_in.close)
        taught_tasks = self._questions("sft", base, config.taught, config.oracle_questions)
        harder_tasks = self._without(self._harder(base), taught_tasks)
        rl_tasks = self._questions("rl", base, config.asked, config.rl_questions)
        rl_tasks = self._without(rl_tasks, (*taught_tasks, *harder_tasks))
        tests = self._questions("held-out", other_base, config.asked, config.held_out_questions)
        taught = await self._oracle("oracle", taught_tasks, world)
        texts = list(reading_texts(base, config.reading_texts, derive_seed(config.seed, "reading")))
        renderer = Renderer(self._tokenizer(texts, taught), chat_format(config.tokenizer.chat))
        agent = Apprentice(config, renderer)
        async with agent.chatting() as chat:
            measure = partial(self._measure, chat=chat, world=held_out, tasks=tests)
            reading = Reading([], []) if config.skip_cpt else self._reading(texts, taught, renderer)
            if not config.skip_cpt:
                self._train("cpt", agent, reading.mixed(), config.cpt)
                await measure("cpt")
            rows = [row_of_messages(t.segments[0], renderer) for t in taught]
            self._train("sft", agent, self._replayed(rows, reading), config.sft)
            await measure("sft")
            if await self._prime(agent, chat, lived_in, harder_tasks, rows, reading):
                await measure("primer")
            await self._rl(agent, chat, lived_in, rl_tasks)
            await measure("rl")
            before = (*taught_tasks, *harder_tasks, *rl_tasks)
            if config.second_turn and (own := await self._own(chat, lived_in, base, before)):
                agent.restart(self.folder / "sft" / CHECKPOINT)
                built = rows_of_segments(segment for t in own for segment in t.segments)
                self.say(f"sft2: {len(built.rows):,} rows, {built.forks:,} forks, {built.dropped_ids:,} ids dropped")
                self._train("sft2", agent, self._replayed(built.rows, reading), config.sft)
                await measure("sft2")
        return self.accuracy

    def _reading(self, texts: Sequence[str], taught: Sequence[Trajectory], renderer: Renderer) -> Reading:
        """What continual pre-training reads: pages and, evenly among them, whole transcripts."""
        fresh = self.config.fresh_weight
        pages = [row_of_text(text, renderer, fresh=fresh) for text in texts]
        some = taught[: self.config.transcripts]
        return Reading(pages, [row_of_transcript(t.segments[0], renderer, fresh=fresh) for t in some])

    def _replayed(self, rows: Sequence[Row], reading: Reading) -> list[Row]:
        """The rows of fine-tuning with texts of pre-training among them, as many tokens as `replay` says: without them
        fine-tuning unlearns to copy."""
        share = self.config.replay
        left = count_tokens(rows) * share / (1 - share)
        replayed = []
        for row in reversed(reading.pages):  # the longer ones
            if left <= 0:
                break
            replayed.append(row)
            left -= len(row.ids)
        return [*rows, *replayed]

    def _world(self, name: str, config: ClosedConfig) -> tuple[World, KnowledgeBase]:
        self.say(f"{name} world: {config.pages:,} pages, seed {config.seed}")
        snapshot = ensure_closed(f"closed-{content_hash(config)[:12]}", self.home, config)
        return gated(SimulatedWorld(snapshot)), knowledge(config)

    def _questions(self, name: str, base: KnowledgeBase, kinds: QuestionConfig, count: int) -> tuple[Task, ...]:
        path = self.folder / "questions" / f"{name}.jsonl"
        if path.exists():
            return read_tasks(path)
        seed = derive_seed(self.config.seed, "questions", name)
        pipeline = PipelineConfig(count=count, shard=1000, seed=seed)
        outcome = make_questions(base, kinds, pipeline, path.with_suffix(".shards"))
        if not outcome.items:
            raise ConfigError(f"no {name} question came through", hint=f"shapes drawn: {kinds.shapes}; see max_lookups")
        if len(outcome.items) < count:
            self.say(f"{name}: {len(outcome.items):,} of {count:,} questions; a world of so many pages gives no more")
        self._save_funnel(f"questions {name}", outcome.funnel)
        return write_tasks(outcome, path)

    @staticmethod
    def _without(tasks: Sequence[Task], others: Sequence[Task]) -> tuple[Task, ...]:
        asked = {task.question for task in others}
        return tuple(task for task in tasks if task.question not in asked)

    def _harder(self, base: KnowledgeBase) -> tuple[Task, ...]:
        """The questions of the primer: its probes, then those of its doses."""
        primer = self.config.primer
        count = primer.probes + primer.doses * primer.dose
        return self._questions("primer", base, primer.kinds, count) if primer.doses else ()

    async def _prime(
        self,
        agent: Apprentice,
        chat: LocalChat,
        world: World,
        tasks: Sequence[Task],
        taught: Sequence[Row],
        reading: Reading,
    ) -> int:
        """Give doses until enough of the probes are solved, and how many were given."""
        primer, folder = self.config.primer, self.folder / "primer"
        if not primer.doses:
            return 0
        probes = tasks[: primer.probes]
        harder: list[Row] = []
        solved = list(read_rows(folder / METRICS)) if (folder / METRICS).exists() else []
        for given in count():
            if given == len(solved):
                solved.append({"step": given, **await self._probe(chat, world, probes)})
                append(folder / METRICS, solved[-1:])
            self.say(f"primer: {solved[given]['pass_rate']:.3f} of {len(probes)} probes solved after {given} doses")
            if solved[given]["pass_rate"] >= primer.target or given == primer.doses:
                break
            if not harder:
                trajectories = await self._oracle("primer", tasks[primer.probes :], world)
                harder = [row_of_messages(t.segments[0], agent.renderer) for t in trajectories]
            some = slice(given * primer.dose, (given + 1) * primer.dose)
            if len(harder[some]) < primer.dose // 2:
                self.say("primer: there are no more of the harder questions")
                break
            rows = self._replayed([*harder[some], *taught[some]], reading)
            self._train(f"primer/dose-{given + 1}", agent, rows, primer.training)
        return given

    async def _probe(self, chat: LocalChat, world: World, probes: Sequence[Task]) -> dict[str, float]:
        began = time.perf_counter()
        trajectories = await self._attempt_all(chat, world, probes, 1.0)
        rewards = [await self._reward(task, each) for task, each in zip(probes, trajectories, strict=True)]
        seconds = round(time.perf_counter() - began, 3)
        solved = [reward for reward in rewards if reward is not None]
        if len(solved) < len(rewards):
            raise TrainingFault(f"{len(rewards) - len(solved)} probes failed", hint="run the same command again")
        return {"pass_rate": sum(solved) / len(solved), "seconds": seconds}

    async def _attempt_all(
        self, chat: LocalChat, world: World, tasks: Sequence[Task], temperature: float
    ) -> list[Trajectory]:
        """One attempt at each task, as many at once as the sampler takes."""
        attempt, room = self._attempts(chat, world, temperature), asyncio.Semaphore(self.config.sampler.slots)

        async def one(task: Task) -> Trajectory:
            async with room:
                return await attempt(task, 0)

        return await asyncio.gather(*map(one, tasks))

    def _attempts(self, chat: LocalChat, world: World, temperature: float) -> AttemptAt:
        agent = self._agent(temperature)
        return attempts(lambda task, seed: chat, world, agent, tool_slots=self.config.tool_slots)

    async def _oracle(self, name: str, tasks: Sequence[Task], world: World) -> tuple[Trajectory, ...]:
        path = self.folder / "trajectories" / f"{name}.jsonl"
        if not path.exists():
            attempt = attempts(OracleChat, world)
            sampled = await rejection_sample(
                tasks, attempt, self.grader, default_filters(), seed=self.config.seed, record=_record(path)
            )
            self._save_trajectories(name, path, sampled)
        return tuple(read_records(path, Trajectory))

    async def _own(
        self, chat: LocalChat, world: World, base: KnowledgeBase, asked_before: Sequence[Task]
    ) -> tuple[Trajectory, ...]:
        """What the improved agent did where it was right, on new questions of the kind that RL asked."""
        path = self.folder / "trajectories" / "own.jsonl"
        if not path.exists():
            tasks = self._questions("second", base, self.config.asked, self.config.second_questions)
            sampled = await rejection_sample(
                self._without(tasks, asked_before),
                self._attempts(chat, world, 1.0),
                self.grader,
                default_filters(),
                tries=self.config.second_tries,
                seed=derive_seed(self.config.seed, "own"),
                workers=self.config.sampler.slots,
                record=_record(path),
            )
            self._save_trajectories("own", path, sampled)
        own = tuple(read_records(path, Trajectory))
        if not own:
            self.say("no attempt of the agent's own passed the filters: there is nothing for a second turn")
        return own

    def _save_trajectories(self, name: str, path: Path, sampled: Sampled) -> None:
        self._save_funnel(f"trajectories {name}", sampled.funnel)
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (canonical_json(attempted.trajectory) + "\n" for attempted in sampled.kept)
        write_durably(path, "".join(lines).encode())
        _record(path).unlink(missing_ok=True)
        self.say(f"{name}: {len(sampled.kept):,} trajectories kept")

    def _save_funnel(self, name: str, funnel: Sequence[FunnelRow]) -> None:
        path = self.folder / "funnels" / f"{name.replace(' ', '-')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, canonical_json({"name": name, "rows": [row.model_dump() for row in funnel]}).encode())

    def _tokenizer(self, texts: Sequence[str], taught: Sequence[Trajectory]) -> Tokenizer:
        folder = self.folder / "tokenizer"
        if not (folder / TOKENIZER_CONFIG).exists():  # written last
            said = [m.content for t in taught[:_TOKENIZER_TEXTS] for s in t.segments for m in s.messages]
            tokenizer = train_tokenizer([*texts[:_TOKENIZER_TEXTS], *said], self.config.tokenizer)
            save_tokenizer(tokenizer, folder, chat_format(self.config.tokenizer.chat))
        return load_tokenizer(folder)

    def _train(self, stage: str, agent: Apprentice, rows: Sequence[Row], config: SupervisedConfig) -> None:
        began = time.perf_counter()
        config = config.model_copy(update={"seed": derive_seed(self.config.seed, stage)})

        def on_step(step: int, steps: int, metrics: dict[str, Any]) -> None:
            if (task := asyncio.current_task()) and task.cancelling():  # by Ctrl-C, which comes to nothing else here
                raise asyncio.CancelledError
            if (step + 1) % 100 == 0 or step + 1 == steps:
                spent = time.perf_counter() - began
                self.say(f"{stage}: step {step + 1} of {steps}, loss {metrics['loss']:.3f}, {spent:.0f} s")

        with agent.sampler.updating():
            train_supervised(agent.model, agent.renderer, rows, config, self.folder / stage, on_step=on_step)

    async def _rl(self, agent: Apprentice, chat: LocalChat, world: World, tasks: Sequence[Task]) -> None:
        config = self.config
        rollout = config.rollout.model_copy(update={"end_id": agent.renderer.end_id})
        attempt = self._attempts(chat, world, 1.0)
        began = time.perf_counter()

        def on_step(step: int, metrics: dict[str, Any], groups: list[Group]) -> None:
            self.say(
                f"rl: step {step + 1} of {config.rl.steps}, reward {metrics['reward']:.3f}, entropy "
                f"{metrics['policy_entropy']:.3f}, {time.perf_counter() - began:.0f} s"
            )

        await train_rl(
            RLTrainer(agent.model, config.rl, agent.sampler),
            agent.renderer,
            TaskPool(tasks, config.pool, derive_seed(config.seed, "pool")),
            lambda take: RolloutScheduler(take, attempt, self._reward, rollout, derive_seed(config.seed, "rl")),
            self.folder / "rl",
            on_step=on_step,
        )

    async def _reward(self, task: Task, trajectory: Trajectory) -> float | None:
        grade = await self.grader.grade(task, trajectory)
        return None if grade.label == "failed" else float(grade.label == "correct")

    def _agent(self, temperature: float) -> ResearchConfig:
        """The agent `brief` at that temperature: 1 where it learns, 0 where it is examined."""
        agent, most = research_config("brief"), self.config.tool_calls
        sampling = Sampling(temperature=temperature, top_p=1, max_tokens=self.config.sampler.max_tokens)
        budget = agent.limits.budget.model_copy(update={"tool_calls": most, "llm_calls": most + 2, "seconds": None})
        limits = agent.limits.model_copy(update={"sampling": sampling, "budget": budget})
        return agent.model_copy(update={"limits": limits})

    async def _measure(self, stage: str, chat: LocalChat, world: World, tasks: Sequence[Task]) -> None:
        """Held-out accuracy of the greedy policy; kept with the answers, and done once."""
        path = self.folder / "held_out" / f"{stage}.json"
        if not path.exists():
            trajectories = await self._attempt_all(chat, world, tasks, 0.0)
            if failures := [each.failure for each in trajectories if each.failure is not None]:
                raise TrainingFault(
                    f"{len(failures)} of {len(tasks)} held-out attempts failed: {failures[0].message}",
                    hint="run the same command again",
                )
            grades = [await self.grader.grade(task, each) for task, each in zip(tasks, trajectories, strict=True)]
            samples = path.with_suffix(".trajectories.jsonl")
            samples.parent.mkdir(parents=True, exist_ok=True)
            samples.unlink(missing_ok=True)
            append(samples, trajectories[:_SAMPLES])
            correct = {t.id: int(grade.label == "correct") for t, grade in zip(tasks, grades, strict=True)}
            write_durably(path, canonical_json({"stage": stage, "correct": correct}).encode())
        found: dict[str, int] = json.loads(path.read_bytes())["correct"]
        self.accuracy[stage] = sum(found.values()) / len(found)
        self.say(f"held-out accuracy after {stage}: {self.accuracy[stage]:.3f} of {len(found)}")


def _record(path: Path) -> Path:
    """Where attempts stand until all for the file of trajectories are done."""
    return path.with_suffix(".attempts.jsonl")


def run_loop(config: LoopConfig, folder: Path, say: Say, *, source: Path | None = None) -> dict[str, float]:
    """Run or resume the loop in `folder`; worlds are kept in fathom's home. With `source` it takes everything up to
    SFT from the loop in that folder, and RL where it would begin the same. Gives held-out accuracy by stage, and leaves
    `report.html`."""
    with exclusive(folder / ".lock", "another process runs this loop; waiting for it", once(say)):
        if source is not None and not (folder / BRANCH).exists():
            check_source(source, config)
        # Before anything is copied into it. Threads may differ between its runs.
        done = (folder / REPORT).exists()
        claim(folder / IDENTITY, config.model_dump(mode="json"), free=frozenset({"threads"}), done=done)
        if source is not None:
            branch(source, config, folder)
        accuracy = asyncio.run(Loop(config, folder, Environment.read().home, say).run())
        write_loop_report([folder], folder / REPORT)
    say(f"report: {folder / REPORT}")
    return accuracy
