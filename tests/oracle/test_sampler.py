"""The sampler against `transformers`, and against the forward pass that the trainer makes."""

import asyncio
from pathlib import Path
from typing import Literal

import pytest
import torch
from tokenizers import Tokenizer

from fathom.core.task import Task
from fathom.core.trajectory import Trajectory
from fathom.corpus.closed.knowledge import ClosedConfig, knowledge
from fathom.llm.local.chat import LocalChat
from fathom.llm.local.initial import initialise
from fathom.llm.local.lm import CausalLM, LMConfig
from fathom.llm.local.sampler import LocalSampler, SamplerConfig
from fathom.llm.protocol import Sampling, TokenTrace
from fathom.llm.render.formats import NANO
from fathom.llm.render.renderer import Renderer
from fathom.recipes.attempts import attempts
from fathom.recipes.closed import ensure_closed
from fathom.recipes.synthesis import make_questions
from fathom.synth.pipeline import PipelineConfig
from fathom.synth.questions import QuestionConfig
from fathom.synth.trajectories.oracle import OracleChat
from fathom.train.checkpoint import save_model
from fathom.train.data.batches import packed, padded
from fathom.train.data.rows import row_of_messages, rows_of_segment
from fathom.train.optimize import OptimizerConfig, cross_entropy, make_optimizer, update
from fathom.train.rl.loss import SurrogateConfig, surrogate
from fathom.train.tokenizer import TokenizerConfig, train_tokenizer
from fathom.world.simulated import SimulatedWorld

Start = Literal["normal", "recall"]
LENGTHS = (1, 2, 7, 19, 40, 63)
NEW = 24


def peaked(kv_heads: int, vocab_size: int, start: Start = "normal") -> CausalLM:
    """A model with distributions as peaked as a trained one's, so that no two tokens tie."""
    config = LMConfig(
        vocab_size=vocab_size,
        width=48,
        layers=3,
        heads=4,
        kv_heads=kv_heads,
        mlp_width=64,
        context=128,
        start=start,
        attention_bias=start == "recall",
    )
    model = initialise(CausalLM(config), torch.Generator().manual_seed(5))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(6)
    return model


async def sampled(model: CausalLM, end_id: int, prompts: list[list[int]]) -> list[TokenTrace]:
    sampler = LocalSampler(model, end_id, SamplerConfig(slots=4))  # fewer than prompts
    greedy = Sampling(temperature=0, max_tokens=NEW)
    traces = await asyncio.gather(*(sampler.sample(prompt, greedy) for prompt in prompts))
    await sampler.close()
    return traces


