"""The parser process: takes one job at a time from its parent, under limits of CPU and memory, and answers in frames.

A frame is a length (4 bytes, big end first) and that much JSON. A job names a function of this package, or of another
by its full name, which yields parts as it goes, so that the parent keeps what was parsed before the process was killed.
What the function raises other than `InputError` ends the process, since a parser that failed in an unforeseen way is
not to be trusted with more.
"""

import importlib
import json
import logging
import math
import os
import resource
import struct
import sys
import warnings
from typing import Any, BinaryIO

from fathom.core.errors import InputError

PACKAGE = "fathom.corpus.ingest."


def serve(memory_bytes: int) -> None:
    """Serve jobs from standard input until it ends."""
    replies = os.fdopen(os.dup(1), "wb")
    # What a library prints must not get between the frames, nor onto the user's screen.
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    while (job := read_frame(sys.stdin.buffer)) is not None:
        _allow_cpu(job["cpu_s"])
        try:
            _work(job, replies)
        except InputError as error:
            write_frame(replies, {"error": [error.kind, error.reason, error.offset]})
        except Exception as error:
            write_frame(replies, {"died": f"{type(error).__name__}: {error}"[:300]})
            raise


def _work(job: dict[str, Any], replies: BinaryIO) -> None:
    module, _, function = job["function"].partition(":")
    path = module if module.startswith("fathom.") else PACKAGE + module
    for part in getattr(importlib.import_module(path), function)(**job["arguments"]):
        write_frame(replies, {"part": part})
    write_frame(replies, {"end": True})


def _allow_cpu(seconds: int) -> None:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(spent.ru_utime + spent.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def write_frame(pipe: BinaryIO, value: Any) -> None:
    """Send `value`, which is plain JSON."""
    body = json.dumps(value).encode("ascii")
    pipe.write(struct.pack(">I", len(body)) + body)
    pipe.flush()


def read_frame(pipe: BinaryIO) -> Any:
    """The next frame's value, or None at the end."""
    head = pipe.read(4)
    if len(head) < 4:
        return None
    return json.loads(pipe.read(struct.unpack(">I", head)[0]))
