"""How often a host is asked, by all who share its pace."""

import asyncio

import pytest
from tests.unit.sandbox.egress.test_client import OTHER, PUBLIC, reply
from tests.virtual_time import run_virtual

from fathom.core.errors import AccessDeniedError, ProviderFault
from fathom.sandbox.egress.client import EgressClient, EgressConfig
from fathom.sandbox.egress.pace import HostPace
from fathom.sandbox.egress.protocol import WebRequest
from fathom.sandbox.egress.scripted import ScriptedConnector, ScriptedResolver


async def times(pace: HostPace, *hosts: str) -> list[float]:
    """When each of the hosts may be asked, in the order of the calls, all made now."""

    async def turn(host: str) -> float:
        await pace.turn(host, 1e9)
        return round(asyncio.get_running_loop().time(), 3)

    return await asyncio.gather(*map(turn, hosts))


def test_each_host_has_a_rate_and_a_burst_of_its_own() -> None:
    async def main() -> None:
        pace = HostPace(2.0, burst=4)
        assert await times(pace, *["a"] * 8, "b") == [0, 0, 0, 0, 0.5, 1.0, 1.5, 2.0, 0]
        await asyncio.sleep(60)
        assert await times(pace, *["a"] * 5) == [62.0, 62.0, 62.0, 62.0, 62.5]
        assert await times(HostPace(None), *["a"] * 99) == [62.5] * 99

    run_virtual(main())


def test_what_a_host_itself_asks_for_is_kept_where_it_is_slower() -> None:
    async def main() -> None:
        pace = HostPace(2.0, burst=4)
        await times(pace, "a")
        pace.slow("a", 5.0)
        assert await times(pace, "a", "a", "a") == [0.5, 5.5, 10.5]
        pace.slow("b", 0.1)
        assert await times(pace, "b", "b") == [10.5, 10.5]

    run_virtual(main())


def test_a_turn_too_far_off_is_told_at_once_and_none_is_taken() -> None:
    async def main() -> None:
        pace = HostPace(0.1)
        await pace.turn("a", 1.0)
        for _ in range(3):
            with pytest.raises(ProviderFault) as caught:
                await pace.turn("a", 1.0)
            assert (caught.value.kind, caught.value.retry_after_s) == ("rate_limited", 10.0)
        assert asyncio.get_running_loop().time() == 0
        await asyncio.sleep(9.5)
        await pace.turn("a", 1.0)
        assert asyncio.get_running_loop().time() == 10.0

    run_virtual(main())


def test_requests_of_all_clients_and_their_redirects_are_counted() -> None:
    async def main() -> None:
        pace = HostPace(1.0)
        servers = ScriptedConnector({PUBLIC: [reply(302, location="http://b.example/")], OTHER: [reply()]})
        names = {"a.example": [[PUBLIC]], "b.example": [[OTHER]], "inside.example": [["10.0.0.7"]]}
        one, two = (
            EgressClient(EgressConfig(), resolver=ScriptedResolver(names), connector=servers, pace=pace)
            for _ in range(2)
        )
        await one.fetch(WebRequest("http://a.example/", max_redirects=1))
        assert asyncio.get_running_loop().time() == 0
        await two.fetch(WebRequest("http://b.example/"))
        assert asyncio.get_running_loop().time() == 1
        await one.admit("http://b.example/", 30.0)
        assert asyncio.get_running_loop().time() == 2
        await two.fetch(WebRequest("http://a.example/", max_redirects=1))
        assert asyncio.get_running_loop().time() == 3
        with pytest.raises(AccessDeniedError):
            await one.check("http://inside.example/", 30.0)
        with pytest.raises(ProviderFault):
            await one.check("http://nowhere.example/", 30.0)
        assert len(servers.connected) >= 3 and ("10.0.0.7", 80) not in servers.connected

    run_virtual(main())
