"""Trees of processes: found, measured and ended, also where they try to slip out."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from fathom.sandbox.process_tree import descendants, kill_below, tree_bytes

# A holder whose child detaches twice, in a session of its own, and forks again when it is told to end.
HOLDER = """
import os, sys, time
from fathom.sandbox.process_tree import become_subreaper
become_subreaper()
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    held = b"x" * 40_000_000
    for _ in range(3):
        if os.fork() == 0:
            while True:
                time.sleep(0.005)
                if os.fork() == 0:
                    time.sleep(0.1)
                    os._exit(0)
    while True:
        time.sleep(1)
os.wait()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-P", "-c", HOLDER], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    yield process.pid
    kill_below(process.pid)
    process.kill()
    process.wait()
    process.stdout.close()


def test_those_who_slipped_out_are_found_and_killed_while_they_fork(holder: int) -> None:
    deadline = time.monotonic() + 20
    while (len(descendants(holder)) < 4 or tree_bytes(holder) < 40_000_000) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(descendants(holder)) >= 4 and tree_bytes(holder) > 40_000_000
    kill_below(holder)
    time.sleep(0.2)
    assert descendants(holder) == [] and tree_bytes(holder) < 40_000_000
    os.kill(holder, 0)


def test_a_process_that_is_not_there_has_nobody_below_it() -> None:
    assert descendants(2**22 + 1) == [] and tree_bytes(2**22 + 1) == 0
    kill_below(2**22 + 1)
