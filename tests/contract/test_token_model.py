"""One suite over every `TokenModel`: the sampler of this process, and the same one behind HTTP."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import torch

from fathom.core.errors import ContextOverflowError, ModelClosedError, ModelRequestError
from fathom.llm.local.http import serving
from fathom.llm.local.initial import initialise
from fathom.llm.local.lm import CausalLM, LMConfig
from fathom.llm.local.sampler import LocalSampler, SamplerConfig
from fathom.llm.protocol import Sampling, TokenModel, TokenTrace
from fathom.llm.token_api import HttpTokenModel, TokenEndpointConfig

VOCABULARY, CONTEXT, END = 64, 96, 5
PROMPTS = [[9, 8, 7], [11] * 40, [3], [9, 8, 7]]
SETTINGS = [
    Sampling(max_tokens=20, seed=1),
    Sampling(max_tokens=12, seed=2, temperature=0.7),
    Sampling(max_tokens=12, seed=3, top_p=0.5, temperature=1.3),
    Sampling(max_tokens=9, temperature=0),
]


def tiny_model() -> CausalLM:
    config = LMConfig(vocab_size=VOCABULARY, width=32, layers=2, heads=4, kv_heads=2, mlp_width=48, context=CONTEXT)
    return initialise(CausalLM(config), torch.Generator().manual_seed(3))


@dataclass
class Served:
    """`model` is what is tested, `sampler` what is behind it."""

    model: TokenModel
    sampler: LocalSampler


@pytest.fixture(params=["local", "http"])
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    sampler = LocalSampler(tiny_model(), END, SamplerConfig(slots=2, max_tokens=7))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(sampler.close)
        model: TokenModel = sampler
        if request.param == "http":
            url = await stack.enter_async_context(serving(sampler, end_id=END))
            model = HttpTokenModel(TokenEndpointConfig(base_url=url, connections=3, timeout_s=60))
            stack.push_async_callback(model.close)
        yield Served(model, sampler)


@pytest.fixture
def model(served: Served) -> TokenModel:
    return served.model


async def reference(prompts: Sequence[Sequence[int]], settings: Sequence[Sampling]) -> list[TokenTrace]:
    """What a fresh sampler of the same weights gives, asked one by one."""
    sampler = LocalSampler(tiny_model(), END, SamplerConfig(slots=1))
    traces = [await sampler.sample(prompt, each) for prompt, each in zip(prompts, settings, strict=True)]
    await sampler.close()
    return traces


async def test_the_same_seed_gives_the_same_ids_and_logprobs_to_the_last_bit(model: TokenModel) -> None:
    traces = [await model.sample(prompt, each) for prompt, each in zip(PROMPTS, SETTINGS, strict=True)]
    assert traces == await reference(PROMPTS, SETTINGS)
    assert all(len(trace.ids_T) == len(trace.logprobs_T) for trace in traces)
    assert any(logprob % 2**-10 for trace in traces for logprob in trace.logprobs_T)


async def test_what_is_left_open_is_temperature_one_and_the_configured_length(model: TokenModel) -> None:
    trace = await model.sample([9, 8, 7], Sampling(seed=4))
    (same,) = await reference([[9, 8, 7]], [Sampling(temperature=1, top_p=1, max_tokens=7, seed=4)])
    assert trace == same


async def test_calls_at_the_same_time_each_get_their_own_reply(model: TokenModel) -> None:
    prompts = [[9, 8, number] for number in range(6, 14)]
    settings = [Sampling(max_tokens=6, seed=number) for number in range(8)]
    together = await asyncio.gather(
        *(model.sample(prompt, each, sticky=str(prompt)) for prompt, each in zip(prompts, settings, strict=True))
    )
    apart = await reference(prompts, settings)
    assert [(t.prompt_ids, t.ids_T) for t in together] == [(t.prompt_ids, t.ids_T) for t in apart]


async def test_a_turn_ends_with_the_end_id_and_it_is_part_of_the_turn(model: TokenModel) -> None:
    traces = [await model.sample([9, 8, 7], Sampling(max_tokens=90, seed=seed)) for seed in range(12)]
    ended = [trace for trace in traces if trace.ids_T[-1] == END]
    assert ended and all(END not in trace.ids_T[:-1] for trace in traces)
    assert all(len(trace.ids_T) == 90 for trace in traces if trace.ids_T[-1] != END)


async def test_a_turn_ends_where_the_context_does(model: TokenModel) -> None:
    trace = await model.sample([11] * (CONTEXT - 2), Sampling(max_tokens=50, seed=0))
    assert len(trace.ids_T) <= 2


async def test_a_prompt_that_does_not_fit_is_an_error_of_its_own(model: TokenModel) -> None:
    with pytest.raises(ContextOverflowError, match="96"):
        await model.sample([11] * CONTEXT, Sampling(max_tokens=1))
    assert (await model.sample([11], Sampling(max_tokens=1, seed=0))).ids_T


@pytest.mark.parametrize("prompt", [[], [VOCABULARY], [3, -1]], ids=["empty", "unknown", "negative"])
async def test_a_prompt_that_is_none_harms_nobody_else(model: TokenModel, prompt: list[int]) -> None:
    other = asyncio.ensure_future(model.sample([9], Sampling(max_tokens=30, seed=7)))
    with pytest.raises(ModelRequestError):
        await model.sample(prompt, Sampling(max_tokens=1))
    assert (await other).ids_T


async def test_the_policy_version_is_the_one_that_sampled(served: Served) -> None:
    before = await served.model.sample([9], Sampling(max_tokens=2, seed=0))
    with served.sampler.updating():
        pass
    after = await served.model.sample([9], Sampling(max_tokens=2, seed=0))
    assert (before.policy_version, after.policy_version) == (0, 1)


async def test_a_cancelled_call_frees_its_slot(served: Served) -> None:
    held = [asyncio.create_task(served.model.sample([9, number], Sampling(max_tokens=90, seed=3))) for number in (6, 7)]
    with served.sampler._weights:  # nothing is decoded, so both are still under way when they are cancelled
        await asyncio.sleep(0.2)
        for task in held:
            task.cancel()
        await asyncio.wait(held)
        await asyncio.sleep(0.2)
    decoded = served.sampler.decoded_tokens
    trace = await served.model.sample([9], Sampling(max_tokens=3, seed=0))
    assert all(task.cancelled() for task in held)
    assert served.sampler.decoded_tokens - decoded <= len(trace.ids_T) + 2


async def test_closing_ends_what_is_under_way_and_all_that_follows(served: Served) -> None:
    with served.sampler._weights:
        under_way = asyncio.create_task(served.model.sample([9], Sampling(max_tokens=90)))
        await asyncio.sleep(0.2)
        closing = asyncio.create_task(served.model.close())
        await asyncio.sleep(0.1)
    await closing
    with pytest.raises(ModelClosedError):
        await under_way
    with pytest.raises(ModelClosedError):
        await served.model.sample([9], Sampling(max_tokens=1))
    await served.model.close()
