"""JSON lines: append, and read back whatever a crash left; and files of one object.

A line counts as written once its newline is on disk. A last line without one is a torn write: readers skip it, and
`append` cuts it off before it adds more.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from fathom.core.errors import InputError, StoreFault
from fathom.core.model import Frozen, canonical_json

R = TypeVar("R", bound=Frozen)


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Objects of the whole lines of `path`, in order. A torn last line is left out.

    Raises `InputError` for what cannot be opened, and with the byte offset of the first whole line that is not a JSON
    object.
    """
    offset = 0
    try:
        handle = path.open("rb")
    except FileNotFoundError:
        raise InputError(path, "missing", "there is no such file") from None
    except OSError as error:
        raise InputError(path, "unsupported", error.strerror or "cannot be opened") from None
    with handle:
        for line in handle:
            if not line.endswith(b"\n"):
                return
            if line.strip():
                yield _parse_row(path, offset, line)
            offset += len(line)


def _parse_row(path: Path, offset: int, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(path, "corrupt", f"not JSON ({error})", offset=offset) from None
    if not isinstance(row, dict):
        raise InputError(path, "corrupt", "not a JSON object", offset=offset)
    return row


def read_records(path: Path, record: type[R]) -> Iterator[R]:
    """As `read_rows`, validated. Raises `InputError` with the row's number in the file (from 1) if one does not fit."""
    for number, row in enumerate(read_rows(path), 1):
        try:
            yield record.model_validate(row)
        except ValueError as error:
            first = str(error).splitlines()
            raise InputError(path, "corrupt", f"row {number}: {'; '.join(first[:3])}") from None


def read_object(path: Path, *keys: str, hint: str = "") -> dict[str, Any]:
    """The object of a JSON file, which has these keys. Raises `InputError` with the hint."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(path, "missing", error.strerror or "cannot be read", hint=hint) from None
    except (ValueError, RecursionError) as error:
        raise InputError(path, "corrupt", str(error), hint=hint) from None
    if not isinstance(found, dict) or not found.keys() >= set(keys):
        raise InputError(path, "corrupt", f"no JSON object with {', '.join(keys)}", hint=hint)
    return found


def append(path: Path, records: Iterable[Any], *, sync: bool = True) -> int:
    """Append one canonical line per record and return how many; on return they survive a crash of the process, and
    with `sync` a loss of power. Raises `StoreFault` where the disk does not take them."""
    count = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as handle:
            _cut_torn_tail(handle)
            for record in records:
                handle.write(canonical_json(record).encode("utf-8", "surrogatepass") + b"\n")
                count += 1
            handle.flush()
            if sync:
                os.fsync(handle.fileno())
    except OSError as error:
        raise StoreFault(f"{path}: {error.strerror or 'cannot be written'}") from error
    return count


def _cut_torn_tail(handle: Any) -> None:
    size = handle.seek(0, os.SEEK_END)
    end, block = size, 65536
    while end > 0:
        start = max(0, end - block)
        handle.seek(start)
        newline = handle.read(end - start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        handle.truncate(end)
    handle.seek(0, os.SEEK_END)
