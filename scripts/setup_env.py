"""Make `.venv` and install locked requirements into it: `python scripts/setup_env.py VENV LOCK [LOCK...]`.

Run by `make` with whatever Python the machine has, so it uses the standard library only. pip does the installing, so
mirrors, proxies and certificates set for pip are respected; every file must match a hash where the lock has any. The
project itself is installed last, editable, and needs no network: its build backend is in the lock.
"""

import subprocess
import sys
import time
import venv
from collections import deque
from pathlib import Path

CPU_BUILDS = "https://download.pytorch.org/whl/cpu"
TAIL = 15  # lines of pip's output that are shown when it fails
# How pip begins its line about each package: from an index, a mirror, another platform's, there already, a folder.
PER_PACKAGE = ("Collecting", "Processing", "Ignoring", "Requirement", "Obtaining")


def main(folder: str, *locks: str) -> int:
    """Set the environment up; 0, or pip's exit code after its last lines have been shown."""
    target = Path(folder)
    began = time.monotonic()
    # One that was cut short while it was made has no pip; one whose Python was removed has a dangling link.
    if not all((target / "bin" / name).exists() for name in ("python", "pip")):
        say(f"making {target} with Python {sys.version.split()[0]}")
        venv.create(target, with_pip=True, clear=True)
    python = str(target / "bin" / "python")
    for lock in locks:
        if code := install_lock(python, lock):
            return code
    code = install(python, ["--no-deps", "--no-build-isolation", "--no-index", "-e", "."], "fathom itself", 1)
    if not code:
        say(f"{target} is ready after {time.monotonic() - began:.0f} s")
    return code


def install_lock(python: str, lock: str) -> int:
    """Install all of a lock; 0, or the exit code of what failed."""
    text = Path(lock).read_text(encoding="utf-8")
    total = sum(line[:1].isalnum() for line in text.splitlines())
    what = f"{lock}: package"
    # pip would take 4 s more to write bytecode of which most is never used; what is used is compiled on first use.
    arguments = ["--no-deps", *(["--require-hashes"] if "--hash" in text else []), "--no-compile"]
    torch = next((line.split()[0] for line in text.splitlines() if line.startswith("torch==")), "")
    if not torch or sys.platform != "linux":
        return install(python, [*arguments, "-r", lock], what, total)
    # PyPI's torch for Linux is a CUDA build, which does not start without gigabytes of libraries. The build for the CPU
    # is where pip was told to look, or in the index of its makers.
    cpu = [*arguments, f"{torch}+cpu"]
    for more in ([], ["--extra-index-url", CPU_BUILDS, "--retries", "1", "--timeout", "15"]):
        if not install(python, [*cpu, *more], what, total, tried=True):
            return 0
    return install(python, [*arguments, "-r", lock], what, total) or starts(python)


def starts(python: str) -> int:
    """Whether the torch that was had starts; 0, or 1 after saying what to do."""
    tried = subprocess.run([python, "-c", "import torch"], capture_output=True, text=True, check=False)
    if tried.returncode:
        say(f"this torch does not start: {tried.stderr.strip().splitlines()[-1]}")
        say(f"let pip find its build for the CPU: PIP_EXTRA_INDEX_URL={CPU_BUILDS} make ...")
    return int(tried.returncode != 0)


def install(python: str, arguments: list[str], what: str, total: int, *, tried: bool = False) -> int:
    """Run `pip install`, counting the packages it takes up as it goes. Where it is only `tried`, failing is no news."""
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", *arguments]
    tail: deque[str] = deque(maxlen=TAIL)
    seen = 0
    live = sys.stderr.isatty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            tail.append(line.rstrip())
            first = line.split(maxsplit=2)[:1]
            if first and first[0] in PER_PACKAGE:
                seen += 1
                if live or seen % 20 == 0:
                    say(f"{what} {min(seen, total)} of {total}", end="\r" if live else "\n")
            elif (live and first == ["Downloading"]) or line.startswith("Installing collected"):
                say(f"{what} {min(seen, total)} of {total}: {' '.join(line.split())[:60]}", end="\r" if live else "\n")
    if process.returncode and not tried:
        say(f"pip could not install {what}:")
        sys.stderr.write("\n".join(tail) + "\n")
    elif live and not process.returncode:
        say(f"{what} {total} of {total}")
    return process.returncode


def say(line: str, end: str = "\n") -> None:
    """One line of progress; on a terminal it replaces the one before."""
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    sys.stderr.write(f"{clear}setup: {line}{end}")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
