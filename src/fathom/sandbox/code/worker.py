"""The program inside the sandbox: says that it is ready, takes code, runs it, says how it ended.

It is handed over as text and runs under the sandbox's own interpreter, so it needs the standard library only. Its
standard input is a socket to the supervisor, on which both sides send frames: a length (4 bytes, big end first) and
that much JSON. Code comes only after the worker said that it is ready, and the end of the socket is its own end: a
worker that was started for a supervisor that is gone never runs anything.

The code shares the process with this program and can do to it what it likes. It gains nothing: whoever reads the
frames outside believes nothing of them but their size.
"""

import atexit
import base64
import builtins
import importlib
import io
import json
import linecache
import os
import stat
import struct
import sys
import threading
import traceback
import types
from collections.abc import Iterator
from typing import Any, Literal

FILE = "<code>"
MAX_SEEN = 2000  # folder entries looked at for files the code made
CHUNK = 1 << 16
WRITE = os.write
Mark = tuple[int, int, int]  # of a file: its number, size and time of change


class Ending:
    """How a block ended: `error` is what it raised, None where it ended by itself."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def __enter__(self) -> "Ending":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        self.error = error
        return True


def serve(settings: dict[str, Any]) -> None:
    """Take code until the socket ends, and end with it. `settings`: `packages` and `work` (folders), `preload`
    (modules), `files` and `files_bytes` (limits of what is given back)."""
    channel = os.dup(0)
    os.close(0)
    os.open(os.devnull, os.O_RDONLY)  # takes the number that is free
    converse(channel, channel, settings)
    os._exit(0)


def serve_without_pipes(settings: dict[str, Any]) -> None:
    """The same where there are only the standard streams, and no processes that write to them by themselves: all that
    the code writes travels in frames between the others."""
    streams = {number: FramedStream(number) for number in (1, 2)}
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.BufferedWriter(stream), "utf-8", "backslashreplace", line_buffering=True)
        for stream in streams.values()
    )
    vars(sys).update(__stdout__=sys.stdout, __stderr__=sys.stderr)
    sys.stdin = io.StringIO()

    def write(number: int, data: Any) -> int:
        return streams[number].write(data) if number in streams else WRITE(number, data)

    os.write = write
    converse(0, 1, settings)


class FramedStream(io.RawIOBase):
    """The stream `number` of the code, as frames on standard output."""

    def __init__(self, number: int) -> None:
        self.number = number

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        for start in range(0, len(data), CHUNK):
            text = base64.b64encode(data[start : start + CHUNK]).decode("ascii")
            send(1, {"stream": self.number, "data": text})
        return len(data)


def converse(source: int, target: int, settings: dict[str, Any]) -> None:
    """Take code from the descriptor `source` and tell of it on `target`, until one ends or the last code has run."""
    sys.path += [settings["packages"], settings["work"]]
    sys.argv = [""]
    vars(builtins).update(exit=sys.exit, quit=sys.exit)
    for name in settings["preload"]:
        with Ending():
            importlib.import_module(name)
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    seen: dict[str, Mark] = {}
    own = os.getpid()
    send(target, {"ready": True})
    while (request := receive(source)) is not None:
        send(target, {"began": True})
        how = execute(request["code"], main.__dict__)
        if request["last"]:
            finish()
        flush()
        if os.getpid() != own:  # a process that the code forked came to the end of the code as well
            return
        made, left_out = collect(settings, seen)
        send(target, {"end": how, "files": made, "files_left_out": left_out})
        if request["last"]:
            return


def execute(code: str, names: dict[str, Any]) -> str:
    """Run `code` in the namespace `names`; its traceback goes to standard error, without this program's own part."""
    linecache.cache[FILE] = (len(code), None, code.splitlines(True), FILE)
    with Ending() as ending:
        exec(compile(code, FILE, "exec", dont_inherit=True), names)
    error = ending.error
    if error is None:
        return "ok"
    if isinstance(error, SystemExit):
        if isinstance(error.code, str):
            sys.stderr.write(f"{error.code}\n")
        return "ok" if error.code in (None, 0) else "error"
    with Ending() as shown:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != FILE:
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace)
    if shown.error is not None:
        with Ending():
            sys.stderr.write(type(error).__name__)
    return "memory" if isinstance(error, MemoryError) else "error"


def finish() -> None:
    """What a script does at its end: wait for its threads, run what was registered for the exit."""
    with Ending():
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
    with Ending():
        atexit._run_exitfuncs()


def flush() -> None:
    """Have everything that was written reach the pipes before the end is said."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with Ending():
            if stream is not None:
                stream.flush()


def collect(settings: dict[str, Any], seen: dict[str, Mark]) -> tuple[list[tuple[str, str]], int]:
    """(files that are new or changed since `seen`, as name and base64 text; how many were left out).

    Every folder is opened relative to the one above and every file without following links, and only regular files are
    read: a name that leads elsewhere is not followed, whoever reads what this returns.
    """
    made: list[tuple[str, str]] = []
    room, left_out = settings["files_bytes"], 0
    with Ending():
        for number, (name, folder, entry) in enumerate(entries(settings["work"])):
            if number >= MAX_SEEN:
                break
            data = regular_file(folder, entry, name, seen, room)
            if data is None:
                continue
            if data is False or len(made) >= settings["files"] or not name.isprintable():
                left_out += 1
                continue
            room -= len(data)
            made.append((name, base64.b64encode(data).decode("ascii")))
    return made, left_out


def entries(work: str) -> Iterator[tuple[str, int, str]]:
    """(relative name, descriptor of the folder, last part of the name) of all that is no folder."""
    for path, folders, names, folder in os.fwalk(work, follow_symlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        for entry in sorted(names):
            yield os.path.relpath(f"{path}/{entry}", work), folder, entry


def regular_file(folder: int, entry: str, name: str, seen: dict[str, Mark], room: int) -> bytes | Literal[False] | None:
    """The bytes of a regular file that changed; False where there is no room for it, None for anything else."""
    with Ending():
        file = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            state = os.fstat(file)
            mark = (state.st_ino, state.st_size, state.st_mtime_ns)
            if not stat.S_ISREG(state.st_mode) or seen.get(name) == mark:
                return None
            seen[name] = mark
            if state.st_size > room:
                return False
            data = b"".join(iter(lambda: os.read(file, CHUNK), b"")) if state.st_size else b""
            return data if len(data) <= room else False
        finally:
            os.close(file)
    return None


def send(channel: int, value: object) -> None:
    """Send a frame."""
    body = json.dumps(value).encode("ascii")
    body = struct.pack(">I", len(body)) + body
    while body:
        body = body[WRITE(channel, body) :]


def receive(channel: int) -> Any:
    """The next frame's value, None at the end of the socket."""
    head = take(channel, 4)
    body = head and take(channel, struct.unpack(">I", head)[0])
    return json.loads(body) if body else None


def take(channel: int, size: int) -> bytes | None:
    """So many bytes, None where the socket ends before."""
    data = b""
    while len(data) < size:
        block = os.read(channel, min(size - len(data), CHUNK))
        if not block:
            return None
        data += block
    return data


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    (serve if given["pipes"] else serve_without_pipes)(given)
