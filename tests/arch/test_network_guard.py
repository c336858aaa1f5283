"""The guard that keeps tests on this machine."""

import socket

import pytest
from tests.network_guard import BeyondLoopback


@pytest.mark.parametrize("host", ["192.0.2.1", "10.0.0.1", "169.254.169.254"])
def test_nothing_beyond_loopback_is_connected_to(host: str) -> None:
    with socket.socket() as plain:
        plain.settimeout(1)
        with pytest.raises(BeyondLoopback):
            plain.connect((host, 80))


def test_no_datagram_leaves_and_no_name_is_looked_up() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as plain, pytest.raises(BeyondLoopback):
        plain.sendto(b"x", ("2001:db8::1", 53))
    for look_up in (
        lambda: socket.getaddrinfo("example.org", 80),
        lambda: socket.gethostbyname("example.org"),
        lambda: socket.gethostbyaddr("192.0.2.1"),
        lambda: socket.getnameinfo(("192.0.2.1", 80), 0),
    ):
        with pytest.raises(BeyondLoopback):
            look_up()


def test_loopback_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()[:2]):
        assert socket.getaddrinfo("localhost", 80)
