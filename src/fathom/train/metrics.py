"""Metrics of training: one JSON object a line, and the same numbers for TensorBoard where it is installed.

A run that resumes at step n first forgets what was written from n on, so that a line stands for every step once.
"""

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from fathom.core.jsonl import append, read_rows
from fathom.core.model import canonical_json
from fathom.core.texts import write_durably

METRICS, TENSORBOARD = "metrics.jsonl", "tensorboard"


class MetricsLog:
    """Writes to `metrics.jsonl` and, where the package is there, to `tensorboard/` of a folder."""

    def __init__(self, folder: Path, *, from_step: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / METRICS
        if self._path.exists():
            kept = [row for row in read_rows(self._path) if row["step"] < from_step]
            write_durably(self._path, "".join(canonical_json(row) + "\n" for row in kept).encode())
        self._board: Any = None
        if importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / TENSORBOARD), purge_step=from_step)

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        """One line; numbers in it also go to TensorBoard, those of a list one by one as `name/0`, `name/1`, ..."""
        append(self._path, [{"step": step, **values}])
        if self._board is not None:
            for name, value in _scalars(values):
                self._board.add_scalar(name, value, step)
            self._board.flush()  # or a killed run lacks there what its checkpoint will not do again

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._board is not None:
            self._board.close()


def _scalars(values: Mapping[str, Any]) -> Iterator[tuple[str, int | float]]:
    for name, value in values.items():
        if isinstance(value, int | float):
            yield name, value
        elif isinstance(value, list | tuple):
            yield from _scalars({f"{name}/{place}": each for place, each in enumerate(value)})
