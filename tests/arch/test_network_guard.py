"""The guard that keeps tests on this machine."""

import socket
import subprocess
import sys

import pytest

# Test workers put the guard up twice, and the first one raises a class of its own.
BeyondLoopback, STAYS = AssertionError, "tests stay on this machine"


@pytest.mark.parametrize("host", ["192.0.2.1", "10.0.0.1", "169.254.169.254"])
def test_nothing_beyond_loopback_is_connected_to(host: str) -> None:
    with socket.socket() as plain:
        plain.settimeout(1)
        with pytest.raises(BeyondLoopback, match=STAYS):
            plain.connect((host, 80))


def test_no_datagram_leaves_and_no_name_is_looked_up() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as plain, pytest.raises(BeyondLoopback, match=STAYS):
        plain.sendto(b"x", ("2001:db8::1", 53))
    for look_up in (
        lambda: socket.getaddrinfo("example.org", 80),
        lambda: socket.gethostbyname("example.org"),
        lambda: socket.gethostbyaddr("192.0.2.1"),
        lambda: socket.getnameinfo(("192.0.2.1", 80), 0),
    ):
        with pytest.raises(BeyondLoopback, match=STAYS):
            look_up()


@pytest.mark.parametrize("flags", [(), ("-P",), ("-s",)])
def test_programs_that_tests_start_stay_here_too(flags: tuple[str, ...]) -> None:
    program = 'import socket; socket.create_connection(("192.0.2.1", 80), timeout=1)'
    child = subprocess.run([sys.executable, *flags, "-c", program], capture_output=True, text=True, check=False)
    assert child.returncode and STAYS in child.stderr


def test_so_do_the_programs_that_these_start() -> None:
    inner = 'import socket; socket.getaddrinfo("example.org", 80)'
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    child = subprocess.run([sys.executable, "-c", outer], capture_output=True, text=True, check=True)
    assert STAYS in child.stderr


def test_loopback_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()[:2]):
        assert socket.getaddrinfo("localhost", 80)


def test_pip_gets_nothing_from_outside_while_tests_run() -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--retries", "0", "--disable-pip-version-check"]
    child = subprocess.run(
        [*command, "--index-url", "https://192.0.2.1/simple", "-d", "/nonexistent", "nothing"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode and STAYS in child.stdout + child.stderr
