"""What a damaged, half-built or contested snapshot does: one clear error, or what was there before."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fathom.core.errors import ConfigError, InputError
from fathom.corpus.document import Document
from fathom.corpus.snapshot import Snapshot, build_snapshot
from fathom.corpus.versions import building

PAGES = [Document(url=f"u/{n}", title=f"Page {n}", text=f"Words of page {n}. " * 40) for n in range(60)]

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut in half": lambda content: content[: len(content) // 2],
    "emptied": lambda content: b"",
    "overwritten": lambda content: b"\x5a" * len(content),
    "longer": lambda content: content + b"more",
}
FILES = ("manifest.json", "documents.sqlite", "lexical/meta.json", "lexical/*.term", "lexical/*.idx", "lexical/*.fast")


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """A copy of a version: files that a running process has mapped must not be cut."""
    built = build_snapshot(tmp_path / "c", "pages", PAGES)
    built.close()
    return shutil.copytree(built.folder, tmp_path / "copy")


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("pattern", FILES)
def test_a_damaged_file_is_named(version: Path, pattern: str, damage: str) -> None:
    (path,) = version.glob(pattern)
    if pattern == "manifest.json" and damage == "longer":
        path.write_bytes(path.read_bytes() + b"}")
    else:
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(InputError) as caught:
        Snapshot.open(version).get("u/1")
    assert path.name in str(caught.value) or path.parent.name in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert caught.value.hint


def test_a_missing_file_is_named(version: Path) -> None:
    (version / "documents.sqlite").unlink()
    with pytest.raises(InputError, match=r"documents\.sqlite: missing"):
        Snapshot.open(version)


def test_a_document_that_differs_from_its_hash_is_not_given_out(version: Path) -> None:
    with sqlite3.connect(version / "documents.sqlite") as db:
        db.execute("UPDATE documents SET body = (SELECT body FROM documents WHERE url = 'u/2') WHERE url = 'u/1'")
    with pytest.raises(InputError, match="differs from its hash"):
        Snapshot.open(version).get("u/1")


def test_building_a_damaged_version_again_replaces_it(tmp_path: Path) -> None:
    built = build_snapshot(tmp_path / "c", "pages", PAGES)
    (built.folder / "documents.sqlite").write_bytes(b"")
    again = build_snapshot(tmp_path / "c", "pages", PAGES)
    assert again.folder == built.folder
    assert again.get("u/1") == PAGES[1]


BUILD = """
import os, sys
from pathlib import Path
from fathom.corpus.document import Document
from fathom.corpus.snapshot import build_snapshot

def pages():
    for number in range(1000):
        yield Document(url=f"v/{number}", title=str(number), text="other words " * 50)
    print("half", flush=True)
    sys.stdin.read()

build_snapshot(Path(sys.argv[1]), "pages", pages())
"""


def test_a_killed_build_leaves_the_old_version_and_the_next_one_works(tmp_path: Path) -> None:
    before = build_snapshot(tmp_path / "c", "pages", PAGES)
    command = [sys.executable, "-c", BUILD, str(tmp_path / "c")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"half\n"
        with pytest.raises(ConfigError, match="another process is building"):
            build_snapshot(tmp_path / "c", "pages", PAGES)
        os.kill(child.pid, signal.SIGKILL)
    assert Snapshot.open(tmp_path / "c").hash == before.hash
    assert (tmp_path / "c" / ".building").exists()
    after = build_snapshot(tmp_path / "c", "pages", PAGES[:5])
    assert after.manifest.counts.documents == 5
    assert not (tmp_path / "c" / ".building").exists()


def test_the_lock_goes_with_the_build(tmp_path: Path) -> None:
    with building(tmp_path / "c"), pytest.raises(ConfigError, match="another process"), building(tmp_path / "c"):
        pass
    with building(tmp_path / "c") as scratch:
        assert list(scratch.iterdir()) == []
