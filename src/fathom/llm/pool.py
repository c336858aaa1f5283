"""`EndpointPool`: several endpoints that serve the same model, as one chat model.

Calls with equal `sticky` keys go to the same endpoint, found by weighted rendezvous hashing, so that its prefix cache
serves them and a lost endpoint moves no key but its own. Other calls go where the load is lowest for the weight. An
endpoint that keeps failing is left out for a while, one that says when to come back (Retry-After) until then, and the
call moves on to the next. Before an endpoint is taken back it is probed. One pass over the endpoints is one attempt;
`retry.RetryingChat` around the pool makes more.

Reference: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", IEEE/ACM Transactions on
Networking 6(1), 1998; the weighted form by Schindelhauer and Schomaker, SPAA 2005.
"""

import asyncio
import hashlib
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import ConfigError, FathomError, ModelFault
from fathom.core.message import Message, ToolSpec
from fathom.llm.protocol import ChatModel, Completion, Sampling


class PoolConfig(Config):
    """When an endpoint is left out, and for how long."""

    failures: int = Field(default=3, ge=1, description="faults in a row after which an endpoint is left out")
    cooldown_s: float = Field(default=10.0, gt=0, description="seconds it is left out first; doubled each further time")
    max_cooldown_s: float = Field(default=300.0, gt=0, description="longest it is left out, Retry-After included")
    probe_timeout_s: float = Field(default=5.0, gt=0, description="seconds a probe may take")


@dataclass(frozen=True)
class Endpoint:
    """One member. `key` is its lasting identity (a base URL), `weight` its share of the calls, `limit` the most calls
    at once, `probe` a cheap sign of life that raises where there is none (`OpenAIChat.models`)."""

    key: str
    model: ChatModel
    weight: float = 1.0
    limit: int = 64
    probe: Callable[[], Awaitable[object]] | None = None


class _Member:
    """An endpoint's state in the pool."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.slots = asyncio.Semaphore(endpoint.limit)
        self.in_flight = self.served = self.failures = self.ejections = 0
        self.out_until = -math.inf
        self.suspect = False

    @property
    def load(self) -> tuple[float, float]:
        return self.in_flight / self.endpoint.weight, self.served / self.endpoint.weight


class EndpointPool:
    """A chat model over several endpoints. Belongs to one event loop."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        config: PoolConfig = PoolConfig(),
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises `ConfigError` for an empty pool, equal keys, or a weight or limit that is not positive."""
        keys = [endpoint.key for endpoint in endpoints]
        if not keys or len(set(keys)) < len(keys):
            raise ConfigError("a pool needs endpoints, each with a key of its own")
        if not all(0 < endpoint.weight < math.inf and endpoint.limit > 0 for endpoint in endpoints):
            raise ConfigError("weights and limits of a pool's endpoints must be positive")
        self._members = [_Member(endpoint) for endpoint in endpoints]
        self._config, self._clock = config, clock

    @property
    def name(self) -> str:
        names = dict.fromkeys(member.endpoint.model.name for member in self._members)
        return "+".join(names)

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        """As `ChatModel.complete`. Raises the last endpoint's `ModelFault` when all failed; when all are left out, one
        that says when the first comes back. Other errors are the request's own and pass at once."""
        fault: ModelFault | None = None
        for member in self._ranked(sticky):
            if not await self._usable(member):
                continue
            try:
                return await self._ask(member, messages, tools, sampling, sticky)
            except ModelFault as error:
                fault = error
        if fault is not None:
            raise fault
        wait = max(0.0, min(member.out_until for member in self._members) - self._clock())
        raise ModelFault(f"none of {len(self._members)} endpoints is healthy", retry_after_s=wait)

    async def health(self) -> dict[str, str]:
        """What is wrong with each endpoint, by its key; an empty text where its probe succeeds or it has none. Takes
        healthy ones back and leaves out the others."""
        found = await asyncio.gather(*(self._probe(member) for member in self._members))
        return {member.endpoint.key: wrong for member, wrong in zip(self._members, found, strict=True)}

    async def close(self) -> None:
        for member in self._members:
            await member.endpoint.model.close()

    def _ranked(self, sticky: str) -> list[_Member]:
        if sticky:
            return sorted(self._members, key=lambda member: _rendezvous(sticky, member.endpoint), reverse=True)
        return sorted(self._members, key=lambda member: member.load)

    async def _usable(self, member: _Member) -> bool:
        if self._clock() < member.out_until:
            return False
        return not member.suspect or not await self._probe(member)

    async def _probe(self, member: _Member) -> str:
        probe = member.endpoint.probe
        if probe is not None:
            try:
                async with asyncio.timeout(self._config.probe_timeout_s):
                    await probe()
            except TimeoutError:
                self._leave_out(member, None)
                return f"no sign of life within {self._config.probe_timeout_s:g} s"
            except FathomError as error:
                self._leave_out(member, None)
                return str(error)
        member.suspect, member.out_until = False, -math.inf
        return ""

    async def _ask(
        self,
        member: _Member,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec],
        sampling: Sampling,
        sticky: str,
    ) -> Completion:
        member.in_flight += 1
        try:
            async with member.slots:
                completion = await member.endpoint.model.complete(messages, tools, sampling, sticky=sticky)
        except ModelFault as fault:
            member.failures += 1
            # One that failed right after it came back goes at once, without three more lost calls.
            if fault.retry_after_s is not None or member.failures >= self._config.failures or member.ejections:
                self._leave_out(member, fault.retry_after_s)
            raise
        finally:
            member.in_flight -= 1
        member.served += 1
        member.failures = member.ejections = 0
        return completion

    def _leave_out(self, member: _Member, asked_s: float | None) -> None:
        """For as long as the endpoint asked, or for the cooldown, doubled each time in a row."""
        if asked_s is None:
            member.suspect = True
            asked_s = self._config.cooldown_s * 2.0 ** min(member.ejections, 30)
            member.ejections += 1
        member.out_until = self._clock() + min(asked_s, self._config.max_cooldown_s)


def _rendezvous(sticky: str, endpoint: Endpoint) -> float:
    """The endpoint's score for a key: -weight / ln(u), u uniform in (0, 1) from the hash of both."""
    digest = hashlib.sha256(f"{sticky}\0{endpoint.key}".encode("utf-8", "surrogatepass")).digest()
    uniform = (int.from_bytes(digest[:8], "big") + 0.5) / 2**64
    return -endpoint.weight / math.log(uniform)
