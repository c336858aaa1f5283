"""Routing, spill-over, ejection and return of a pool's endpoints."""

import asyncio
from collections import Counter

import pytest

from fathom.core.errors import ConfigError, ModelFault, ModelRequestError
from fathom.core.message import Message
from fathom.llm.pool import Endpoint, EndpointPool, PoolConfig
from fathom.llm.scripted import ScriptedChat

ASK = [Message(role="user", content="Where?")]


class Server:
    """An endpoint whose state the test sets."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.error: ModelFault | ModelRequestError | None = None
        self.up = True
        self.probes = 0
        self.model = ScriptedChat(lambda messages: self.error or self.key, name="m")

    async def probe(self) -> None:
        self.probes += 1
        if not self.up:
            raise ModelFault(f"{self.key} is down")

    def endpoint(self, weight: float = 1.0, limit: int = 64) -> Endpoint:
        return Endpoint(self.key, self.model, weight, limit, self.probe)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def served_by(pool: EndpointPool, sticky: str = "") -> str:
    return (await pool.complete(ASK, sticky=sticky)).message.content


async def key_of(home: str, pool: EndpointPool) -> str:
    """A sticky key that the pool sends to `home`."""
    n = 0
    while await served_by(pool, f"q{n}") != home:
        n += 1
    return f"q{n}"


def pool_of(*keys: str, clock: Clock | None = None) -> tuple[list[Server], EndpointPool]:
    servers = [Server(key) for key in keys]
    return servers, EndpointPool([server.endpoint() for server in servers], clock=clock or Clock())


async def test_equal_keys_stay_on_one_endpoint_and_keys_spread_by_weight() -> None:
    servers = [Server("a"), Server("b")]
    pool = EndpointPool([servers[0].endpoint(weight=3.0), servers[1].endpoint()])
    homes = {f"q{n}": await served_by(pool, f"q{n}") for n in range(400)}
    assert all([await served_by(pool, key) == home for key, home in homes.items()])
    assert Counter(homes.values())["a"] == pytest.approx(300, abs=35)


async def test_a_lost_endpoint_moves_no_key_but_its_own() -> None:
    _, three = pool_of("a", "b", "c")
    _, two = pool_of("a", "b")
    for n in range(100):
        home = await served_by(three, f"q{n}")
        assert home == "c" or await served_by(two, f"q{n}") == home


async def test_calls_without_a_key_share_the_load_by_weight() -> None:
    servers = [Server("a"), Server("b")]
    pool = EndpointPool([servers[0].endpoint(weight=3.0), servers[1].endpoint()])
    served = Counter([await served_by(pool) for _ in range(80)])
    assert served == {"a": 60, "b": 20}


async def test_a_fault_moves_the_call_on_and_three_leave_the_endpoint_out() -> None:
    clock = Clock()
    servers, pool = pool_of("a", "b", clock=clock)
    key = await key_of("a", pool)
    servers[0].error, servers[0].up = ModelFault("500"), False
    asked = len(servers[0].model.asked)
    assert [await served_by(pool, key) for _ in range(10)] == ["b"] * 10
    assert len(servers[0].model.asked) - asked == 3
    clock.now = 11.0  # the cooldown is over, the probe fails: no call is lost on it
    assert await served_by(pool, key) == "b"
    assert len(servers[0].model.asked) - asked == 3 and servers[0].probes == 1
    servers[0].error, servers[0].up = None, True
    clock.now = 20.0  # left out twice as long this time
    assert await served_by(pool, key) == "b" and servers[0].probes == 1
    clock.now = 32.0
    assert await served_by(pool, key) == "a" and servers[0].probes == 2


async def test_one_that_fails_right_after_its_return_goes_at_once() -> None:
    clock = Clock()
    servers, pool = pool_of("a", "b", clock=clock)
    key = await key_of("a", pool)
    servers[0].error = ModelFault("500")
    for _ in range(4):
        await served_by(pool, key)
    asked = len(servers[0].model.asked)
    clock.now = 11.0
    assert [await served_by(pool, key) for _ in range(3)] == ["b"] * 3
    assert len(servers[0].model.asked) - asked == 1


async def test_an_endpoint_that_says_when_to_come_back_is_left_until_then() -> None:
    clock = Clock()
    servers, pool = pool_of("a", clock=clock)
    servers[0].error = ModelFault("429", retry_after_s=7.0)
    with pytest.raises(ModelFault):
        await served_by(pool)
    clock.now = 3.0
    with pytest.raises(ModelFault, match="none of 1 endpoints is healthy") as caught:
        await served_by(pool)
    assert caught.value.retry_after_s == 4.0
    servers[0].error = None
    clock.now = 7.0
    assert await served_by(pool) == "a"


async def test_a_request_that_no_endpoint_will_take_is_not_tried_on_the_next() -> None:
    servers, pool = pool_of("a", "b")
    servers[0].error = servers[1].error = ModelRequestError("bad schema")
    with pytest.raises(ModelRequestError):
        await served_by(pool)
    assert len(servers[0].model.asked) + len(servers[1].model.asked) == 1


async def test_health_names_what_is_wrong_and_takes_back_what_is_well() -> None:
    servers, pool = pool_of("a", "b")
    servers[1].up = False
    assert await pool.health() == {"a": "", "b": "b is down"}
    assert {await served_by(pool, f"q{n}") for n in range(30)} == {"a"}
    servers[1].up = True
    assert await pool.health() == {"a": "", "b": ""}
    assert {await served_by(pool, f"q{n}") for n in range(30)} == {"a", "b"}


async def test_a_probe_that_hangs_counts_as_no_sign_of_life() -> None:
    async def hang() -> None:
        await asyncio.sleep(60)

    pool = EndpointPool([Endpoint("a", ScriptedChat(["x"]), probe=hang)], PoolConfig(probe_timeout_s=0.05))
    assert "no sign of life" in (await pool.health())["a"]


async def test_no_more_calls_at_once_than_the_limit() -> None:
    running = most = 0

    class Slow(ScriptedChat):
        async def complete(self, *args: object, **kwargs: object):  # type: ignore[no-untyped-def,override]
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1
            return await super().complete(*args, **kwargs)  # type: ignore[arg-type]

    pool = EndpointPool([Endpoint("a", Slow(lambda messages: "x"), limit=2)])
    await asyncio.gather(*(pool.complete(ASK, sticky="q") for _ in range(7)))
    assert most == 2


def test_pools_that_cannot_work_are_refused() -> None:
    model = ScriptedChat([])
    for endpoints in ([], [Endpoint("a", model), Endpoint("a", model)], [Endpoint("a", model, weight=0)]):
        with pytest.raises(ConfigError):
            EndpointPool(endpoints)


async def test_closing_closes_all() -> None:
    servers, pool = pool_of("a", "b")
    await pool.close()
    assert all(server.model.closed for server in servers)
