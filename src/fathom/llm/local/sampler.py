"""`LocalSampler`: token-exact sampling from weights in this process, many requests in one batch.

One thread decodes for all requests that are there; new ones are let in between two steps, so a rollout whose tool has
returned rejoins at once. A conversation keeps its slot of the key-value cache between its turns, and the first prompt
of a group is computed once. The log-probabilities come from the very weights that are trained.

What a request gets does not depend on its company, to the bit, nor on what the cache held of it: random numbers belong
to the request, and every pass has a shape at which the kernels treat a row as they would at any other such shape (see
`_padded`, `covering`, `CachePass`). So a run can be repeated, and resumed, exactly; without, who arrived first would
show in the last bits, which an optimizer then amplifies. Found to hold with one thread and two on a CPU.

Reference: Tongyi DeepResearch report 2510.24701 (step-level asynchronous rollouts); request micro-batching with
step-level admission; He and Thinking Machines Lab 2025, Defeating Nondeterminism in LLM Inference.
"""

import asyncio
import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from fathom.core.config import Config
from fathom.core.errors import ContextOverflowError, ModelClosedError, ModelRequestError
from fathom.llm.local.cache import SlotCache
from fathom.llm.local.lm import CausalLM
from fathom.llm.protocol import Sampling, TokenTrace

_PREFILL_TOKENS = 8192  # padded tokens of one prefill pass
_LEAST_ROWS = 16  # with fewer than twelve rows two threads of MKL multiply by other kernels
_VECTORS = 64  # numbers; SiLU rounds otherwise in what is left over when a thread's share is cut into vectors


class SamplerConfig(Config):
    """How requests are batched."""

    slots: int = Field(default=64, ge=1, description="conversations decoded at once; each keeps its cache")
    max_tokens: int = Field(default=256, ge=1, description="length of a turn where the request leaves it open")
    invariant: bool = Field(
        default=True, description="the same bits in any company, at up to 1.3 times the time; false where none compares"
    )


@dataclass(eq=False)
class _Request:
    prompt: list[int]
    sampling: Sampling
    max_tokens: int
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[TokenTrace]"
    uniform: np.ndarray[tuple[int], np.dtype[np.float64]]
    sampled: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    version: int = 0


@dataclass(eq=False)
class _Slot:
    """`ids` are those whose keys and values the cache holds, `request` the one being decoded."""

    number: int
    ids: list[int] = field(default_factory=list)
    request: _Request | None = None
    used: int = 0


