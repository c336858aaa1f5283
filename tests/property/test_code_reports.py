"""Whatever a worker reports, what is believed of it stays within bounds."""

from base64 import b64encode
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.code_sandboxes import LIMITS

from fathom.sandbox.code.workers import Report, files_within

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
names = st.text(max_size=30) | st.lists(st.sampled_from(["a", "..", ".", "", "\0", "b.txt"]), max_size=5).map("/".join)
entries = st.tuples(names, st.binary(max_size=30_000).map(lambda data: b64encode(data).decode()))
reports = st.fixed_dictionaries(
    {"end": st.sampled_from(["ok", "error", "memory", "timeout", "x"])},
    optional={"files": st.lists(entries | values, max_size=8), "files_left_out": st.integers() | values},
)


@given(value=values | reports)
def test_any_value_is_a_report_within_bounds_or_none(value: Any) -> None:
    try:
        report = Report.model_validate(value)
    except ValidationError:
        return
    assert report.end in ("ok", "error", "memory") and report.files_left_out >= 0
    files = files_within(report, LIMITS)
    assert len(files) <= LIMITS.files and sum(len(file.data) for file in files) <= LIMITS.files_bytes
    for file in files:
        assert not file.name.startswith("/") and "\0" not in file.name
        assert not {"", ".", ".."} & set(file.name.split("/"))
