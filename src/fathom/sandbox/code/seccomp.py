"""The system calls that code in the sandbox does not get: a deny list as a classic BPF program.

Denied are the calls that a computation does not need and that have been the way out of sandboxes before, or that
would reach beyond the namespaces: other processes, mounts, modules, keys, the clock, tracing, new namespaces, the
large interfaces (BPF, io_uring, userfaultfd, perf), and sockets other than those within the machine's file system.
They fail with EPERM. `clone3`, whose flags a filter cannot see, is said not to exist, and the C library falls back
to `clone`. Where the architecture is not known there is no filter, and no sandbox.

This module and those that the spawner imports keep to the standard library, so that it starts quickly.
"""

import platform
import struct

from fathom.core.errors import ConfigError

# name: (x86-64, AArch64); None where the architecture does not have it.
SYSCALLS: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "open_tree_attr": (467, 467),
    "unshare": (272, 97),
    "setns": (308, 268),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "acct": (163, 89),
    "syslog": (103, 116),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "lookup_dcookie": (212, 18),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    "ustat": (136, None),
    "sysfs": (139, None),
    "_sysctl": (156, None),
    "nfsservctl": (180, 42),
    "personality": (135, 92),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "vmsplice": (278, 75),
    "memfd_secret": (447, 447),
    "seccomp": (317, 277),
}

# The audit numbers of the architectures, and where the three calls are whose arguments are looked at.
_ARCHITECTURES = {"x86_64": (0, 0xC000003E, 56, 435, 41, 16), "aarch64": (1, 0xC00000B7, 220, 435, 198, 29)}

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 4, 16, 24  # offsets in struct seccomp_data
_X32 = 0x40000000
_AF_UNIX = 1
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW*: ns, cgroup, uts, ipc, user, pid, net
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C


def number(name: str, machine: str = "") -> int | None:
    """The number of a denied system call on `machine` (default: this one), None where it does not have it."""
    return SYSCALLS[name][_architecture(machine)[0]]


def deny_list(machine: str = "") -> bytes:
    """The filter for `machine` (default: this one), as bubblewrap's `--seccomp` takes it. Raises
    `ConfigError` where the machine is not known."""
    column, audit, clone, clone3, socket, ioctl = _architecture(machine)
    program = [
        _op(_LOAD, _ARCHITECTURE),
        _op(_JUMP_EQUAL, audit, 1, 0),
        _op(_RETURN, _KILL),
        _op(_LOAD, _NUMBER),
    ]
    if column == 0:  # the x32 numbers of x86-64 would go round the list
        program += [_op(_JUMP_AT_LEAST, _X32, 0, 1), _op(_RETURN, _ERRNO | _EPERM)]
    for numbers in SYSCALLS.values():
        if (denied := numbers[column]) is not None:
            program += _refuse(denied, _EPERM)
    program += _refuse(clone3, _ENOSYS)
    program += _look_at(clone, _FIRST_ARGUMENT, [_op(_JUMP_ANY_BIT, _NEW_NAMESPACES, 1, 0)])
    program += _look_at(socket, _FIRST_ARGUMENT, [_op(_JUMP_EQUAL, _AF_UNIX, 0, 1)])
    requests = [_op(_JUMP_EQUAL, _TIOCSTI, 2, 0), _op(_JUMP_EQUAL, _TIOCLINUX, 1, 0)]
    program += _look_at(ioctl, _SECOND_ARGUMENT, requests)
    return b"".join([*program, _op(_RETURN, _ALLOW)])


def _architecture(machine: str) -> tuple[int, int, int, int, int, int]:
    name = machine or platform.machine()
    if name not in _ARCHITECTURES:
        raise ConfigError(f"there is no list of system calls for {name}")
    return _ARCHITECTURES[name]


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _refuse(denied: int, errno: int) -> list[bytes]:
    return [_op(_JUMP_EQUAL, denied, 0, 1), _op(_RETURN, _ERRNO | errno)]


def _look_at(call: int, argument: int, test: list[bytes]) -> list[bytes]:
    """Where the number is `call`: allow or refuse by the low half of an argument. The jumps of `test` lead to the
    instruction behind them to allow, and to the next to refuse."""
    return [
        _op(_JUMP_EQUAL, call, 0, 3 + len(test)),
        _op(_LOAD, argument),
        *test,
        _op(_RETURN, _ALLOW),
        _op(_RETURN, _ERRNO | _EPERM),
    ]
