"""What running a model's code gives, and whoever can run it. All implementations pass one contract suite.

What the code did, however badly, is a `CodeResult`. What went wrong with the sandbox itself is a `ProviderFault`, and
says nothing about the code.
"""

from typing import Literal, Protocol

from pydantic import ConfigDict

from fathom.core.evidence import Degraded
from fathom.core.model import Frozen

End = Literal[
    "ok",
    "error",  # an uncaught exception, or a non-zero exit
    "timeout",
    "memory",
    "output",  # it wrote more than anybody would read, and was stopped
    "died",  # the process ended by itself or by a signal before the code did
]


class MadeFile(Frozen):
    """A regular file that the code left in its working folder. `name` is relative, its parts joined by `/`."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    name: str
    data: bytes


class CodeResult(Frozen):
    """How a run ended and what it left. `stdout` and `stderr` are within their limits; where they were longer,
    `..._cut` is set and a line in them says how much is missing. `fresh`: nothing of an earlier run was there.
    `seconds` is wall time from when the code was handed over; `note` says where it was not run in the usual place."""

    end: End
    stdout: str = ""
    stderr: str = ""
    stdout_cut: bool = False
    stderr_cut: bool = False
    files: tuple[MadeFile, ...] = ()
    files_left_out: int = 0
    fresh: bool = True
    seconds: float = 0.0
    note: Degraded = ""


class CodeSandbox(Protocol):
    """Runs Python code in isolation. Any number of runs at once."""

    @property
    def name(self) -> str:
        """Which kind of isolation this is."""
        ...

    async def run(self, code: str, session: str = "") -> CodeResult:
        """Run `code`. Runs of one `session` see each other's variables and files, one after the other; without one
        nothing is kept. Total over `code`. Raises `ProviderFault` where the sandbox failed; of kind `saturated` where
        there is no room within the time allowed."""
        ...

    async def end(self, session: str) -> None:
        """Forget a session. There need not be one. Code of it that runs is not waited for."""
        ...

    async def close(self) -> None:
        """End everything that runs. Total, and may be called twice."""
        ...
