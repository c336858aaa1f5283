"""Attempts to reach what is outside: files, the network, other processes."""

from fathom.sandbox.code.battery.attempt import Attempt, Kind
from fathom.sandbox.code.protocol import End


def _attempt(kind: Kind, name: str, code: str, *, ends: tuple[End, ...] = (), short: bool = False) -> Attempt:
    return Attempt(name=name, kind=kind, code=code, ends=ends, short=short)


FILES = [
    _attempt("files", "read_open_file", "attempt(lambda: open(BAIT['file']).read())", short=True),
    _attempt("files", "read_shared_memory_file", "attempt(lambda: open(BAIT['shared']).read())"),
    _attempt("files", "read_shadow", "attempt(lambda: open('/etc/shadow').read())"),
    _attempt("files", "read_users", "attempt(lambda: 'root:' in open('/etc/passwd').read())"),
    _attempt(
        "files", "read_host_name", "attempt(lambda: BAIT['host'] in open('/etc/hostname').read() + os.uname().nodename)"
    ),
    _attempt("files", "list_homes", "attempt(lambda: os.listdir('/home') + os.listdir('/root'))"),
    _attempt(
        "files", "write_open_folder", "attempt(lambda: open(BAIT['folder'] + '/made', 'w').write('x'))", short=True
    ),
    _attempt(
        "files",
        "append_to_open_file",
        "attempt(lambda: os.write(os.open(BAIT['shared'], os.O_WRONLY | os.O_APPEND), b'x'))",
    ),
    _attempt("files", "delete_standard_library", "attempt(lambda: os.unlink(os.__file__) or 'deleted')"),
    _attempt("files", "replace_interpreter", "attempt(lambda: os.rename(sys.executable, 'gone') or 'moved')"),
    _attempt(
        "files",
        "write_packages",
        "attempt(lambda: open(next(p for p in sys.path if p.endswith('packages')) + '/six.py', 'w').write('x'))",
    ),
    _attempt(
        "files",
        "read_through_link",
        "os.symlink(BAIT['file'], 'link')\nattempt(lambda: open('link').read())",
    ),
    _attempt(
        "files",
        "hard_link_to_file",
        "attempt(lambda: os.link(BAIT['file'], 'hard') or open('hard').read())",
    ),
    _attempt(
        "files",
        "climb_by_open_folders",
        """
def climb():
    folder = os.open('.', os.O_RDONLY)
    for _ in range(40):
        folder = os.open('..', os.O_RDONLY, dir_fd=folder)
    return open(os.open(BAIT['file'].lstrip('/'), os.O_RDONLY, dir_fd=folder)).read()
attempt(climb)
""",
    ),
    # What is given back goes to whoever reads results: names must not lead out, and links must not be followed.
    _attempt(
        "files",
        "link_as_result_file",
        "os.symlink(BAIT['file'], 'result.txt')\nos.symlink(BAIT['folder'], 'folder')\nsay('STOPPED', 'links made')",
        short=True,
    ),
    _attempt("files", "pipe_as_result_file", "os.mkfifo('result.txt')\nsay('STOPPED', 'pipe made')"),
    _attempt(
        "files",
        "device_as_result_file",
        "attempt(lambda: os.mknod('disk', 0o60666, os.makedev(254, 0)) or open('disk', 'rb').read(9))",
    ),
    _attempt(
        "files",
        "other_processes_by_proc",
        """
def look():
    found = [name for name in os.listdir('/proc') if name.isdigit() and int(name) == BAIT['victim']]
    return found and open(f"/proc/{BAIT['victim']}/environ").read()
attempt(look)
""",
        short=True,
    ),
    _attempt("files", "root_of_first_process", "attempt(lambda: os.listdir('/proc/1/root/home'))"),
    _attempt(
        "files",
        "environment",
        "attempt(lambda: [n for n in os.environb if b'KEY' in n or b'TOKEN' in n or b'SECRET' in n])",
    ),
    _attempt("files", "raw_memory", "attempt(lambda: open('/dev/mem', 'rb').read(1) or open('/dev/kmem', 'rb'))"),
    _attempt("files", "kernel_log", "attempt(lambda: open('/dev/kmsg').readline())"),
    _attempt("files", "kernel_settings", "attempt(lambda: open('/proc/sys/kernel/core_pattern', 'r+').write('|/x'))"),
    _attempt("files", "sysfs", "attempt(lambda: os.listdir('/sys/class'))"),
    _attempt(
        "files",
        "inherited_descriptors",
        """
import stat
def inherited():
    found = []
    for number in range(3, 1024):
        try:
            kind = os.fstat(number).st_mode
        except OSError:
            continue
        if stat.S_ISDIR(kind):
            try:
                os.close(os.open(BAIT['file'].lstrip('/'), os.O_RDONLY, dir_fd=number))
            except OSError:
                continue
        if not stat.S_ISSOCK(kind):
            found.append((number, oct(kind)))
    return found
attempt(inherited)
""",
        short=True,
    ),
    _attempt(
        "files",
        "set_user_id_program",
        """
import shutil
def become():
    shutil.copy(sys.executable, 'program')
    os.chmod('program', 0o6755)
    os.setuid(0)
    return os.geteuid() == 0
attempt(become)
""",
    ),
    _attempt(
        "files",
        "file_handle_of_root",  # the way out of early Docker
        "reach('open_by_handle_at', -100, bytes(8) + bytes(8), 0)",
    ),
]

