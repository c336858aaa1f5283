"""JSON lines: whatever a crash leaves, whole lines are read, a torn one is not, and appending goes on behind it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.core.errors import InputError
from fathom.core.jsonl import append, read_records, read_rows
from fathom.core.message import Message

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=5)


@settings(max_examples=50)
@given(ROWS)
def test_rows_come_back(rows: list[dict[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        assert append(path, rows, sync=False) == len(rows)
        assert list(read_rows(path)) == rows


@settings(max_examples=5)
@given(ROWS.filter(bool), st.dictionaries(st.text(), VALUES, max_size=3))
def test_cut_at_any_byte(rows: list[dict[str, Any]], more: dict[str, Any]) -> None:
    """What is read back is the rows whose line end survived, and the next row follows them."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        append(path, rows, sync=False)
        whole = path.read_bytes()
        for cut in range(len(whole) + 1):
            path.write_bytes(whole[:cut])
            kept = rows[: whole[:cut].count(b"\n")]
            assert list(read_rows(path)) == kept
            append(path, [more], sync=False)
            assert list(read_rows(path)) == [*kept, more]


@settings(max_examples=150)
@given(st.binary(max_size=200))
def test_any_bytes_give_rows_or_one_clear_error(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(data)
        try:
            rows = list(read_rows(path))
        except InputError as error:
            assert error.offset is not None
            assert 0 <= error.offset < len(data)
        else:
            assert all(isinstance(row, dict) for row in rows)


def test_the_torn_tail_may_be_longer_than_a_block(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, [{"a": 1}])
    with path.open("ab") as handle:
        handle.write(b'{"b": "' + b"x" * 200_000)
    append(path, [{"c": 3}])
    assert list(read_rows(path)) == [{"a": 1}, {"c": 3}]


def test_an_error_names_the_byte_and_the_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n[2]\n')
    with pytest.raises(InputError, match="at byte 9: corrupt: not a JSON object"):
        list(read_rows(path))
    path.write_bytes(b'{"role": "user"}\n{"role": "nobody"}\n')
    with pytest.raises(InputError, match="row 2"):
        list(read_records(path, Message))
    with pytest.raises(InputError, match="missing"):
        list(read_rows(tmp_path / "none.jsonl"))


def test_deep_nesting_is_an_error_and_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a":' * 100_000 + b"\n")
    with pytest.raises(InputError):
        list(read_rows(path))
