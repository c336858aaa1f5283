"""The tables of addresses, against the standard library's own idea of them."""

import ipaddress
import random

from fathom.bench.ssrf_forms import SPECIAL_4, SPECIAL_6
from fathom.sandbox.egress.addresses import Address, permitted, port_permitted


def address(text: str) -> Address:
    return ipaddress.ip_address(text)


def test_no_special_address_is_of_the_public_internet() -> None:
    special = [address(text) for text in (*SPECIAL_4, *SPECIAL_6)]
    assert [found for found in special if permitted(found, "public") or permitted(found, "offline")] == []


def test_public_addresses_are_public() -> None:
    for text in "1.1.1.1 93.184.215.14 223.255.255.255 2606:4700::1111 2001:200::1 2c0f::1".split():
        assert permitted(address(text), "public") and permitted(address(text), "private")
        assert not permitted(address(text), "offline")


def test_translated_addresses_are_those_they_carry() -> None:
    assert permitted(address("64:ff9b::5db8:d70e"), "public")
    for text in ("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::5db8:d70e"):
        assert not permitted(address(text), "private")


def test_private_networks_are_open_in_their_scope_and_clouds_secrets_in_none() -> None:
    for text in "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 100.64.0.9 ::1 fd12::1".split():
        assert permitted(address(text), "private") and not permitted(address(text), "public")
    for (
        text
    ) in "169.254.169.254 100.100.100.200 168.63.129.16 fd00:ec2::254 fe80::1 0.0.0.0 :: 224.0.0.1 ff02::1".split():
        assert not permitted(address(text), "private")


def test_what_is_public_here_is_global_to_the_standard_library_too() -> None:
    chance = random.Random(0)
    for _ in range(4_000):
        four = ipaddress.IPv4Address(chance.getrandbits(32))
        six = ipaddress.IPv6Address(
            chance.choice((0x2001, 0x2002, 0x2606, 0x3FFE, 0xFC00)) << 112 | chance.getrandbits(112)
        )
        for found in (four, six):
            if permitted(found, "public"):
                assert found.is_global and not found.is_multicast, found


def test_ordinary_ipv4_addresses_are_not_refused() -> None:
    chance = random.Random(1)
    for _ in range(4_000):
        found = ipaddress.IPv4Address(chance.getrandbits(32))
        relays = any(found in ipaddress.ip_network(net) for net in ("192.88.99.0/24", "192.0.0.0/24"))
        anycast = str(found).startswith(("192.31.196.", "192.52.193.", "192.175.48."))
        if found.is_global and not found.is_multicast and not relays and not anycast:
            assert permitted(found, "public"), found


def test_ports() -> None:
    assert [port for port in range(70_000) if port_permitted(port, "public")] == [80, 443, 8080, 8443]
    assert (
        port_permitted(6379, "private") and not port_permitted(0, "private") and not port_permitted(70_000, "private")
    )
    assert not port_permitted(443, "offline")
