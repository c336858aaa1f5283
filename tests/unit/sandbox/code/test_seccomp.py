"""The filter does what its list says: a second, short interpreter of BPF runs it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fathom.core.errors import ConfigError
from fathom.sandbox.code.seccomp import SYSCALLS, deny_list, number

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CALLS = {
    "x86_64": {"clone": 56, "clone3": 435, "socket": 41, "ioctl": 16},
    "aarch64": {"clone": 220, "clone3": 435, "socket": 198, "ioctl": 29},
}
ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026

machines = pytest.mark.parametrize("machine", sorted(AUDIT))


def answer(program: bytes, call: int, arguments: tuple[int, ...] = (), audit: int = 0) -> int:
    """What the kernel would: runs `program` over a call."""
    given = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("=IIQ6Q", call & 0xFFFFFFFF, audit, 0, *(value & (2**64 - 1) for value in given))
    at, held = 0, 0
    while True:
        code, if_true, if_false, value = struct.unpack_from("=HBBI", program, at * 8)
        at += 1
        if code == 0x20:
            held = struct.unpack_from("=I", data, value)[0]
        elif code == 0x06:
            return value
        else:
            true = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[code]
            at += if_true if true else if_false


@machines
def test_every_denied_call_fails_and_others_are_let_through(machine: str) -> None:
    program, audit = deny_list(machine), AUDIT[machine]
    denied = {number(name, machine) for name in SYSCALLS} - {None}
    looked_at = set(CALLS[machine].values())
    for call in range(600):
        wanted = EPERM if call in denied else ALLOW
        if call not in looked_at:
            assert answer(program, call, audit=audit) == wanted, call
    assert len(denied) > 55 and not denied & looked_at


@machines
def test_calls_whose_arguments_matter(machine: str) -> None:
    program, audit, calls = deny_list(machine), AUDIT[machine], CALLS[machine]

    def tried(name: str, *arguments: int) -> int:
        return answer(program, calls[name], arguments, audit)

    assert tried("clone", 0x01200011) == ALLOW  # fork
    assert tried("clone", 0x003D0F00) == ALLOW  # a thread
    for flag in (0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert tried("clone", flag | 17) == EPERM
    assert tried("clone3", 0, 88) == ENOSYS
    assert tried("socket", 1, 1, 0) == ALLOW
    assert {tried("socket", family, 1, 0) for family in (2, 10, 16, 17, 38, 40)} == {EPERM}
    assert (tried("ioctl", 0, 0x5412), tried("ioctl", 0, 0x541C), tried("ioctl", 0, 0x5401)) == (EPERM, EPERM, ALLOW)


def test_other_tables_of_calls_are_no_way_round() -> None:
    assert answer(deny_list("x86_64"), 20, audit=0x40000003) == KILL  # i386
    assert answer(deny_list("x86_64"), 0x40000000 | 101, audit=AUDIT["x86_64"]) == EPERM  # x32
    assert answer(deny_list("aarch64"), 20, audit=AUDIT["x86_64"]) == KILL
    with pytest.raises(ConfigError, match="riscv64"):
        deny_list("riscv64")


@given(
    call=st.integers(0, 2**32 - 1),
    arguments=st.tuples(*[st.integers(0, 2**64 - 1)] * 6),
    audit=st.integers(0, 2**32 - 1),
)
def test_every_call_has_an_answer(call: int, arguments: tuple[int, ...], audit: int) -> None:
    for machine in AUDIT:
        assert answer(deny_list(machine), call, arguments, audit) in (ALLOW, KILL, EPERM, ENOSYS)


def test_numbers_are_those_of_this_systems_headers() -> None:
    import re
    from pathlib import Path

    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip("the kernel's headers are not installed")
    known = dict(re.findall(r"#define __NR_(\w+) (\d+)", header.read_text()))
    wrong = {name: known[name] for name in SYSCALLS if name in known and int(known[name]) != number(name, "x86_64")}
    assert wrong == {}
