"""Sampling from weights in this process: exact, whatever the company."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from fathom.core.errors import ContextOverflowError, InputError, ModelClosedError, ModelRequestError
from fathom.core.message import Message, ToolSpec
from fathom.llm.local.chat import LocalChat, load_chat
from fathom.llm.local.initial import initialise
from fathom.llm.local.lm import CausalLM, LMConfig
from fathom.llm.local.load import load_model
from fathom.llm.local.sampler import LocalSampler, SamplerConfig
from fathom.llm.protocol import Sampling, TokenTrace
from fathom.llm.render.formats import NANO
from fathom.llm.render.renderer import Renderer
from fathom.train.checkpoint import save_model
from fathom.train.tokenizer import TokenizerConfig, train_tokenizer

NO_END = -1


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    texts = ["Velor Works was founded by Tamin Oresk.", "Who founded Velor Works?", "Tamin Oresk was born in 1790."]
    return train_tokenizer(texts * 5, TokenizerConfig(vocab_size=340))


@pytest.fixture(scope="module", params=[4, 2], ids=["heads", "grouped"])
def model(request: pytest.FixtureRequest, tokenizer: Tokenizer) -> CausalLM:
    config = LMConfig(
        vocab_size=tokenizer.get_vocab_size(),
        width=48,
        layers=3,
        heads=4,
        kv_heads=request.param,
        mlp_width=64,
        context=160,
    )
    model = initialise(CausalLM(config), torch.Generator().manual_seed(2))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(6)  # as peaked as a trained model's distributions
    return model


class Canned:
    """A token model that samples the same ids whatever it is asked."""

    def __init__(self, ids: tuple[int, ...]) -> None:
        self.ids = ids

    async def sample(self, prompt_ids: Sequence[int], sampling: Sampling, *, sticky: str = "") -> TokenTrace:
        return TokenTrace(prompt_ids=tuple(prompt_ids), ids_T=self.ids, logprobs_T=(-0.5,) * len(self.ids))

    async def close(self) -> None: ...


@pytest.fixture
async def sampler(model: CausalLM) -> AsyncIterator[LocalSampler]:
    sampler = LocalSampler(model, NO_END, SamplerConfig(slots=6))
    yield sampler
    await sampler.close()


def prompts(count: int, seed: int = 0) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 60, (count,), generator=generator).tolist()
    return [torch.randint(5, 300, (length,), generator=generator).tolist() for length in lengths]


def exact_logprobs(model: CausalLM, trace: TokenTrace) -> torch.Tensor:
    ids = torch.tensor([trace.prompt_ids + trace.ids_T])
    with torch.no_grad():
        logprobs = model(ids).log_softmax(-1)[0]
    at = slice(len(trace.prompt_ids) - 1, -1)
    return logprobs[at].gather(-1, ids[0, len(trace.prompt_ids) :, None]).squeeze(-1)


async def test_the_ratio_to_a_full_forward_pass_is_one(model: CausalLM, sampler: LocalSampler) -> None:
    asked = prompts(14, seed=1)  # more than slots
    traces = await asyncio.gather(
        *(sampler.sample(prompt, Sampling(max_tokens=20, seed=n)) for n, prompt in enumerate(asked))
    )
    for prompt, trace in zip(asked, traces, strict=True):
        assert trace.prompt_ids == tuple(prompt)
        ratio = (exact_logprobs(model, trace) - torch.tensor(trace.logprobs_T)).exp()
        assert (ratio - 1).abs().max() < 1e-5


Told = list[tuple[tuple[int, ...], tuple[float, ...]]]
# Prompts that end, and turns that grow, on both sides of the sizes where the kernels change their ways.
WATCHED = (1, 14, 120, 186, 250, 376, 505)


@pytest.fixture(params=[1, 2], ids=["thread", "threads"])
def threads(request: pytest.FixtureRequest) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=[(4, 88, "normal"), (2, 44, "recall")], ids=["heads", "grouped"])
def long(request: pytest.FixtureRequest) -> CausalLM:
    heads, mlp, start = request.param
    config = LMConfig(
        vocab_size=331,
        width=64,
        layers=2,
        kv_heads=heads,
        mlp_width=mlp,
        context=640,
        init_std=0.15,
        start=start,
        attention_bias=start == "recall",
    )
    return initialise(CausalLM(config), torch.Generator().manual_seed(4))


async def converse(sampler: LocalSampler, length: int, after: int = 0) -> Told:
    """Two turns of one conversation, begun once so many tokens were decoded for others."""
    while sampler.decoded_tokens < after:  # noqa: ASYNC110 - a thread counts, which sets no event
        await asyncio.sleep(0.001)
    generator = torch.Generator().manual_seed(length)
    ids = torch.randint(5, 300, (length,), generator=generator).tolist()
    told = []
    for turn in range(2):
        trace = await sampler.sample(ids, Sampling(max_tokens=9, seed=length + turn))
        told.append((trace.ids_T, trace.logprobs_T))
        ids = [*ids, *trace.ids_T, *torch.randint(5, 300, (7 + length % 30,), generator=generator).tolist()]
    return told


async def crowd(sampler: LocalSampler, others: int, lengths: Sequence[int], after: int) -> list[Told]:
    """What the watched conversations are told among others of random lengths."""
    generator = torch.Generator().manual_seed(others)
    sizes = torch.randint(1, 600, (others,), generator=generator).tolist()
    company = [
        asyncio.ensure_future(sampler.sample([6] * size, Sampling(max_tokens=3 + size % 28, seed=0))) for size in sizes
    ]
    told = await asyncio.gather(*(converse(sampler, length, after) for length in lengths))
    await asyncio.gather(*company)
    return told


@pytest.fixture(scope="module")
def expected(long: CausalLM) -> list[Told]:
    return asyncio.run(alone(long))


async def alone(model: CausalLM) -> list[Told]:
    sampler = LocalSampler(model, NO_END, SamplerConfig(slots=1))
    told = [await converse(sampler, length) for length in WATCHED]
    await sampler.close()
    return told


@pytest.mark.parametrize(("slots", "others"), [(64, 1), (64, 7), (64, 40), (5, 12)])
async def test_a_request_gets_the_same_bits_in_any_company(
    long: CausalLM, expected: list[Told], threads: None, slots: int, others: int
) -> None:
    sampler = LocalSampler(long, NO_END, SamplerConfig(slots=slots))
    assert await crowd(sampler, others, WATCHED, after=0) == expected
    late = sampler.decoded_tokens + 4 * others
    assert await crowd(sampler, others, WATCHED, after=late) == expected
    assert await crowd(sampler, others, [WATCHED[4]], after=0) == [expected[4]]
    await sampler.close()


async def test_the_same_bits_come_by_any_path(long: CausalLM, expected: list[Told], threads: None) -> None:
    """What was sampled is in the cache as it was decoded, or is computed again like a prompt."""
    assert await alone(long) == expected
    sampler = LocalSampler(long, NO_END, SamplerConfig(slots=2))
    running = asyncio.gather(*(converse(sampler, length) for length in WATCHED))
    while not running.done():
        await asyncio.sleep(0.02)
        with sampler.updating():  # everything cached is forgotten
            pass
    assert await running == expected
    await sampler.close()


async def test_without_invariance_all_but_the_last_bits_is_the_same(long: CausalLM, expected: list[Told]) -> None:
    sampler = LocalSampler(long, NO_END, SamplerConfig(slots=5, invariant=False))
    found = await crowd(sampler, 3, WATCHED, after=0)
    await sampler.close()
    for mine, theirs in zip(found, expected, strict=True):
        for (ids, logprobs), (their_ids, their_logprobs) in zip(mine, theirs, strict=True):
            assert ids == their_ids
            assert logprobs == pytest.approx(their_logprobs, abs=1e-4)


async def test_a_conversation_continues_from_its_cache(model: CausalLM, sampler: LocalSampler) -> None:
    trace = await sampler.sample(prompts(1)[0], Sampling(max_tokens=10, seed=1), sticky="a")
    longer = (*trace.prompt_ids, *trace.ids_T, 7, 8, 9)
    prefilled = sampler.prefilled_tokens
    follow = await sampler.sample(longer, Sampling(max_tokens=10, seed=2), sticky="a")
    # The token sampled last was not computed yet, and the last of the prompt is computed with the next step.
    assert sampler.prefilled_tokens - prefilled == 3
    ratio = (exact_logprobs(model, follow) - torch.tensor(follow.logprobs_T)).exp()
    assert (ratio - 1).abs().max() < 1e-5


async def test_a_group_shares_its_prompt(model: CausalLM, sampler: LocalSampler) -> None:
    prompt = [*prompts(1, seed=3)[0], *range(5, 40)]
    prefilled = sampler.prefilled_tokens
    traces = await asyncio.gather(*(sampler.sample(prompt, Sampling(max_tokens=15, seed=n)) for n in range(6)))
    # Once for the one that came first, which is not waited for, and once for all others.
    assert sampler.prefilled_tokens - prefilled <= 2 * (len(prompt) - 1)
    assert len({trace.ids_T for trace in traces}) > 1
    for trace in traces:
        ratio = (exact_logprobs(model, trace) - torch.tensor(trace.logprobs_T)).exp()
        assert (ratio - 1).abs().max() < 1e-5


async def test_new_weights_are_used_at_once_and_counted(model: CausalLM, sampler: LocalSampler) -> None:
    prompt = prompts(1, seed=4)[0]
    before = await sampler.sample(prompt, Sampling(max_tokens=8, seed=1))
    saved = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        with sampler.updating(), torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(9)))
        after = await sampler.sample(prompt, Sampling(max_tokens=8, seed=1))
        assert (before.policy_version, after.policy_version) == (0, 1)
        ratio = (exact_logprobs(model, after) - torch.tensor(after.logprobs_T)).exp()
        assert (ratio - 1).abs().max() < 1e-5
    finally:
        model.load_state_dict(saved)


async def test_weights_may_change_in_the_middle_of_a_turn(model: CausalLM, sampler: LocalSampler) -> None:
    saved = {name: value.clone() for name, value in model.state_dict().items()}
    running = asyncio.ensure_future(sampler.sample(prompts(1)[0], Sampling(max_tokens=120, seed=1)))
    while sampler.decoded_tokens < 5:  # noqa: ASYNC110 - a thread counts, which sets no event
        await asyncio.sleep(0.001)
    try:
        with sampler.updating(), torch.no_grad():
            before = sampler.decoded_tokens
            for parameter in model.parameters():
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(9)))
        trace = await running
        assert 5 <= before < 120
        # Under the new weights all that came after them, and by the old keys nothing.
        ratio = (exact_logprobs(model, trace) - torch.tensor(trace.logprobs_T)).exp()[before:]
        assert (ratio - 1).abs().max() < 1e-5
        model.load_state_dict(saved)
        ratio = (exact_logprobs(model, trace) - torch.tensor(trace.logprobs_T)).exp()[:before]
        assert (ratio - 1).abs().max() < 1e-5
    finally:
        model.load_state_dict(saved)


async def test_nucleus_sampling_stays_inside_and_renormalises(model: CausalLM, sampler: LocalSampler) -> None:
    prompt = prompts(1, seed=6)[0]
    with torch.no_grad():
        probabilities = model(torch.tensor([prompt]))[0, -1].softmax(-1)
    ranked = probabilities.sort(descending=True)
    size = int((ranked.values.cumsum(-1) < 0.5).sum()) + 1
    inside = set(ranked.indices[:size].tolist())
    mass = ranked.values[:size].sum()
    for seed in range(20):
        trace = await sampler.sample(prompt, Sampling(top_p=0.5, max_tokens=1, seed=seed))
        assert trace.ids_T[0] in inside
        assert trace.logprobs_T[0] == pytest.approx(float((probabilities[trace.ids_T[0]] / mass).log()), abs=1e-4)


async def test_draws_follow_the_distribution(model: CausalLM) -> None:
    sampler = LocalSampler(model, NO_END, SamplerConfig(slots=64))
    prompt = prompts(1, seed=8)[0]
    with torch.no_grad():
        top = model(torch.tensor([prompt]))[0, -1].softmax(-1).max(-1)
    traces = await asyncio.gather(*(sampler.sample(prompt, Sampling(max_tokens=1, seed=n)) for n in range(600)))
    await sampler.close()
    share = sum(trace.ids_T[0] == int(top.indices) for trace in traces) / len(traces)
    assert share == pytest.approx(float(top.values), abs=4 * (float(top.values * (1 - top.values)) / 600) ** 0.5 + 1e-3)


async def test_nobody_is_sampled_otherwise_for_a_neighbours_top_p(model: CausalLM, sampler: LocalSampler) -> None:
    wanted = await sampler.sample(prompts(1)[0], Sampling(max_tokens=20, seed=1))
    again, _ = await asyncio.gather(
        sampler.sample(prompts(1)[0], Sampling(max_tokens=20, seed=1)),
        sampler.sample(prompts(2)[1], Sampling(max_tokens=40, seed=2, top_p=0.4)),
    )
    assert again == wanted


async def test_equal_prompts_of_one_token_on_a_fresh_sampler(sampler: LocalSampler) -> None:
    one, other = await asyncio.gather(*(sampler.sample([5], Sampling(max_tokens=3, seed=4)) for _ in range(2)))
    assert one == other


async def test_a_sampler_that_breaks_says_why(
    model: CausalLM, sampler: LocalSampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*arguments: object, **named: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(model, "hidden", breaks)
    monkeypatch.setattr(threading, "excepthook", lambda arguments: None)
    for _ in range(2):
        with pytest.raises(ModelClosedError, match="broke: MemoryError: no room"):
            await sampler.sample([5, 6, 7], Sampling(max_tokens=3, seed=4))
    assert sampler.closed


async def test_what_follows_a_stop_string_is_neither_said_nor_kept(tokenizer: Tokenizer) -> None:
    renderer = Renderer(tokenizer, NANO)
    ids = renderer.encode("Velor Works was founded")
    chat = LocalChat(Canned((*ids, renderer.end_id)), renderer, "canned")
    asked = [Message(role="user", content="x")]
    reply = await chat.complete(asked, (), Sampling(stop=("was",)), sticky="a")
    assert (reply.message.content.strip(), reply.finish) == ("Velor Works", "stop")
    assert reply.tokens is not None
    kept = reply.tokens.ids_T
    assert kept == ids[: len(kept)]
    assert "was" in renderer.parse(kept)[0]
    assert "was" not in renderer.parse(kept[:-1])[0]
    assert len(reply.tokens.logprobs_T) == len(kept)
    said = [*asked, Message(role="assistant", content="Velor Works"), Message(role="user", content="y")]
    follow = await chat.complete(said, (), Sampling(), sticky="a")
    assert follow.tokens is not None
    before = (*reply.tokens.prompt_ids, *kept, renderer.end_id)
    assert follow.tokens.prompt_ids[: len(before)] == before
    with pytest.raises(ModelRequestError, match="no presence penalty"):
        await chat.complete(asked, (), Sampling(presence_penalty=1.1))


async def test_conversations_that_say_the_same_keep_their_own_ids(tokenizer: Tokenizer) -> None:
    renderer = Renderer(tokenizer, NANO)
    whole = renderer.encode("Velor")
    spelt = tuple(i for letter in "Velor" for i in renderer.encode(letter))
    assert whole != spelt
    model = Canned((*whole, renderer.end_id))
    chat = LocalChat(model, renderer, "canned")
    asked = [Message(role="user", content="x")]
    await chat.complete(asked, (), Sampling(), sticky="a")
    model.ids = (*spelt, renderer.end_id)
    await chat.complete(asked, (), Sampling(), sticky="b")
    said = [*asked, Message(role="assistant", content="Velor"), Message(role="user", content="y")]
    for sticky, expected in (("a", whole), ("b", spelt)):
        follow = await chat.complete(said, (), Sampling(), sticky=sticky)
        assert follow.tokens is not None
        start = len(renderer.render(asked))
        assert follow.tokens.prompt_ids[start : start + len(expected)] == expected


async def test_errors_say_what_is_wrong(sampler: LocalSampler) -> None:
    with pytest.raises(ContextOverflowError, match="160"):
        await sampler.sample([5] * 160, Sampling())
    with pytest.raises(ModelRequestError, match="empty"):
        await sampler.sample([], Sampling())
    await sampler.close()
    with pytest.raises(ModelRequestError, match="closed"):
        await sampler.sample([5], Sampling())


async def test_a_cancelled_request_frees_its_slot(model: CausalLM) -> None:
    sampler = LocalSampler(model, NO_END, SamplerConfig(slots=1))
    running = asyncio.ensure_future(sampler.sample([5, 6], Sampling(max_tokens=150)))
    await asyncio.sleep(0.02)
    running.cancel()
    trace = await asyncio.wait_for(sampler.sample([5, 7], Sampling(max_tokens=3, seed=0)), 20)
    assert len(trace.ids_T) == 3
    await sampler.close()


async def test_a_reply_is_never_tokenised_again(model: CausalLM, tokenizer: Tokenizer) -> None:
    renderer = Renderer(tokenizer, NANO)
    sampler = LocalSampler(model, renderer.end_id, SamplerConfig(slots=2, max_tokens=24))
    chat = LocalChat(sampler, renderer, "tiny")
    messages = [Message(role="system", content="s"), Message(role="user", content="Who founded Velor Works?")]
    first = await chat.complete(messages, (), Sampling(seed=3))
    assert first.tokens is not None
    said = Message(role="assistant", content=first.message.content.strip())
    more = [*messages, said, Message(role="user", content="Tamin")]
    second = await chat.complete(more, (), Sampling(seed=4))
    assert second.tokens is not None
    before = first.tokens.prompt_ids + first.tokens.ids_T
    assert second.tokens.prompt_ids[: len(before)] == before
    with pytest.raises(ModelRequestError, match="neither native tools"):
        await chat.complete(messages, (ToolSpec(name="t", description="", parameters={}),))
    await chat.close()


async def test_a_model_folder_chats_and_a_broken_one_says_so(
    model: CausalLM, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    save_model(model, Renderer(tokenizer, NANO), tmp_path / "m")
    chat = load_chat(tmp_path / "m")
    reply = await chat.complete([Message(role="user", content="Hello")], (), Sampling(max_tokens=4, seed=0))
    assert reply.completion_tokens <= 4
    await chat.close()
    with pytest.raises(InputError, match="missing"):
        load_model(tmp_path)
    (tmp_path / "m" / "model.safetensors").write_bytes(b"no")
    with pytest.raises(InputError, match="corrupt"):
        load_model(tmp_path / "m")
