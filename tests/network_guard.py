"""No test reaches beyond this machine: what tries to is stopped in the process that asks, whoever it is.

An audit hook cannot be taken off again, so no test can leave the door open. Python programs that tests start put it up
too (`tests/guarded`), pip among them: the packages that tests need are fetched before them, by `make assets`.
"""

import ipaddress
import os
import sys
from pathlib import Path
from typing import Any

_CONNECTING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_BY_NAME = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})


class BeyondLoopback(AssertionError):
    """A test tried to reach another machine."""


def install() -> None:
    """Put the guard up, for as long as the process lives."""
    sys.addaudithook(_guard)


def install_in_children() -> None:
    """Have it put up in Python programs that are started from now on."""
    first, folders = str(Path(__file__).parent / "guarded"), os.environ.get("PYTHONPATH", "")
    if first not in folders.split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (first, folders)))


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _CONNECTING:
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # else a path, or none: a socket already connected
    elif event in _BY_NAME:
        host = arguments[0]
        if isinstance(host, str) and (_address(host) or "\0" in host):  # nobody is asked about these
            return
    elif event == "socket.gethostbyaddr":
        host = arguments[0]
    elif event == "socket.getnameinfo":
        host = arguments[0][0]
    else:
        return
    if isinstance(host, str | bytes) and not _here(host if isinstance(host, str) else host.decode()):
        raise BeyondLoopback(
            f"{event} to {host}: tests stay on this machine; inject a resolver or a connector, "
            "and have `make assets` fetch packages"
        )


def _here(host: str) -> bool:
    address = _address(host)
    if address is None:
        return host in ("", "localhost")
    return address.is_loopback or address.is_unspecified


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