@pytest.mark.parametrize(("kv_heads", "start"), [(4, "normal"), (2, "normal"), (4, "recall"), (2, "recall")])
def test_greedy_equals_transformers_generate(kv_heads: int, start: Start, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = train_tokenizer(["Velor Works"], TokenizerConfig(vocab_size=320))
    model = peaked(kv_heads, tokenizer.get_vocab_size(), start)
    save_model(model, Renderer(tokenizer, NANO), tmp_path)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    generator = torch.Generator().manual_seed(1)
    prompts = [torch.randint(5, model.config.vocab_size, (length,), generator=generator).tolist() for length in LENGTHS]
    longest = max(LENGTHS)
    ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
    attended = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    settings = {"attention_mask": attended, "max_new_tokens": NEW, "do_sample": False, "pad_token_id": 0}
    free = theirs.generate(ids, eos_token_id=None, **settings)[:, longest:].tolist()
    found = asyncio.run(sampled(model, -1, prompts))
    assert [list(trace.ids_T) for trace in found] == free
    # The same with an end of turn, which both take as the last token.
    end = free[3][NEW // 2]
    stopped = theirs.generate(ids, eos_token_id=end, **settings)[:, longest:].tolist()
    wanted = [row[: row.index(end) + 1] if end in row else row for row in stopped]
    assert [list(trace.ids_T) for trace in asyncio.run(sampled(model, end, prompts))] == wanted
    assert len({len(row) for row in wanted}) > 1


class Learnt:
    """A model that has learnt a few oracle trajectories by heart, so that its own attempts call tools."""

    def __init__(self, folder: Path) -> None:
        config = ClosedConfig(pages=100, seed=8)
        self.world = SimulatedWorld(ensure_closed("w", folder, config))
        pipeline = PipelineConfig(count=4, shard=4, seed=2)
        made = make_questions(knowledge(config), QuestionConfig(shapes={"chain1": 1}), pipeline, folder / "q")
        self.tasks = [Task.model_validate(item) for item in made.items]
        oracle = attempts(OracleChat, self.world)
        taught = asyncio.run(self.gathered([oracle(task, 0) for task in self.tasks]))
        said = [message.content for t in taught for s in t.segments for message in s.messages]
        self.tokenizer: Tokenizer = train_tokenizer(said, TokenizerConfig(vocab_size=600))
        self.renderer = Renderer(self.tokenizer, NANO)
        lm = LMConfig(vocab_size=600, width=64, layers=2, heads=4, kv_heads=2, mlp_width=96, context=1024)
        self.model = initialise(CausalLM(lm), torch.Generator().manual_seed(4))
        rows = [row_of_messages(t.segments[0], self.renderer) for t in taught]
        settings = OptimizerConfig(lr=5e-3)
        optimizer = make_optimizer(self.model, settings)
        for _ in range(60):
            update(self.model, optimizer, rows, cross_entropy, settings, 5e-3)

    @staticmethod
    async def gathered(coroutines: list) -> list[Trajectory]:  # type: ignore[type-arg]
        return list(await asyncio.gather(*coroutines))

    async def rollouts(self) -> list[Trajectory]:
        sampler = LocalSampler(self.model, self.renderer.end_id, SamplerConfig(slots=5, max_tokens=60))
        chat = LocalChat(sampler, self.renderer, "learnt")
        attempt = attempts(lambda task, seed: chat, self.world)
        found = await self.gathered([attempt(task, seed) for task in self.tasks for seed in range(4)])
        await chat.close()
        return found


def test_the_importance_ratio_is_one_after_turns_with_tools(tmp_path: Path) -> None:
    learnt = Learnt(tmp_path)
    trajectories = asyncio.run(learnt.rollouts())
    assert sum(trajectory.usage.tool_calls > 0 for trajectory in trajectories) > len(trajectories) / 2
    built = [rows_of_segment(segment, 1.0) for t in trajectories for segment in t.segments]
    rows = [row for each in built for row in each.rows]
    assert sum(each.forks for each in built) == 0
    assert len(rows) == len(trajectories)
    assert len({len(row.ids) for row in rows}) > len(rows) / 3
    turns = [turn for t in trajectories for s in t.segments for turn in s.turns if turn.trainable]
    assert len(turns) > 2 * len(rows)
    assert sum(row.trained for row in rows) == sum(len(turn.token_ids or ()) for turn in turns)
    for batch in (padded(rows), packed(rows, max(len(row.ids) for row in rows) + 200)):
        with torch.no_grad():
            hidden = learnt.model.hidden(batch.ids_B_T, batch.positions_B_T, batch.mask_B_1_T_T)
            logprobs = learnt.model.logits(hidden).log_softmax(-1)[:, :-1]
            mine = logprobs.gather(-1, batch.ids_B_T[:, 1:, None]).squeeze(-1)
            _, sums = surrogate(SurrogateConfig())(learnt.model, batch)
        counted = batch.weights_B_T[:, 1:] > 0
        ratio = (mine - batch.logprobs_B_T[:, 1:])[counted].exp()
        assert (ratio - 1).abs().max() < 1e-5
        assert sums["seen_tokens"] == sum(row.trained for row in rows)
        assert sums["ratio_error"] / sums["seen_tokens"] < 1e-5
        assert sums["clipped"] == 0
    # The measure can tell: with weights moved by one step it is not one any more.
    settings = OptimizerConfig(lr=1e-2)
    metrics = update(
        learnt.model,
        make_optimizer(learnt.model, settings),
        [row._replace(advantages=tuple(w * (n % 2 - 0.5) for w in row.weights)) for n, row in enumerate(rows)],
        surrogate(SurrogateConfig()),
        settings,
        1e-2,
    )
    assert metrics["ratio_error"] < 1e-5
    with torch.no_grad():
        _, moved = surrogate(SurrogateConfig())(learnt.model, padded(rows))
    assert moved["ratio_error"] / moved["seen_tokens"] > 1e-3
