"""The call log: one line for each call, with latency, cost, cache state and attempts. Nothing of what was asked or said
is in it but the key's hash, so it may be shared."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from fathom.core.errors import InputError, StoreFault
from fathom.core.evidence import Degraded
from fathom.core.model import Frozen
from fathom.sandbox.gateway.service import CacheState

_BUFFER = 64  # lines written at once


class CallRecord(Frozen):
    """A call. `at` is seconds since the epoch when it ended; `status` ok, fact, fault or cancelled; `fact` and `faults`
    name what kind, `failed` the provider of each fault; `seconds` is what the caller waited; `cost` in US dollars."""

    at: float
    service: str
    key: str
    status: str
    provider: str = ""
    cache: CacheState = "miss"
    degraded: Degraded = ""
    attempts: int = 0
    faults: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    fact: str = ""
    seconds: float = 0.0
    cost: float = 0.0


class CallLog(Protocol):
    """Where calls are written."""

    def write(self, record: CallRecord) -> None: ...

    def close(self) -> None: ...


class FileLog:
    """JSON lines in `path`, appended in small blocks, whole lines only; several processes may write to one file. What
    a crash can lose is the last block. Raises `StoreFault` where the file cannot be opened; a disk that fills later
    costs the lines, counted in `lost`, and never a call."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreFault(f"{path}: {error.strerror}") from error
        self._lines: list[bytes] = []
        self._torn = False
        self.lost = 0

    def write(self, record: CallRecord) -> None:
        if self._file < 0:
            self.lost += 1
            return
        self._lines.append(json.dumps(record.model_dump(), separators=(",", ":")).encode() + b"\n")
        if len(self._lines) >= _BUFFER:
            self._flush()

    def close(self) -> None:
        if self._file >= 0:
            self._flush()
            os.close(self._file)
        self._file = -1

    def _flush(self) -> None:
        block = (b"\n" if self._torn else b"") + b"".join(self._lines)
        try:
            written = os.write(self._file, block) if block else 0
        except OSError:
            written = -1
        if written != len(block):
            self.lost += len(self._lines)
        self._torn = 0 < written < len(block) or (self._torn and written <= 0)
        self._lines.clear()


def read_calls(path: Path) -> Iterator[CallRecord]:
    """The calls of a log; a line that a full disk tore is passed over. Raises `InputError` where there is no file."""
    try:
        with path.open("rb") as lines:
            for line in lines:
                try:
                    yield CallRecord.model_validate_json(line)
                except ValueError:
                    continue
    except OSError as error:
        raise InputError(path, "missing", error.strerror or "cannot be read") from None
