"""Every way fathom can fail, in one tree.

Two endings tell who should act. An `...Error` is the caller's or the model's to mend: bad input, a page that does not
exist, arguments that do not fit. A `...Fault` is infrastructure: a server that is down, a disk that is full. Faults
never become text the model reads as evidence, and a trajectory that met one it could not get over ends as `failed`.
"""

from pathlib import Path
from typing import ClassVar, Literal


class FathomError(Exception):
    """Base of all. `str(error)` is one line that says what happened; `hint` says what to do about it."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(FathomError):
    """A setting is missing, unknown or out of range."""

    exit_code = 2


class InputError(FathomError):
    """A file or record could not be read. Names the source and, where known, the byte offset."""

    exit_code = 2
    Kind = Literal["missing", "empty", "truncated", "corrupt", "encrypted", "oversized", "unsupported"]

    def __init__(
        self, source: str | Path, kind: Kind, reason: str, *, offset: int | None = None, hint: str = ""
    ) -> None:
        where = f"{source} at byte {offset}" if offset is not None else f"{source}"
        super().__init__(f"{where}: {kind}: {reason}", hint=hint)
        self.source, self.kind, self.reason, self.offset = str(source), kind, reason, offset


class AssetFault(FathomError):
    """A pinned file could not be had from the package registry, or is not the file that was pinned."""


class ModelFault(FathomError):
    """The model endpoint could not answer and may later: refused connection, 429, 5xx, timeout, garbage reply.

    `retry_after_s` carries the server's own wish where it sent one.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class ModelRequestError(FathomError):
    """The endpoint will never take this request as it stands: bad key, unknown model, bad schema (4xx)."""


class ContextOverflowError(ModelRequestError):
    """The prompt does not fit the model's context window."""


class ModelClosedError(ModelRequestError):
    """The model was closed by its owner, before or while it was asked."""


class PageNotFoundError(FathomError):
    """The world says, with positive evidence, that there is no such page. The model may see this."""


class AccessDeniedError(FathomError):
    """The rules of this run do not allow it: an address, a file, a command. The model may see this."""


class QueryError(FathomError):
    """A query that nobody can be asked, such as filters without words. The model may see this."""


class ProviderFault(FathomError):
    """A service outside could not do what it was asked, for reasons that say nothing about what was asked for.

    `kind` says what went wrong, `retry_after_s` carries the service's own wish where it sent one. The message is for
    logs and never for a model: it may name hosts.
    """

    Kind = Literal[
        "refused",  # no connection: the name does not resolve, nobody listens
        "reset",  # the connection broke off
        "timeout",
        "rate_limited",  # 429, or a quota used up: 402
        "unauthorised",  # 401, 403 or a puzzle for robots: our key, or us, it will not have
        "rejected",  # it cannot be asked this, or would not take it as it stands; asking again changes nothing
        "server",  # 5xx
        "garbage",  # not the reply its interface promises
        "truncated",  # half a reply
        "oversized",
        "unreadable",  # what was asked for came, whole, and is nothing that can be read: a picture, a page without text
        "mismatch",  # the reply to another request
        "saturated",  # our own limits or breakers leave no room within the deadline
    ]

    def __init__(
        self, message: str, *, kind: Kind = "server", retry_after_s: float | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.kind, self.retry_after_s = kind, retry_after_s


class WorldUnavailableFault(ProviderFault):
    """Search or fetch failed for reasons that say nothing about the page or the query."""


class ToolError(FathomError):
    """A tool call failed in a way the model should know about. `kind` is what it is told."""

    Kind = Literal[
        "arguments", "unknown_tool", "not_found", "timeout", "upstream", "saturated", "failed", "empty", "denied",
        "unsupported",
    ]  # fmt: skip
    # These say nothing about the query; `failed` is the word of a tool that was reached.
    INFRASTRUCTURE: ClassVar[frozenset[Kind]] = frozenset({"timeout", "upstream", "saturated"})

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class GraderFault(FathomError):
    """The judge could not be asked, or its reply could not be read. Counted in every report, never dropped."""


class TrainingFault(FathomError):
    """Training cannot go on: it diverged, or the rollouts it needs keep failing. The last checkpoint stands."""


class RunError(FathomError):
    """A run cannot be found, is held by another process, or its record is not what the request needs."""


class StoreFault(RunError):
    """The disk did not take a record: it is full, failing, or not writable. What was acknowledged before stands."""


class ReplayError(RunError):
    """What the program did now is not what the record says it did then: at which step, and how they differ."""
