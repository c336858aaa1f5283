"""The gate for programs that make their own connections: SOCKS in front of the guard."""

import asyncio
import ipaddress

import pytest

from fathom.sandbox.egress.gate import SocksGate
from fathom.sandbox.egress.network import GuardedNetwork
from fathom.sandbox.egress.protocol import Scope
from fathom.sandbox.egress.scripted import ScriptedConnector, ScriptedResolver

PUBLIC = "93.184.215.14"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
ASKED = b"GET / HTTP/1.1\r\n\r\n"


def gate(
    *answers: str, scope: Scope = "public", page: bytes = PAGE, max_bytes: int = 10_000
) -> tuple[SocksGate, ScriptedConnector]:
    connector = ScriptedConnector({PUBLIC: [page]})
    resolver = ScriptedResolver({"a.example": [answers or [PUBLIC]]})
    return SocksGate(GuardedNetwork(scope, resolver, connector), max_bytes=max_bytes), connector


def request(host: str, port: int, command: int = 1) -> bytes:
    try:
        address = ipaddress.ip_address(host)
        place = bytes((1 if address.version == 4 else 4,)) + address.packed
    except ValueError:
        place = bytes((3, len(host))) + host.encode()
    return bytes((5, command, 0)) + place + port.to_bytes(2, "big")


async def speak(made: SocksGate, *sent: bytes, hello: bytes = b"\x05\x01\x00") -> bytes:
    """What a client is told in all that sends `sent`, each piece after an answer to the one before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    heard = b""
    for piece in (hello, *sent):
        writer.write(piece)
        heard += await asyncio.wait_for(reader.read(65536), 5)
    writer.close()
    return heard


async def test_a_connection_is_made_to_the_checked_address() -> None:
    made, connector = gate()
    async with made:
        heard = await speak(made, request("a.example", 443), ASKED)
    assert heard == b"\x05\x00" + b"\x05\x00\x00\x01" + bytes(6) + PAGE
    assert connector.connected == [(PUBLIC, 443)] and bytes(connector.sent[0]) == ASKED


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("127.0.0.1", 80),
        ("::1", 80),
        ("169.254.169.254", 80),
        ("localhost", 80),
        ("intranet", 80),
        ("127.1", 80),
        ("2130706433", 80),
        ("a.example", 22),
        ("a.example\x00.b", 80),
        ("a.example@127.0.0.1", 80),
        ("a/../b", 80),
        ("10.0.0.1", 443),
    ],
)
async def test_what_may_not_be_contacted_is_refused_and_noted(host: str, port: int) -> None:
    made, connector = gate()
    async with made:
        assert (await speak(made, request(host, port)))[2:4] == b"\x05\x02"
    assert connector.connected == [] and made.denied == {(host, port)}


async def test_names_are_checked_by_what_they_resolve_to() -> None:
    made, connector = gate(PUBLIC, "10.0.0.1")
    async with made:
        assert (await speak(made, request("a.example", 443)))[2:4] == b"\x05\x02"
    made, connector = gate(scope="offline")
    async with made:
        assert (await speak(made, request("a.example", 443)))[2:4] == b"\x05\x02"
    assert connector.connected == []


async def test_nobody_there_is_told_apart_from_a_refusal() -> None:
    made, _ = gate("1.1.1.1")
    async with made:
        assert (await speak(made, request("a.example", 443)))[2:4] == b"\x05\x04"
    assert made.denied == set()


async def test_what_is_no_request_to_connect_is_refused() -> None:
    made, connector = gate()
    async with made:
        assert await speak(made, hello=b"\x05\x01\x02") == b"\x05\xff"
        assert await speak(made, hello=b"\x04\x01\x00") == b"\x05\xff"
        assert (await speak(made, request("a.example", 443, command=3)))[2:4] == b"\x05\x07"
        assert (await speak(made, b"\x05\x01\x00\x09\x00\x00"))[2:4] == b"\x05\x07"
        assert await speak(made, hello=b"GET / HTTP/1.1\r\n\r\n" * 20) in (b"", b"\x05\xff")
    assert connector.connected == []


async def test_bytes_are_limited_over_all_connections() -> None:
    made, _ = gate(page=b"x" * 900, max_bytes=2000)
    async with made:
        for _ in range(2):
            assert len(await speak(made, request("a.example", 443), ASKED)) == 12 + 900
            assert not made.exceeded
        await speak(made, request("a.example", 443), ASKED)
        assert made.exceeded


async def test_open_connections_end_with_the_gate() -> None:
    made, _ = gate()
    async with made:
        reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
        writer.write(b"\x05\x01\x00")
        assert await reader.read(2) == b"\x05\x00"
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_it_tells_whether_a_private_address_was_connected_to() -> None:
    made, _ = gate(scope="private")
    async with made:
        await speak(made, request("a.example", 443), ASKED)
        assert not made.inside
    connector = ScriptedConnector({"10.0.0.7": [PAGE]})
    made = SocksGate(GuardedNetwork("private", ScriptedResolver({}), connector), max_bytes=10_000)
    async with made:
        await speak(made, request("10.0.0.7", 8080), ASKED)
        assert made.inside
