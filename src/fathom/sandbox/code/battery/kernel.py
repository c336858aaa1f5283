"""Attempts on the kernel's interfaces, and on what a run leaves to the next."""

from fathom.sandbox.code.battery.attempt import Attempt

# Arguments that do nothing where the call is allowed: it fails on them then, with another error than "not permitted".
_CALLS = {
    "unshare": "0x10000000",
    "setns": "-1, 0",
    "mount": "0, 0, 0, 0, 0",
    "umount2": "b'/nothing', 0",
    "pivot_root": "b'/nothing', b'/nothing'",
    "chroot": "b'/nothing'",
    "open_tree": "-1, b'/nothing', 0",
    "move_mount": "-1, b'/nothing', -1, b'/nothing', 0",
    "fsopen": "b'nothing', 0",
    "fsmount": "-1, 0, 0",
    "mount_setattr": "-1, b'/nothing', 0, 0, 0",
    "bpf": "0, 0, 0",
    "userfaultfd": "1",
    "io_uring_setup": "1, 0",
    "io_uring_enter": "-1, 0, 0, 0, 0, 0",
    "keyctl": "0, -3, 0",
    "add_key": "b'user', b'x', b'x', 1, -3",
    "request_key": "b'user', b'x', 0, -3",
    "perf_event_open": "0, 0, -1, -1, 0",
    "init_module": "0, 0, 0",
    "finit_module": "-1, 0, 0",
    "delete_module": "b'nothing', 0",
    "kexec_load": "0, 0, 0, 0",
    "reboot": "0, 0, 0, 0",
    "swapon": "b'/nothing', 0",
    "acct": "b'/nothing'",
    "syslog": "10, 0, 0",
    "settimeofday": "0, 0",
    "clock_settime": "0, 0",
    "adjtimex": "0",
    "sethostname": "b'x', 1",
    "setdomainname": "b'x', 1",
    "iopl": "3",
    "ioperm": "0, 1, 1",
    "quotactl": "0, 0, 0, 0",
    "fanotify_init": "0, 0",
    "name_to_handle_at": "-100, b'/', 0, 0, 0",
    "lookup_dcookie": "0, 0, 0",
    "process_madvise": "-1, 0, 0, 0, 0",
    "memfd_secret": "0",
}
_SHORT_CALLS = {"unshare", "mount", "bpf", "io_uring_setup", "userfaultfd", "keyctl", "perf_event_open"}

CALLS = [
    Attempt(name=f"call_{name}", kind="kernel", code=f"reach({name!r}, {arguments})", short=name in _SHORT_CALLS)
    for name, arguments in _CALLS.items()
]

KERNEL = [
    Attempt(
        name="new_user_namespace_by_clone",
        kind="kernel",
        code="""
def clone():
    import ctypes, platform
    libc = ctypes.CDLL(None, use_errno=True)
    number = {'x86_64': 56, 'aarch64': 220}[platform.machine()]
    child = libc.syscall(ctypes.c_long(number), ctypes.c_long(0x10000000 | 17), ctypes.c_long(0), 0, 0, 0)
    if child == 0:
        os._exit(0)
    if child < 0:
        raise OSError(ctypes.get_errno(), 'clone')
    return 'a namespace'
attempt(clone)
""",
        short=True,
    ),
    Attempt(
        name="clone3",
        kind="kernel",
        code="""
def clone():
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(435), ctypes.byref((ctypes.c_uint64 * 11)(0x10000000)), ctypes.c_long(88)) < 0:
        raise OSError(ctypes.get_errno(), 'clone3')
    return 'a process with a user namespace'
attempt(clone)
""",
    ),
    Attempt(
        name="push_input_into_terminal",
        kind="kernel",
        code="""
def push():
    import fcntl, termios
    for number in (0, 1, 2, os.open('/dev/tty', os.O_RDWR)):
        fcntl.ioctl(number, termios.TIOCSTI, b'x')
    return 'pushed'
attempt(push)
""",
    ),
    Attempt(
        name="calls_by_x32_numbers",
        kind="kernel",
        code="""
def x32():
    import ctypes, platform
    if platform.machine() != 'x86_64':
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(0x40000000 | 39)) < 0:
        raise OSError(ctypes.get_errno(), 'x32')
    return 'x32 calls'
attempt(x32)
""",
        ends=("died",),
    ),
    Attempt(
        name="calls_by_i386_numbers",
        kind="kernel",
        code="""
import ctypes, mmap, platform
if platform.machine() != 'x86_64':
    say('STOPPED', 'another architecture')
else:
    # mov eax, 20 (getpid in i386); int 0x80; ret
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(bytes([0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xC3]))
    run = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    if run() == os.getpid():
        say('ESCAPED', 'i386 calls go round the list')
    else:
        say('STOPPED')
""",
        ends=("died",),
    ),
]

_LOOK = "import builtins, json as j\nattempt(lambda: {found})"


def _left(name: str, leave: str, found: str, *, sessions: tuple[str, str] = ("", ""), short: bool = False) -> Attempt:
    """An attempt to leave something that another run finds."""
    then = _LOOK.format(found=found)
    return Attempt(
        name=name, kind="state", code=leave, then=then, session=sessions[0], then_session=sessions[1], short=short
    )


_TWO = ("first", "second")

STATE = [
    _left(
        "standard_library",
        "try:\n    open(os.__file__, 'a').write('\\n# fathom was here')\nexcept OSError:\n    pass",
        "'# fathom was here' in open(os.__file__).read()",
        short=True,
    ),
    _left("file_in_work_folder", "open('left', 'w').write('x')", "os.path.exists('left')", short=True),
    _left(
        "file_in_shared_folders",
        """
for folder in ('/tmp', '/dev/shm', '/var/tmp'):
    try:
        open(folder + '/left', 'w').write('x')
    except OSError:
        pass
""",
        "[f for f in ('/tmp', '/dev/shm', '/var/tmp') if os.path.exists(f + '/left')]",
        short=True,
    ),
    _left("variable", "left = 1", "'left' in globals()"),
    _left("patched_module", "j = json\nj.left = 1", "hasattr(j, 'left')"),
    _left("patched_builtins", "import builtins\nbuiltins.left = 1", "hasattr(builtins, 'left')"),
    _left("file_between_sessions", "open('left', 'w').write('x')", "os.path.exists('left')", sessions=_TWO),
    _left("variable_between_sessions", "left = 1", "'left' in globals()", sessions=_TWO, short=True),
    _left(
        "session_to_run",
        "left = 1\nopen('left', 'w').write('x')",
        "'left' in globals() or os.path.exists('left')",
        sessions=("first", ""),
    ),
    _left(
        "shared_segment_between_sessions",
        "import ctypes\nctypes.CDLL(None).shmget(0x5EC, ctypes.c_size_t(4096), 0o1666)",
        "__import__('ctypes').CDLL(None).shmget(0x5EC, __import__('ctypes').c_size_t(4096), 0) >= 0",
        sessions=_TWO,
    ),
    _left(
        "abstract_socket_between_sessions",
        """
import socket
try:
    server = socket.socket(socket.AF_UNIX)
    server.bind('\\0left-by-session')
    server.listen()
except OSError:
    pass
""",
        "__import__('socket').socket(__import__('socket').AF_UNIX).connect_ex('\\0left-by-session') == 0",
        sessions=_TWO,
    ),
    _left(
        "process_between_sessions",
        "open('pid', 'w').write(str(os.getpid()))\nprint(os.getpid())",
        "[n for n in os.listdir('/proc') if n.isdigit() and int(n) not in (1, 2, os.getpid(), os.getppid())]",
        sessions=_TWO,
    ),
]
