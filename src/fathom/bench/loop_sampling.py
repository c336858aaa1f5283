"""Sampling as `fathom bench loop` measures it: one turn of the same length for all, and whole rollouts.

Rollouts are the work the sampler is made for: conversations of several turns whose prompts and replies differ in
length, so that requests come and go. transformers' generate takes them turn by turn, all conversations in one batch
padded on the left. It reads each prompt anew, where the sampler keeps what it has read, and a batch takes as long as
its longest reply: that ratio says what the way of serving is worth, the one of equal turns how fast tokens come.
"""

import asyncio
import importlib
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from fathom.bench.loop_parts import Parts
from fathom.core.errors import TrainingFault
from fathom.llm.local.sampler import LocalSampler, SamplerConfig
from fathom.llm.protocol import Sampling
from fathom.train.checkpoint import save_model
from fathom.train.data.rows import Row

_PROMPT_TOKENS = 256


class Turn(NamedTuple):
    """`given` ids are put after what was said so far, then `new` ids are sampled."""

    given: list[int]
    new: int


def talks(rows: Sequence[Row], count: int) -> list[list[Turn]]:
    """So many conversations with the turns of the oracle's trajectories: what tools brought in its own words, replies
    in their own length."""
    found = []
    for row in (rows[n % len(rows)] for n in range(count)):
        turns: list[Turn] = []
        given: list[int] = []
        for written, pairs in groupby(zip(row.ids, row.weights, strict=True), key=lambda pair: pair[1] > 0):
            ids = [token for token, _ in pairs]
            if written:
                turns.append(Turn(given, len(ids)))
            given = [] if written else ids
        found.append(turns)
    return found


async def own_rollouts(parts: Parts, conversations: list[list[Turn]], *, invariant: bool) -> float:
    """New tokens a second of our sampler, each conversation on its own."""
    sampler = await _own_sampler(parts, len(conversations), invariant)

    async def talk(number: int, turns: list[Turn]) -> int:
        ids: list[int] = []
        for at, turn in enumerate(turns):
            ids += turn.given
            trace = await sampler.sample(ids, Sampling(max_tokens=turn.new, seed=1000 * number + at))
            ids += trace.ids_T
        return len(ids)

    began = time.perf_counter()
    lengths = await asyncio.gather(*(talk(number, turns) for number, turns in enumerate(conversations)))
    seconds = time.perf_counter() - began
    await sampler.close()
    _see_all(conversations, lengths)
    return _new_tokens(conversations) / seconds


def hf_rollouts(parts: Parts, conversations: list[list[Turn]], folder: Path) -> float:
    """The same with transformers' generate."""
    torch, model = _hf_model(parts, folder)
    said: list[list[int]] = [[] for _ in conversations]
    began = time.perf_counter()
    for at in range(max(map(len, conversations))):
        here = [n for n, turns in enumerate(conversations) if at < len(turns)]
        for n in here:
            said[n] += conversations[n][at].given
        T = max(len(said[n]) for n in here)
        ids = torch.tensor([[0] * (T - len(said[n])) + said[n] for n in here])
        seen = torch.tensor([[0] * (T - len(said[n])) + [1] * len(said[n]) for n in here])
        out = _generate(torch, model, ids, seen, max(conversations[n][at].new for n in here))
        for n, row in zip(here, out.tolist(), strict=True):
            said[n] += row[T : T + conversations[n][at].new]
    seconds = time.perf_counter() - began
    _see_all(conversations, [len(ids) for ids in said])
    return _new_tokens(conversations) / seconds


async def _own_sampler(parts: Parts, slots: int, invariant: bool) -> LocalSampler:
    """Our sampler over the model, warmed up. No id ends a turn."""
    sampler = LocalSampler(parts.model(), -1, SamplerConfig(slots=slots, invariant=invariant))
    await sampler.sample([1, 2, 3], Sampling(max_tokens=2, seed=0))
    return sampler


def _see_all(conversations: list[list[Turn]], lengths: Sequence[int]) -> None:
    """See that everything was said. Raises `TrainingFault`."""
    wanted = [sum(len(turn.given) + turn.new for turn in turns) for turns in conversations]
    if list(lengths) != wanted:
        raise TrainingFault(
            "a conversation ended early, so its speed says nothing", hint="rows shorter than the context"
        )


def _new_tokens(conversations: list[list[Turn]]) -> int:
    return sum(turn.new for turns in conversations for turn in turns)


def _prompts(parts: Parts, batch: int) -> list[list[int]]:
    """Prompts of one length, since generate pays for padding and that is not what is compared."""
    ids = [token for row in parts.rows for token in row.ids]
    return [ids[n * _PROMPT_TOKENS : (n + 1) * _PROMPT_TOKENS] for n in range(batch)]


async def own_generate(parts: Parts, batch: int, new: int, *, invariant: bool) -> float:
    """New tokens a second of our sampler, prefill counted in. No id ends a turn, so all have the same length."""
    sampler = await _own_sampler(parts, batch, invariant)
    began = time.perf_counter()
    sampling = [Sampling(max_tokens=new, seed=n) for n in range(batch)]
    traces = await asyncio.gather(
        *(sampler.sample(prompt, s) for prompt, s in zip(_prompts(parts, batch), sampling, strict=True))
    )
    seconds = time.perf_counter() - began
    await sampler.close()
    return sum(len(trace.ids_T) for trace in traces) / seconds


def hf_generate(parts: Parts, batch: int, new: int, folder: Path) -> float:
    """The same with transformers' generate: sampling at temperature 1, no top-k."""
    torch, model = _hf_model(parts, folder)
    ids = torch.tensor(_prompts(parts, batch))
    began = time.perf_counter()
    out = _generate(torch, model, ids, torch.ones_like(ids), new)
    return float((out.shape[1] - ids.shape[1]) * batch / (time.perf_counter() - began))


def _hf_model(parts: Parts, folder: Path) -> tuple[Any, Any]:
    """torch and the model as transformers loads it, warmed up."""
    torch, hf = importlib.import_module("torch"), importlib.import_module("transformers")
    save_model(parts.model(), parts.renderer, folder)
    model = hf.AutoModelForCausalLM.from_pretrained(folder)
    ids = torch.tensor([[1, 2, 3]])
    _generate(torch, model, ids, torch.ones_like(ids), 2)
    return torch, model


def _generate(torch: Any, model: Any, ids: Any, seen: Any, new: int) -> Any:
    """`new` ids after each row by plain sampling; none ends a turn."""
    settings = {"do_sample": True, "top_k": 0, "temperature": 1.0, "eos_token_id": None, "pad_token_id": 0}
    with torch.inference_mode():
        return model.generate(ids, attention_mask=seen, max_new_tokens=new, **settings)
