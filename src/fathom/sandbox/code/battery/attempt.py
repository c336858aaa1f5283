"""An attempt on a sandbox, what is laid out on the machine for it to find, and how it is judged.

The code of an attempt tells on itself: it prints `ESCAPED`, `BOUNDED`, `STOPPED` or `ABSENT`. That is not all that
counts. What was laid out carries a secret that must not come out, and is watched: a file that changes, a connection
that arrives, a process that survives is an escape whatever was printed. An attempt that neither tells nor ends as it
must is `unclear`, and one whose means the interpreter lacks is `absent`: it was not made. Neither passes a test.
"""

import json
from collections.abc import Sequence
from typing import Any, Literal

from fathom.core.errors import ConfigError
from fathom.core.model import Frozen
from fathom.sandbox.code.protocol import CodeResult, End
from fathom.sandbox.code.seccomp import SYSCALLS, number

Kind = Literal["files", "network", "processes", "kernel", "time", "memory", "disk", "output", "state"]
Outcome = Literal["stopped", "bounded", "escaped", "absent", "unclear"]

_PROLOGUE = '''
import errno, json, os, sys, time
BAIT = json.loads({bait!r})
NUMBERS = json.loads({numbers!r})

def say(word, *detail):
    print(word, *detail, flush=True)

def attempt(function):
    """What `function` gives is what it won; that the system refuses is what should be."""
    try:
        won = function()
    except (OSError, MemoryError) as error:
        say("STOPPED", type(error).__name__, error)
    else:
        say("ESCAPED" if won else "STOPPED", won)

def call(name, *arguments):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if NUMBERS.get(name) is None:
        raise OSError(errno.ENOSYS, name)
    long = ctypes.c_long
    result = libc.syscall(long(NUMBERS[name]), *(long(a) if isinstance(a, int) else a for a in arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result

def reach(name, *arguments):
    """Whether the kernel takes the call at all: an error about its arguments means that it does."""
    def function():
        try:
            return ("done", call(name, *arguments))
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):
                raise
            return str(error)
    attempt(function)

# What this Python has not the means to try says nothing of the sandbox.
try:
    exec(compile({code!r}, "<attempt>", "exec"))
except OSError as error:
    say("STOPPED", "at once:", type(error).__name__, error)
except ImportError as error:
    say("ABSENT", type(error).__name__, error)
except AttributeError as error:
    if not isinstance(error.obj, type(os)):
        raise
    say("ABSENT", error)
'''


class Attempt(Frozen):
    """One attempt. `code` runs first and `then`, if there is any, in another run after it; a run is in the session
    `session` or `then_session`. `ends`: how the last run may end where it could tell nothing, because a limit stopped
    it. `short`: part of the self-test."""

    name: str
    kind: Kind
    code: str
    then: str = ""
    session: str = ""
    then_session: str = ""
    ends: tuple[End, ...] = ()
    short: bool = False


class Verdict(Frozen):
    """What became of an attempt. `seconds` is the wall time of all its runs."""

    name: str
    kind: Kind
    outcome: Outcome
    detail: str
    seconds: float

    @property
    def held(self) -> bool:
        """Whether the sandbox held."""
        return self.outcome in ("stopped", "bounded")


def program(code: str, bait: dict[str, Any]) -> str:
    """The whole text of a run: `code`, with what attempts share."""
    try:
        numbers = {name: number(name) for name in SYSCALLS}
    except ConfigError:  # a machine that only WebAssembly serves
        numbers = {}
    return _PROLOGUE.format(bait=json.dumps(bait), numbers=json.dumps(numbers), code=code)


def judge(attempt: Attempt, results: Sequence[CodeResult], secret: str, breaches: Sequence[str]) -> Verdict:
    """The verdict. `breaches`: what was seen on the machine that should not have happened."""
    seconds = sum(result.seconds for result in results)

    def verdict(outcome: Outcome, detail: str) -> Verdict:
        detail = " ".join(detail.split())[:300]
        return Verdict(name=attempt.name, kind=attempt.kind, outcome=outcome, detail=detail, seconds=seconds)

    if breaches:
        return verdict("escaped", "; ".join(breaches))
    absent = ""
    for result in results:
        told = result.stdout + result.stderr
        if secret in told or any(secret.encode() in file.data for file in result.files):
            return verdict("escaped", "the secret came out")
        for line in told.splitlines():
            if line.startswith("ESCAPED"):
                return verdict("escaped", line)
            if line.startswith("ABSENT"):
                absent = line
    if absent:
        return verdict("absent", absent)
    last = results[-1]
    words = {line.split(" ", 1)[0]: line for line in last.stdout.splitlines()}
    for word, outcome in (("STOPPED", "stopped"), ("BOUNDED", "bounded")):
        # Of an output that was cut an escape may be what is missing.
        if word in words and last.end == "ok" and not (word == "STOPPED" and last.stdout_cut):
            return verdict(outcome, words[word])  # type: ignore[arg-type]
    if last.end in attempt.ends:
        return verdict("bounded", f"ended: {last.end}")
    return verdict("unclear", f"ended: {last.end}; {last.stderr[-200:] or last.stdout[-200:]}")
