"""What the spawner is told once, and the ends it reports: plain dataclasses that travel as JSON."""

import json
import resource
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from fathom.sandbox.code.interpreter import Mount

MEGABYTE = 1 << 20
WORK = "/work"  # the working folder, where a sandbox has a file system of its own
MAX_MESSAGE = 180_000  # bytes of one message on the control socket; Linux takes some 200 KB

# Where the interpreter's flags keep it from looking at anything but what it is given: no site, no user folder, no
# current folder.
PYTHON_FLAGS = ("-s", "-S", "-P")


@dataclass(frozen=True)
class SpawnPlan:
    """How workers are started. `program` is bubblewrap's path; `worker` the text of the program inside and `settings`
    its argument; `memory` and `disk` are bytes; `user` is the first user id for code where the spawner is root; `slots`
    is how many workers there may be at once."""

    backend: str
    program: str
    program_mounts: tuple[Mount, ...]
    worker: str
    settings: dict[str, Any]
    mounts: tuple[Mount, ...]
    links: tuple[tuple[str, str], ...]
    memory: int
    processes: int
    disk: int
    cpus: float
    cpu_seconds: int
    user: int
    slots: int

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "SpawnPlan":
        values = json.loads(data)
        for name in ("mounts", "program_mounts"):
            values[name] = tuple(Mount(**item) for item in values[name])
        values["links"] = tuple((text, place) for text, place in values["links"])
        return cls(**values)


@dataclass(frozen=True)
class Exit:
    """A worker is gone, with all it started. `status` is its exit status, negative for the signal that ended it;
    `out_of_memory`: something inside was killed for want of memory."""

    worker: int
    status: int
    out_of_memory: bool


class Launcher(Protocol):
    """One way to start isolated workers. Made and used by one thread that lives as long as they do: what ties a worker
    to its parent ties it to the thread that started it (bubblewrap issue 692)."""

    def spawn(self, worker: int, stdio: tuple[int, int, int]) -> None:
        """Start a worker with these descriptors as its standard streams. Raises `OSError` or `ConfigError`."""
        ...

    def kill(self, worker: int) -> None:
        """Begin to end a worker and all it started."""
        ...

    def reap(self) -> list[Exit]:
        """The workers that are gone since the last call."""
        ...

    @property
    def ending(self) -> bool:
        """Whether there are workers about to be gone, so that `reap` should be called again soon."""
        ...

    def close(self) -> None:
        """End all workers and remove what was made for them."""
        ...


def limit_process(*, file_bytes: int, open_files: int, cpu_seconds: int | None = None) -> None:
    """Limits of the calling process and what it starts, as a second line behind those of the whole sandbox. None of CPU
    time for a process that is to live long itself."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_NOFILE: open_files,
        resource.RLIMIT_MEMLOCK: 8 * MEGABYTE,
        resource.RLIMIT_MSGQUEUE: MEGABYTE,
    }
    if cpu_seconds is not None:
        limits[resource.RLIMIT_CPU] = cpu_seconds
    for kind, value in limits.items():
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def python_environment(home: str, library: str, work: str) -> dict[str, str]:
    """All of the environment that code in the sandbox gets."""
    return {
        "HOME": work,
        "TMPDIR": "/tmp" if work == WORK else work,
        "LANG": "C.UTF-8",
        "LD_LIBRARY_PATH": library,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONHOME": home,
        "PYTHONIOENCODING": "utf-8:backslashreplace",
        "TZ": "UTC",
    }
