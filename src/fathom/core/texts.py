"""Texts by their content: `<folder>/<first 2 hex>/<sha256>`, UTF-8, written once and never changed.

A text is on disk, complete, before its name can be in any record: written beside its place, synced, renamed, and the
folder synced. So a name in a record always leads to the whole text, whenever the process or the power went.
"""

import os
from pathlib import Path

from fathom.core.errors import RunError, StoreFault
from fathom.core.model import content_hash


def write_durably(path: Path, data: bytes) -> None:
    """Put `data` at `path` so that a crash at any moment leaves the old file or the new one, whole.

    Raises `StoreFault` when the disk does not take it; the old file then stands.
    """
    draft = path.with_name(f"{path.name}.tmp")
    try:
        with draft.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StoreFault(f"{path}: could not be written: {error.strerror}", hint="free space, then resume") from error


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class TextFolder:
    """The texts under `folder`. Used by one writer at a time; any number may read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._durable: set[str] = set()

    def path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest

    def keep(self, text: str) -> str:
        """Store `text` durably and return the sha256 (hex) of its UTF-8. Raises `StoreFault`."""
        digest = content_hash(text)
        if digest in self._durable:
            return digest
        path = self.path(digest)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                # Whoever renamed it here may have died before the folder was synced.
                sync_folder(path.parent)
            else:
                write_durably(path, text.encode("utf-8", "surrogatepass"))
            sync_folder(self.folder)
        except OSError as error:
            raise StoreFault(
                f"{path}: could not be written: {error.strerror}", hint="free space, then resume"
            ) from error
        self._durable.add(digest)
        return digest

    def recall(self, digest: str) -> str:
        """The text kept under `digest`. Raises `RunError` if there is none or it is not what was kept."""
        path = self.path(digest)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise RunError(f"{path}: a text the record names cannot be read: {error.strerror}") from None
        if content_hash(data) != digest:
            raise RunError(f"{path}: the text is not what was kept under this name ({len(data)} bytes)")
        return data.decode("utf-8", "surrogatepass")

    def sweep(self) -> None:
        """Remove drafts that a crash left behind."""
        for draft in self.folder.glob("??/*.tmp"):
            draft.unlink(missing_ok=True)