class LocalSampler:
    """A `TokenModel` over a `CausalLM`. `end_id` ends a turn; it is part of the sampled ids."""

    def __init__(self, model: CausalLM, end_id: int, config: SamplerConfig = SamplerConfig()) -> None:
        self.model, self.end_id, self._config = model, end_id, config
        self.policy_version = 0
        self.decoded_tokens = self.prefilled_tokens = 0
        self.busy_seconds = 0.0
        # Those past the configured number only fill up passes.
        self._slots = [_Slot(number) for number in range(self._padded(config.slots))]
        self._cache = SlotCache(model.config, len(self._slots), config.invariant)
        self._waiting: list[_Request] = []
        self._wake = threading.Condition()
        self._weights = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed, self._ended = False, "the sampler is closed"
        self._clock = 0

    async def sample(self, prompt_ids: Sequence[int], sampling: Sampling, *, sticky: str = "") -> TokenTrace:
        """As `TokenModel.sample`. What `sampling` leaves open: temperature 1, top-p 1, the configured length."""
        room = self.model.config.context - len(prompt_ids)
        if room < 1:
            raise ContextOverflowError(
                f"the prompt has {len(prompt_ids)} tokens, the context {self.model.config.context}"
            )
        if not prompt_ids:
            raise ModelRequestError("the prompt is empty")
        # One bad id would fail the batch, and with it everybody who is in it.
        if min(prompt_ids) < 0 or max(prompt_ids) >= self.model.config.vocab_size:
            raise ModelRequestError(f"the prompt holds an id outside the vocabulary of {self.model.config.vocab_size}")
        loop = asyncio.get_running_loop()
        most = min(room, sampling.max_tokens or self._config.max_tokens)
        seed = sampling.seed if sampling.seed is not None else int(np.random.default_rng().integers(2**31))
        request = _Request(
            prompt=list(prompt_ids),
            sampling=sampling,
            max_tokens=most,
            loop=loop,
            future=loop.create_future(),
            uniform=np.random.default_rng(seed).random(most),
        )
        with self._wake:
            if self._closed:
                raise ModelClosedError(self._ended)
            self._waiting.append(request)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="sampler", daemon=True)
                self._thread.start()
            self._wake.notify()
        return await request.future

    @property
    def closed(self) -> bool:
        """Whether it takes no more requests: it was closed, or broke."""
        return self._closed

    @contextmanager
    def updating(self) -> Iterator[None]:
        """Hold the sampler between two steps while the weights change. Afterwards the policy version is one higher,
        and what was cached under the old weights is computed again."""
        with self._weights:
            yield
            self.policy_version += 1
            for slot in self._slots:
                slot.ids = []

    async def close(self) -> None:
        """End the thread. Requests under way raise `ModelClosedError`."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        try:
            while self._wait():
                with self._weights, torch.inference_mode():
                    began = time.perf_counter()
                    self._admit()
                    self._step()
                    self.busy_seconds += time.perf_counter() - began
        except Exception as error:
            self._ended = f"the sampler broke: {type(error).__name__}: {error}"
            raise
        finally:  # whatever ended it, whoever waits must hear of it, or would wait for ever
            with self._wake:
                self._closed = True
            self._fail(ModelClosedError(self._ended))

    def _wait(self) -> bool:
        with self._wake:
            while not (self._closed or self._waiting or any(slot.request for slot in self._slots)):
                self._wake.wait()
            return not self._closed

    def _fail(self, error: Exception) -> None:
        with self._wake:
            requests, self._waiting = self._waiting, []
        for slot in self._slots:
            if slot.request:
                requests.append(slot.request)
                slot.request, slot.ids = None, []
        for request in requests:
            request.loop.call_soon_threadsafe(_reject, request.future, error)

    def _admit(self) -> None:
        """Give waiting requests slots, and compute what of their prompts is not cached."""
        with self._wake:
            waiting = [request for request in self._waiting if not request.future.done()]
            idle = [slot for slot in self._slots[: self._config.slots] if slot.request is None]
            taken, self._waiting = waiting[: len(idle)], waiting[len(idle) :]
        fresh: dict[tuple[int, ...], _Slot] = {}
        twins: list[tuple[_Slot, _Slot]] = []
        admitted: list[_Slot] = []
        for request in taken:
            slot = self._best_slot(idle, request)
            idle.remove(slot)
            slot.ids = slot.ids[: _common(slot.ids, request.prompt, len(request.prompt) - 1)]
            slot.request, request.version = request, self.policy_version
            self._clock += 1
            slot.used = self._clock
            first = fresh.setdefault(tuple(request.prompt), slot) if not slot.ids else slot
            if first is slot:
                admitted.append(slot)
            else:
                twins.append((first, slot))
        for group in _by_size(admitted):
            self._prefill(group)
        for first, slot in twins:
            self._cache.copy(first.number, slot.number, len(first.ids))
            slot.ids = list(first.ids)

    def _best_slot(self, idle: list[_Slot], request: _Request) -> _Slot:
        """The idle slot that holds most of the beginning of the prompt, among equals the one unused for longest."""
        prompt = request.prompt
        held = [slot for slot in idle if slot.ids and slot.ids == prompt[: len(slot.ids)]]
        if held:
            return max(held, key=lambda slot: len(slot.ids))
        return min(idle, key=lambda slot: slot.used)

    def _prefill(self, slots: list[_Slot]) -> None:
        """Cache all but the last token of each slot's prompt; the next step computes that one with the rest."""
        lefts = [slot.request.prompt[len(slot.ids) : -1] for slot in slots if slot.request]
        if not any(lefts):
            return
        self.prefilled_tokens += sum(map(len, lefts))
        T = self._padded(max(map(len, lefts)))
        ids = np.zeros((len(slots), T), np.int64)
        positions = np.zeros((len(slots), T), np.int64)
        for row, (slot, left) in enumerate(zip(slots, lefts, strict=True)):
            ids[row, : len(left)] = left
            # Padding writes behind the prompt, where the next tokens will overwrite it.
            positions[row] = np.minimum(len(slot.ids) + np.arange(T), len(slot.ids) + len(left))
            slot.ids += left
        at = torch.from_numpy(positions)
        needed = (positions.max(axis=1) + 1).tolist()
        opened = self._cache.opened([slot.number for slot in slots], at, needed)
        self.model.prefill(torch.from_numpy(ids), at, opened)

    def _step(self) -> None:
        """One token for every request."""
        for slot in self._slots:
            if slot.request and slot.request.future.done():  # cancelled
                slot.request = None
            elif slot.request and not slot.ids and len(slot.request.prompt) + len(slot.request.sampled) > 1:
                self._recompute(slot)
        active = [slot for slot in self._slots if slot.request]
        if not active:
            return
        logits = self._logits(active)
        tokens, logprobs = _draw(logits, [slot.request for slot in active if slot.request])
        self.decoded_tokens += len(active)
        for slot, token, logprob in zip(active, tokens, logprobs, strict=True):
            request = slot.request
            assert request is not None
            slot.ids.append((request.prompt if not request.sampled else request.sampled)[-1])
            request.sampled.append(token)
            request.logprobs.append(logprob)
            if token == self.end_id or len(request.sampled) == request.max_tokens:
                self._finish(slot, request)

    def _logits(self, active: list[_Slot]) -> Tensor:
        """Logits of the next token for each active slot. Idle ones fill up the pass."""
        idle = (slot for slot in self._slots if not slot.request)
        passed = [*active, *islice(idle, self._padded(len(active)) - len(active))]
        ids = np.zeros((len(passed), 1), np.int64)
        for row, slot in enumerate(passed):
            if slot.request:
                ids[row] = (slot.request.sampled or slot.request.prompt)[-1]
        at = torch.tensor([[len(slot.ids)] for slot in passed])
        needed = [len(slot.ids) + 1 if slot.request else 0 for slot in passed]
        opened = self._cache.opened([slot.number for slot in passed], at, needed)
        hidden = self.model.hidden(torch.from_numpy(ids), at, cache=opened)
        return self.model.logits(hidden[:, 0])[: len(active)]

    def _padded(self, rows: int) -> int:
        """The least number of rows of a pass, at least so many, in which each comes out as in any other such pass."""
        if not self._config.invariant:
            return rows
        step = max(4, _VECTORS // math.gcd(_VECTORS, self.model.config.mlp_width))
        return -(-max(rows, _LEAST_ROWS) // step) * step

    def _recompute(self, slot: _Slot) -> None:
        """Cache a request's tokens again after the weights changed in its middle."""
        assert slot.request is not None
        whole = slot.request.prompt + slot.request.sampled
        prompt, slot.request.prompt = slot.request.prompt, whole
        self._prefill([slot])
        slot.request.prompt = prompt

    def _finish(self, slot: _Slot, request: _Request) -> None:
        slot.request = None
        trace = TokenTrace(
            prompt_ids=tuple(request.prompt),
            ids_T=tuple(request.sampled),
            logprobs_T=tuple(request.logprobs),
            policy_version=request.version,
        )
        request.loop.call_soon_threadsafe(_resolve, request.future, trace)


def _draw(logits_B_V: Tensor, requests: Sequence[_Request]) -> tuple[list[int], list[float]]:
    """A token for each row by its request's own sampling, and its log-probability under it."""
    temperatures = np.array([1.0 if r.sampling.temperature is None else r.sampling.temperature for r in requests])
    greedy = torch.from_numpy(temperatures == 0)
    scale = torch.from_numpy(np.where(temperatures == 0, 1.0, temperatures)).float()[:, None]
    logprobs_B_V = (logits_B_V.float() / scale).log_softmax(-1)
    if any(r.sampling.top_p not in (None, 1, 1.0) for r in requests):
        top_p = torch.tensor([r.sampling.top_p or 1.0 for r in requests])[:, None]
        # A row without top-p keeps its bits, whoever it is batched with.
        logprobs_B_V = torch.where(top_p < 1, _nucleus(logprobs_B_V, top_p), logprobs_B_V)
    # Double precision and a draw below the total mass, so that rounding never picks a token of no probability.
    mass = logprobs_B_V.double().exp().cumsum(-1)
    draws = torch.tensor([r.uniform[len(r.sampled)] for r in requests])[:, None] * mass[:, -1:]
    drawn = torch.searchsorted(mass, draws, right=True).squeeze(-1).clamp(max=mass.shape[-1] - 1)
    tokens = torch.where(greedy, logits_B_V.argmax(-1), drawn)
    chosen = logprobs_B_V.gather(-1, tokens[:, None]).squeeze(-1)
    return tokens.tolist(), chosen.tolist()


def _nucleus(logprobs_B_V: Tensor, top_p_B_1: Tensor) -> Tensor:
    """Log-probabilities of the smallest set of tokens with mass of at least top-p, renormalised."""
    ranked, order = logprobs_B_V.sort(-1, descending=True)
    before = ranked.exp().cumsum(-1) - ranked.exp()
    kept = torch.zeros_like(ranked, dtype=torch.bool).scatter(-1, order, before < top_p_B_1)
    return logprobs_B_V.masked_fill(~kept, -torch.inf).log_softmax(-1)


def _common(a: list[int], b: list[int], limit: int) -> int:
    """How many ids both begin with, at most `limit`."""
    most = min(len(a), len(b), limit)
    if a[:most] == b[:most]:
        return most
    return next(i for i in range(most) if a[i] != b[i])


def _by_size(slots: list[_Slot]) -> Iterator[list[_Slot]]:
    """Slots with similar amounts to compute, in groups of limited size."""
    sizes = {slot.number: len(slot.request.prompt) - len(slot.ids) for slot in slots if slot.request}
    group: list[_Slot] = []
    for slot in sorted(slots, key=lambda slot: sizes[slot.number]):
        if group and sizes[slot.number] * (len(group) + 1) > _PREFILL_TOKENS:
            yield group
            group = []
        group.append(slot)
    if group:
        yield group


def _resolve(future: "asyncio.Future[TokenTrace]", trace: TokenTrace) -> None:
    if not future.done():
        future.set_result(trace)


def _reject(future: "asyncio.Future[TokenTrace]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
