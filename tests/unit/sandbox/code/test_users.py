"""User ids that no two processes hand out at the same time."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fathom.core.errors import ConfigError
from fathom.sandbox.code.users import _lock_file, claim_users

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="for bubblewrap and Landlock, which are Linux's")

BASE = 2_064_000_000
HOLDER = """
import sys
from pathlib import Path
from fathom.sandbox.code.users import claim_users
claimed = claim_users(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
print(claimed.first, flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(base: int, count: int, folder: Path) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """(the first id claimed by another process, that process)."""
    command = [sys.executable, "-c", HOLDER, str(base), str(count), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process
        finally:
            process.kill()


def test_what_another_process_has_is_passed_over_until_it_is_gone(tmp_path: Path) -> None:
    with holder(BASE, 22, tmp_path) as (first, _), holder(BASE, 10, tmp_path) as (second, other):
        assert first == BASE and second >= BASE + 22
        mine = claim_users(BASE, 22, tmp_path)
        taken = {*range(first, first + 22), *range(second, second + 10)}
        assert not taken & set(range(mine.first, mine.first + mine.count))
        mine.close()
        other.kill()  # by which it gives nothing back itself
        other.wait()
        again = claim_users(second, 10, tmp_path)
        assert again.first == second
        again.close()
    free = claim_users(BASE, 22, tmp_path)
    assert free.first == BASE
    free.close()


def test_where_no_ids_are_left_there_is_no_sandbox(tmp_path: Path) -> None:
    last = 2**31 - 1
    with holder(last - 9, 10, tmp_path) as (first, _):
        assert first == last - 9
        with pytest.raises(ConfigError, match="is taken"):
            claim_users(last - 9, 5, tmp_path)
    (tmp_path / "none").write_text("no folder")
    with pytest.raises(ConfigError, match="cannot be claimed"):
        claim_users(BASE, 5, tmp_path / "none")


def test_where_nothing_can_be_written_another_folder_holds_the_locks(tmp_path: Path) -> None:
    (tmp_path / "one" / "user-ids").mkdir(parents=True)  # no file, as in an image that cannot be written to
    lock = _lock_file((tmp_path / "one", tmp_path / "two"))
    assert (tmp_path / "two" / "user-ids").is_file()
    os.close(lock)
