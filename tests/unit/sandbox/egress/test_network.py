"""The way out: every answer is checked, and only what was checked is connected to."""

import socket

import httpcore2
import pytest

from fathom.core.errors import AccessDeniedError
from fathom.sandbox.egress.network import GuardedNetwork, SystemResolver
from fathom.sandbox.egress.protocol import Scope
from fathom.sandbox.egress.scripted import ScriptedConnector, ScriptedResolver

PUBLIC = "93.184.215.14"
HTTP = b"HTTP/1.1 204 x\r\n\r\n"


def network(
    *answers: list[str], scope: Scope = "public", servers: tuple[str, ...] = (PUBLIC,)
) -> tuple[GuardedNetwork, ScriptedConnector, ScriptedResolver]:
    connector = ScriptedConnector(dict.fromkeys(servers, (HTTP,)))
    resolver = ScriptedResolver({"a.example": answers})
    return GuardedNetwork(scope, resolver, connector), connector, resolver


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    guard, connector, _ = network(["1.1.1.1", "2606:4700::1111", PUBLIC])
    await guard.connect_tcp("a.example", 443)
    assert [address for address, _ in connector.connected] == ["1.1.1.1", "2606:4700::1111", PUBLIC]


async def test_not_all_of_many_addresses_are_tried() -> None:
    guard, connector, _ = network([f"1.1.1.{number}" for number in range(9)])
    with pytest.raises(httpcore2.ConnectError):
        await guard.connect_tcp("a.example", 443)
    assert len(connector.connected) == 4


@pytest.mark.parametrize("bad", ["127.0.0.1", "::1", "169.254.169.254", "fe80::1%eth0", "::ffff:10.0.0.1"])
async def test_one_bad_answer_among_good_ones_refuses_them_all(bad: str) -> None:
    for answer in ([bad], [PUBLIC, bad], [bad, PUBLIC], [PUBLIC] * 99 + [bad]):
        guard, connector, _ = network(answer)
        with pytest.raises(AccessDeniedError) as caught:
            await guard.connect_tcp("a.example", 443)
        assert connector.connected == [] and bad not in str(caught.value)


@pytest.mark.parametrize("answer", [[], ["no address"], [PUBLIC, ""], [PUBLIC] * 300])
async def test_answers_that_are_none_resolve_nothing(answer: list[str]) -> None:
    guard, connector, _ = network(answer)
    with pytest.raises(httpcore2.ConnectError):
        await guard.connect_tcp("a.example", 443)
    assert connector.connected == []


async def test_addresses_and_ports_are_checked_here_too() -> None:
    guard, connector, resolver = network([PUBLIC])
    for host, port in (("127.0.0.1", 443), ("::1", 80), (PUBLIC, 22), ("a.example", 6379), ("a.example", 0)):
        with pytest.raises(AccessDeniedError):
            await guard.connect_tcp(host, port)
    with pytest.raises(AccessDeniedError):
        await guard.connect_unix_socket("/var/run/docker.sock")
    assert connector.connected == [] and resolver.asked == []


async def test_offline_no_name_is_asked_for() -> None:
    guard, connector, resolver = network([PUBLIC], scope="offline")
    for host in ("a.example", PUBLIC):
        with pytest.raises(AccessDeniedError):
            await guard.connect_tcp(host, 443)
    assert connector.connected == [] and resolver.asked == []


async def test_the_systems_resolver_gives_addresses_or_an_os_error() -> None:
    resolver = SystemResolver()
    assert set(await resolver.resolve("127.0.0.1")) == {"127.0.0.1"}
    assert set(await resolver.resolve("localhost")) <= {"127.0.0.1", "::1"}
    for host in ("a" * 70, "\ud800", "a\x00b"):
        with pytest.raises(OSError):
            await resolver.resolve(host)
    await resolver.close()
    assert await resolver.resolve("127.0.0.1")
    await resolver.close()


def test_what_the_system_gives_is_what_is_compared() -> None:
    """The texts getaddrinfo gives are those that `ipaddress` reads, zones included."""
    rows = socket.getaddrinfo("fe80::1%lo", None, type=socket.SOCK_STREAM)
    assert str(rows[0][4][0]).startswith("fe80::1")
