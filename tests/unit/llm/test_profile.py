"""Where profiles are kept, and what becomes of damaged ones."""

from pathlib import Path

import pytest

from fathom.core.errors import InputError
from fathom.llm.profile import Finding, ModelProfile, load_profile, profile_path, save_profile


def test_a_profile_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    profile = ModelProfile(spec="qwen@http://h/v1", measured_at="2026-01-01T00:00:00Z", languages={"zh": True})
    assert load_profile(tmp_path, profile.spec) is None
    path = save_profile(tmp_path, profile)
    assert path.parent == tmp_path / "profiles" and path.name.startswith("qwen-http-h-v1-")
    assert load_profile(tmp_path, profile.spec) == profile
    newer = profile.model_copy(update={"strategy": "native"})
    save_profile(tmp_path, newer)
    assert load_profile(tmp_path, profile.spec) == newer
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_specs_that_look_alike_share_no_profile(tmp_path: Path) -> None:
    specs = ["a@http://h/v1", "a@http://h/v.1", "../../etc/passwd", "模型@http://h/v1", "x" * 500]
    paths = {profile_path(tmp_path, spec) for spec in specs}
    assert len(paths) == len(specs) and {path.parent for path in paths} == {tmp_path / "profiles"}


def test_an_endpoint_without_a_model_has_one_name(tmp_path: Path) -> None:
    assert profile_path(tmp_path, "@http://h/v1") == profile_path(tmp_path, "http://h/v1")


def test_a_damaged_profile_is_one_clear_error(tmp_path: Path) -> None:
    path = save_profile(tmp_path, ModelProfile(spec="m", measured_at=""))
    path.write_text('{"spec": "m", ')
    with pytest.raises(InputError, match="corrupt") as caught:
        load_profile(tmp_path, "m")
    assert "fathom doctor" in caught.value.hint


@pytest.mark.parametrize(("levels", "verdict"), [("", "usable"), ("ok warn", "limited"), ("warn fail", "unusable")])
def test_the_worst_finding_decides(levels: str, verdict: str) -> None:
    findings = tuple(Finding(level=level, what="") for level in levels.split())
    assert ModelProfile(spec="m", measured_at="", findings=findings).verdict == verdict
