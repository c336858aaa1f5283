"""Curves of benches as pages."""

import re
from pathlib import Path

import pytest

from fathom.bench import harness, rollout
from fathom.core.errors import ConfigError


def test_a_page_has_a_line_for_each_way_and_the_style_of_charts(tmp_path: Path) -> None:
    rollout.write_page(tmp_path / "p.html", {"lockstep": [(2.0, 64.0), (4.0, 128.0)], "async": [(1.0, 64.0)]})
    page = (tmp_path / "p.html").read_text()
    lines = re.findall(r'<polyline points="([^"]+)"', page)
    assert [len(line.split()) for line in lines] == [3, 2]
    assert "lockstep" in page
    assert "stroke" in page[page.index("<style>") : page.index("</style>")]


def test_a_bench_without_curves_takes_no_page(tmp_path: Path) -> None:
    bench = harness.load("gateway")
    with pytest.raises(ConfigError, match="no curves"):
        harness.measure(
            bench, quick=True, progress=print, shared_data=None, home=tmp_path, page=tmp_path / "no" / "p.html"
        )
    assert not (tmp_path / "no").exists()