# What is laid into the sandbox that is to be used is the machine's own, so it is opened and no more. Of a guest in
# WebAssembly, who writes to a copy of its own, that would show nothing.
OPEN_TO_WRITE = _attempt(
    "files",
    "open_library_and_packages_to_write",
    """
import itertools
def writable():
    won = []
    for folder in (os.path.dirname(os.__file__), *(p for p in sys.path if p.endswith('packages'))):
        for path, _, names in itertools.islice(os.walk(folder), 60):
            for name in names[:2]:
                try:
                    os.close(os.open(f'{path}/{name}', os.O_WRONLY))
                except OSError:
                    continue
                won.append(name)
    return won
attempt(writable)
""",
)

_CONNECT = """
import socket
def connect():
    with socket.socket({family}, {kind}) as peer:
        peer.settimeout(3)
        peer.connect({address})
        return peer.recv(64)
attempt(connect)
"""

NETWORK = [
    _attempt(
        "network",
        "loopback_tcp",
        _CONNECT.format(family="socket.AF_INET", kind="socket.SOCK_STREAM", address="('127.0.0.1', BAIT['port'])"),
        short=True,
    ),
    _attempt(
        "network",
        "loopback_tcp6",
        _CONNECT.format(family="socket.AF_INET6", kind="socket.SOCK_STREAM", address="('::1', BAIT['port6'])"),
    ),
    _attempt(
        "network",
        "loopback_udp",
        """
import socket
def send():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(b'x', ('127.0.0.1', BAIT['udp']))
attempt(send)
""",
        short=True,
    ),
    _attempt(
        "network",
        "abstract_unix_socket",
        _CONNECT.format(family="socket.AF_UNIX", kind="socket.SOCK_STREAM", address="'\\0' + BAIT['abstract']"),
        short=True,
    ),
    _attempt(
        "network",
        "unix_socket_in_open_folder",
        _CONNECT.format(family="socket.AF_UNIX", kind="socket.SOCK_STREAM", address="BAIT['unix']"),
        short=True,
    ),
    _attempt(
        "network",
        "listen_on_all_addresses",
        """
import socket
def listen():
    with socket.socket() as server:
        server.bind(('0.0.0.0', 0))
        server.listen()
        return server.getsockname()
attempt(listen)
""",
    ),
    _attempt(
        "network", "raw_socket", "import socket\nattempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))"
    ),
    _attempt("network", "packet_socket", "import socket\nattempt(lambda: socket.socket(17, socket.SOCK_RAW, 768))"),
    # Sandlock gives one of its own making, which is no way to the kernel: option 39 is the true family.
    _attempt(
        "network",
        "netlink",
        "import socket\nattempt(lambda: socket.socket(16, socket.SOCK_RAW, 0).getsockopt(socket.SOL_SOCKET, 39) == 16)",
    ),
    _attempt("network", "vsock_to_host", "import socket\nattempt(lambda: socket.socket(40, socket.SOCK_STREAM))"),
    _attempt("network", "kernel_crypto", "import socket\nattempt(lambda: socket.socket(38, 5, 0))"),
    _attempt(
        "network",
        "network_interfaces",
        "import socket\nattempt(lambda: [n for _, n in socket.if_nameindex() if n != 'lo'])",
    ),
    _attempt(
        "network",
        "look_up_local_name",
        "import socket\nattempt(lambda: [socket.create_connection(('localhost', BAIT['port']), 3)])",
    ),
]

