"""Control groups of both versions, over folders that look like them."""

import os
from pathlib import Path

import pytest

from fathom.core.errors import ConfigError
from fathom.sandbox.code.cgroup import PREFIX, Cgroups, GroupLimits, find_cgroups, start_time

LIMITS = GroupLimits(memory=200_000_000, processes=20, cpus=1.5)

UNIFIED = "30 20 0:26 / {root} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
SPLIT = (
    "31 20 0:27 / {root}/memory rw - cgroup cgroup rw,memory\n"
    "32 20 0:28 / {root}/pids rw - cgroup cgroup rw,pids\n"
    "33 20 0:29 / {root}/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
    "34 20 0:30 / {root}/unified rw - cgroup2 cgroup2 rw\n"
)


def hierarchy(root: Path, *folders: str, handed_out: str = "") -> None:
    for folder in folders:
        (root / folder).mkdir(parents=True)
        (root / folder / "cgroup.subtree_control").write_text(handed_out)


def test_version_one_makes_groups_inside_its_own(tmp_path: Path) -> None:
    hierarchy(tmp_path, "memory/a/b", "pids", "cpu/c")
    own = "4:memory:/a/b\n8:pids:/\n1:cpu,cpuacct:/c\n0::/\n"
    groups = find_cgroups(SPLIT.format(root=tmp_path), own)
    assert not groups.unified
    assert groups.parents == {"memory": tmp_path / "memory/a/b", "pids": tmp_path / "pids", "cpu": tmp_path / "cpu/c"}


def test_version_two_climbs_to_whoever_hands_out_the_controllers(tmp_path: Path) -> None:
    hierarchy(tmp_path, "user/app/scope")
    (tmp_path / "user" / "app" / "cgroup.subtree_control").write_text("cpu memory pids\n")
    groups = find_cgroups(UNIFIED.format(root=tmp_path), "0::/user/app/scope\n")
    assert groups.unified and set(groups.parents.values()) == {tmp_path / "user" / "app"}
    with pytest.raises(ConfigError, match="hands out"):
        find_cgroups(UNIFIED.format(root=tmp_path), "0::/user\n")
    with pytest.raises(ConfigError, match="mounted"):
        find_cgroups("", "0::/\n")


def test_a_mount_of_part_of_a_hierarchy_is_found_by_its_root(tmp_path: Path) -> None:
    hierarchy(tmp_path, "inner", handed_out="memory pids")
    line = UNIFIED.format(root=tmp_path).replace(" / ", " /docker/abc ", 1)
    assert find_cgroups(line, "0::/docker/abc/inner\n").parents["memory"] == tmp_path / "inner"
    # A process that was moved out of its namespace has a path that climbs; it is taken for the root.
    (tmp_path / "cgroup.subtree_control").write_text("memory pids")
    assert find_cgroups(line, "0::/../other\n").parents["memory"] == tmp_path


def test_limits_are_written_and_read_back(tmp_path: Path) -> None:
    two = Cgroups(dict.fromkeys(("memory", "pids", "cpu"), tmp_path), unified=True, label="own")
    group = two.create("0", LIMITS)
    folder = tmp_path / "own-0"
    assert group.folders == (folder,)
    assert (folder / "memory.max").read_text() == "200000000" and (folder / "pids.max").read_text() == "20"
    assert (folder / "cpu.max").read_text() == "150000 100000"
    one = Cgroups({"memory": tmp_path / "m", "pids": tmp_path / "p"}, unified=False, label="own")
    for parent in one.parents.values():
        parent.mkdir()
    assert len(one.create("1", LIMITS).folders) == 2
    assert (tmp_path / "m/own-1/memory.limit_in_bytes").read_text() == "200000000"
    with pytest.raises(ConfigError):
        Cgroups(dict.fromkeys(("memory", "pids"), tmp_path / "absent"), unified=True).create("0", LIMITS)


def test_deaths_for_want_of_memory_are_counted_in_both_versions(tmp_path: Path) -> None:
    one, two = (Cgroups(dict.fromkeys(("memory", "pids"), tmp_path), unified=unified) for unified in (False, True))
    (tmp_path / f"{one.label}-0").mkdir()
    folder = tmp_path / f"{one.label}-0"
    (folder / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    (folder / "memory.events").write_text("low 0\noom 1\noom_kill 2\noom_group_kill 1\n")
    assert one.create("0", LIMITS).oom_kills() == 3
    assert two.create("0", LIMITS).oom_kills() == 2
    (folder / "memory.events").unlink()
    assert two.create("0", LIMITS).oom_kills() == 0


def test_what_dead_processes_left_is_swept_and_what_living_ones_have_is_not(tmp_path: Path) -> None:
    own = start_time(os.getpid())
    assert own and start_time(2**22 + 7) == ""
    left = [tmp_path / f"{PREFIX}{2**22 + 7}-123-0", tmp_path / f"{PREFIX}{os.getpid()}-{int(own) - 1}-4"]
    kept = [tmp_path / f"{PREFIX}{os.getpid()}-{own}-0", tmp_path / "other", tmp_path / f"{PREFIX}x"]
    for folder in (*left, *kept):
        folder.mkdir()
    assert Cgroups(dict.fromkeys(("memory", "pids"), tmp_path), unified=True).sweep() == 2
    assert sorted(tmp_path.iterdir()) == sorted(kept)
