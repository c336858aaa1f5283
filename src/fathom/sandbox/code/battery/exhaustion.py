"""Attempts to use up: time, memory, disk, output, processes.

Each asks for a small multiple of what it may have, so that it does no harm where nothing stops it.
"""

from fathom.sandbox.code.battery.attempt import Attempt, Kind
from fathom.sandbox.code.protocol import End

# Prints whether what was gained is within the limit.
_WEIGH = """
def weigh(gained, limit):
    say('BOUNDED' if gained <= limit else 'ESCAPED', gained, 'of', limit)
"""


def _attempt(
    kind: Kind, name: str, code: str, *, ends: tuple[End, ...] = (), short: bool = False, then: str = ""
) -> Attempt:
    return Attempt(name=name, kind=kind, code=_WEIGH + code, ends=ends, short=short, then=then)


TIME = [
    _attempt("time", "endless_loop", "while True: pass", ends=("timeout",)),
    _attempt("time", "endless_loop_in_c", "import re\nre.match('(a+)+$', 'a' * 40 + 'b')", ends=("timeout",)),
    _attempt("time", "endless_sleep", "time.sleep(1e6)", ends=("timeout",)),
    _attempt("time", "wait_for_input", "try:\n    input()\nexcept EOFError:\n    say('STOPPED')"),
    _attempt(
        "time",
        "ignore_signals",
        """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    except (OSError, ValueError):
        pass
while True: pass
""",
        ends=("timeout",),
    ),
    _attempt("time", "stop_itself", "import signal\nos.kill(os.getpid(), signal.SIGSTOP)", ends=("timeout",)),
    _attempt(
        "time",
        "thread_without_end",
        """
import threading
try:
    threading.Thread(target=time.sleep, args=(1e6,)).start()
except RuntimeError as error:  # where there are none
    say('STOPPED', error)
""",
        ends=("timeout",),
    ),
    _attempt("time", "hang_at_exit", "import atexit\natexit.register(time.sleep, 1e6)", ends=("timeout",)),
    _attempt(
        "time",
        "catch_every_exit",
        "while True:\n    try:\n        while True: sys.exit()\n    except BaseException: pass",
        ends=("timeout",),
    ),
    _attempt(
        "time",
        "grandchild_holds_the_output",
        "if os.fork() == 0:\n    time.sleep(40)\n    os._exit(0)\nsay('BOUNDED', 'the parent ends')",
    ),
    _attempt("time", "deep_recursion", "def f(): f()\ntry:\n    f()\nexcept RecursionError:\n    say('STOPPED')"),
    _attempt("time", "huge_number", "print(len(str(10 ** 10 ** 10)))", ends=("timeout", "memory", "error")),
    _attempt(
        "time",
        "endless_import",
        "sys.meta_path.insert(0, type('F', (), {'find_spec': lambda *a: time.sleep(1e6)})())\nimport nothing",
        ends=("timeout",),
    ),
]

PROCESS_COUNT = [
    _attempt(
        "processes",
        "many_children",
        """
made = 0
try:
    for _ in range(BAIT['processes'] + 40):
        if os.fork() == 0:
            time.sleep(5)
            os._exit(0)
        made += 1
except OSError:
    pass
weigh(made, BAIT['processes'])
""",
        short=True,
    ),
    _attempt(
        "processes",
        "fork_bomb",
        """
# At most 511 processes, where nothing stops it.
import struct
counter = os.open('count', os.O_CREAT | os.O_APPEND | os.O_WRONLY)
first = os.getpid()
for _ in range(9):
    try:
        os.fork()
        os.write(counter, b'.')
    except OSError:
        pass
time.sleep(3)
if os.getpid() != first:
    os._exit(0)
# Both sides of a fork write, and a process leaves two marks for each that it made.
weigh(os.stat('count').st_size // 2, BAIT['processes'] * 2)
""",
        ends=("memory", "timeout"),
    ),
    _attempt(
        "processes",
        "many_threads",
        """
import threading
made = 0
threading.stack_size(65536)
try:
    for _ in range(BAIT['processes'] * 20):
        threading.Thread(target=time.sleep, args=(4,), daemon=True).start()
        made += 1
except (RuntimeError, MemoryError):
    pass
# Where threads are not counted, memory bounds them.
weigh(made, BAIT['processes'] * 20)
""",
        ends=("memory",),
    ),
    _attempt(
        "processes",
        "many_descriptors",
        """
held = []
try:
    for _ in range(50_000):
        held.append(os.open('/dev/null', os.O_RDONLY))
except OSError:
    pass
weigh(len(held), 32_768)
""",
    ),
]