PROCESSES = [
    _attempt("processes", "signal_process", "attempt(lambda: os.kill(BAIT['victim'], 15) or 'sent')", short=True),
    _attempt("processes", "signal_supervisor", "attempt(lambda: os.kill(BAIT['supervisor'], 0) or 'may')"),
    _attempt(
        "processes",
        "signal_parent",
        """
parent = os.getppid()
# The first process of a namespace of its own is part of the sandbox.
attempt(lambda: parent > 2 and (os.kill(parent, 0) or 'may'))
""",
    ),
    _attempt("processes", "trace_process", "reach('ptrace', 16, BAIT['victim'], 0, 0)", short=True),
    _attempt(
        "processes",
        "read_memory_of_process",
        """
import ctypes
buffer = ctypes.create_string_buffer(16)
vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 16)
reach('process_vm_readv', BAIT['victim'], ctypes.byref(vector), 1, ctypes.byref(vector), 1, 0)
""",
    ),
    _attempt("processes", "compare_processes", "reach('kcmp', BAIT['victim'], os.getpid(), 0, 0, 0)"),
    _attempt("processes", "handle_of_process", "attempt(lambda: os.pidfd_open(BAIT['victim']))"),
    _attempt("processes", "descriptor_of_process", "reach('pidfd_getfd', 3, 0, 0)"),
    _attempt(
        "processes",
        "priority_of_process",
        "attempt(lambda: os.setpriority(os.PRIO_PROCESS, BAIT['victim'], 19) or 'set')",
    ),
    _attempt("processes", "cores_of_process", "attempt(lambda: os.sched_setaffinity(BAIT['victim'], {0}) or 'set')"),
    _attempt("processes", "raise_priority", "attempt(lambda: os.setpriority(os.PRIO_PROCESS, 0, -5) or 'set')"),
    _attempt(
        "processes",
        "realtime_priority",
        "attempt(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)) or 'set')",
    ),
    _attempt("processes", "become_root", "attempt(lambda: (os.setuid(0), os.geteuid())[1] == 0)"),
    _attempt("processes", "join_groups", "attempt(lambda: os.setgroups([0]) or 'set')"),
    _attempt(
        "processes",
        "raise_limits",
        """
import resource
def lift():
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return 'lifted'
try:
    attempt(lift)
except ValueError as error:  # so says Python where it is not permitted
    say('STOPPED', error)
""",
    ),
    _attempt(
        "processes",
        "survivor",
        """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (0, 1, 2):
            os.close(number)
        os.execv(sys.executable, [sys.executable, '-S', '-c', 'import time; time.sleep(40)', BAIT['marker']])
    os._exit(0)
time.sleep(0.3)
say('STOPPED', 'started')
""",
        short=True,
    ),
    _attempt(
        "processes",
        "survivor_of_killed_run",
        """
if os.fork() == 0:
    os.setsid()
    os.execv(sys.executable, [sys.executable, '-S', '-c', 'import time; time.sleep(40)', BAIT['marker']])
time.sleep(0.3)
os.kill(os.getpid(), 9)
""",
        ends=("died", "memory"),  # sandlock does not tell the one from the other
    ),
]