MEMORY = [
    _attempt(
        "memory",
        "one_large_block",
        "block = bytearray(BAIT['memory'] * 2)\nweigh(len(block), BAIT['memory'])",
        ends=("memory",),
        short=True,
    ),
    _attempt(
        "memory",
        "many_small_blocks",
        """
held = []
while len(held) * 100_000 < BAIT['memory'] * 2:
    held.append(os.urandom(100_000))
weigh(len(held) * 100_000, BAIT['memory'])
""",
        ends=("memory", "timeout"),
    ),
    # Each within the limit of a process, together beyond that of the sandbox.
    _attempt(
        "memory",
        "children_together",
        """
import select
share, parts = BAIT['memory'] // 3, 6
results, writing = os.pipe()
for _ in range(parts):
    if os.fork() == 0:
        try:
            block = bytearray(share)
            for place in range(0, share, 4096):
                block[place] = 1
            os.write(writing, b'.')
            time.sleep(60)
        finally:
            os._exit(0)
gained = dead = 0
while gained + dead < parts:
    if select.select([results], [], [], 0.05)[0]:
        gained += len(os.read(results, 100))
    while dead < parts and os.waitpid(-1, os.WNOHANG)[0]:
        dead += 1
weigh(gained * share, BAIT['memory'])
""",
        ends=("memory", "timeout"),
        short=True,
    ),
    _attempt(
        "memory",
        "shared_mapping",
        """
import mmap
size = BAIT['memory'] * 2
def fill():
    block = mmap.mmap(-1, size)
    for place in range(0, size, 4096):
        block[place] = 1
    weigh(size, BAIT['memory'])
try:
    fill()
except OSError as error:
    say('STOPPED', error)
""",
        ends=("memory",),
    ),
    _attempt(
        "memory",
        "file_in_memory",
        """
total = 0
try:
    file = os.memfd_create('x')
    while total < BAIT['memory'] * 2:
        total += os.write(file, bytes(1 << 20))
except OSError:
    pass
weigh(total, BAIT['memory'])
""",
        ends=("memory", "died"),
    ),
    _attempt(
        "memory",
        "memory_locked",
        """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
size = 64 << 20
block = ctypes.create_string_buffer(size)
weigh(0 if libc.mlock(block, size) else size, size - 1)
""",
        ends=("memory",),
    ),
    _attempt(
        "memory",
        "shared_segment",
        """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
size = BAIT['memory'] * 2
number = libc.shmget(0, ctypes.c_size_t(size), 0o1666)
place = libc.shmat(number, None, 0) if number >= 0 else None
if place in (None, ctypes.c_void_p(-1).value):
    say('STOPPED', 'no segment')
else:
    ctypes.memset(place, 1, size)
    weigh(size, BAIT['memory'])
""",
        ends=("memory", "died"),
    ),
]

# Where a limit is kept by counting at every opening of a file, what is open may still grow.
_DISK_SLACK = 10

DISK = [
    _attempt(
        "disk",
        "one_large_file",
        """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
total = 0
try:
    with open('large', 'wb', buffering=0) as file:
        while total < BAIT['disk'] * 12:
            total += file.write(bytes(1 << 20))
except OSError:
    pass
weigh(total, BAIT['disk'])
""",
        ends=("memory",),
        short=True,
    ),
    _attempt(
        "disk",
        "many_files",
        f"""
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
total, held = 0, []
try:
    for number in range(200):
        held.append(open(f'file{{number}}', 'wb', buffering=0))
except OSError:
    pass
for file in held:
    try:
        while total < BAIT['disk'] * 12:
            total += file.write(bytes(1 << 18))
    except OSError:
        pass
weigh(total, BAIT['disk'] * {_DISK_SLACK})
""",
        ends=("memory",),
    ),
    _attempt(
        "disk",
        "every_writable_folder",
        f"""
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
total = 0
for folder in ('/', '/tmp', '/var/tmp', '/dev', '/dev/shm', '/run', '/work', '/packages', os.path.expanduser('~')):
    try:
        with open(folder + '/fill', 'wb', buffering=0) as file:
            while total < BAIT['disk'] * 40:
                total += file.write(bytes(1 << 20))
    except OSError:
        pass
weigh(total, BAIT['disk'] * {_DISK_SLACK})
""",
        ends=("memory",),
    ),
    _attempt(
        "disk",
        "large_hole",
        """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
attempt(lambda: os.truncate(os.open('hole', os.O_CREAT | os.O_RDWR), 1 << 40) or 'made')
""",
    ),
    _attempt(
        "disk",
        "many_names",
        """
for number in range(30_000):
    try:
        open(f'n{number}', 'w').close()
    except OSError:
        break
weigh(number, 30_000)
""",
        ends=("memory", "timeout"),
    ),
    _attempt(
        "disk",
        "deep_folders",
        """
for number in range(3000):
    try:
        os.mkdir('d')
        os.chdir('d')
    except OSError:
        break
weigh(number, 3000)
""",
        ends=("memory", "timeout"),
    ),
]
