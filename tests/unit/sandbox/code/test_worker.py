"""The program inside, outside: what it gives back of a folder, and that it runs nothing for nobody."""

import json
import os
import socket
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest

from fathom.sandbox.code import worker
from fathom.sandbox.code.landlock import empty_folder
from fathom.sandbox.code.worker import Mark, collect


def given_back(folder: Path, seen: dict[str, Mark] | None = None, **limits: int) -> tuple[dict[str, bytes], int]:
    settings = {"work": str(folder), "files": 8, "files_bytes": 1000, **limits}
    files, left_out = collect(settings, {} if seen is None else seen)
    return {name: b64decode(data) for name, data in files}, left_out


def test_only_regular_files_are_read_and_no_link_is_followed(tmp_path: Path) -> None:
    work, secret = tmp_path / "work", tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    (work / "sub").mkdir(parents=True)
    (work / "sub" / "real.txt").write_text("real")
    (work / "link").symlink_to(secret / "key")
    (work / "folder").symlink_to(secret)
    (work / "dangling").symlink_to(work / "nothing")
    os.mkfifo(work / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(work / "socket"))
    assert given_back(work) == ({"sub/real.txt": b"real"}, 0)


def test_limits_of_number_and_size_count_what_is_left_out(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text("x" * 300)
    (tmp_path / "large").write_text("x" * 2000)
    files, left_out = given_back(tmp_path)
    assert (sorted(files), left_out) == (["0.txt", "1.txt", "2.txt"], 3)
    files, left_out = given_back(tmp_path, files=1)
    assert (list(files), left_out) == (["0.txt"], 5)
    assert given_back(tmp_path, files=0)[1] == 6


def test_hidden_folders_and_names_that_are_no_text_are_passed_over(tmp_path: Path) -> None:
    for folder in (".cache", "__pycache__"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x").write_text("x")
    (tmp_path / "line\nbreak").write_text("x")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")).write_text("x")
    assert given_back(tmp_path) == ({}, 2)


def test_a_file_is_given_back_again_when_it_changed(tmp_path: Path) -> None:
    seen: dict[str, Mark] = {}
    (tmp_path / "a").write_text("1")
    assert given_back(tmp_path, seen)[0] == {"a": b"1"}
    assert given_back(tmp_path, seen)[0] == {}
    (tmp_path / "a").write_text("22")
    assert given_back(tmp_path, seen)[0] == {"a": b"22"}


def test_very_many_entries_and_very_deep_folders_end_the_search(tmp_path: Path) -> None:
    for number in range(worker.MAX_SEEN + 50):
        (tmp_path / f"{number:05}").touch()
    files, left_out = given_back(tmp_path, files=3)
    assert len(files) == 3 and left_out == worker.MAX_SEEN - 3
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=folder)
        below = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    assert given_back(tmp_path, files=1)[0].keys() == {"00000"}
    assert empty_folder(tmp_path) and list(tmp_path.iterdir()) == []


def test_emptying_a_folder_follows_no_links_and_opens_what_was_closed(tmp_path: Path) -> None:
    work, kept = tmp_path / "work", tmp_path / "kept"
    (work / "a" / "b").mkdir(parents=True)
    kept.mkdir()
    (kept / "file").write_text("x")
    (work / "a" / "b" / "link").symlink_to(kept)
    (work / "a" / "file").symlink_to(kept / "file")
    (work / "a" / "b").chmod(0)
    assert empty_folder(work) and list(work.iterdir()) == [] and (kept / "file").read_text() == "x"
    assert not empty_folder(tmp_path / "gone")


def test_a_folder_that_is_gone_gives_nothing(tmp_path: Path) -> None:
    assert given_back(tmp_path / "gone") == ({}, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="sockets as standard streams")
def test_the_worker_runs_nothing_for_a_supervisor_that_is_gone(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    settings = {"pipes": True, "packages": "", "work": str(tmp_path), "preload": [], "files": 0, "files_bytes": 0}
    with theirs:
        process = subprocess.Popen([sys.executable, worker.__file__, json.dumps(settings)], stdin=theirs, cwd=tmp_path)
    greeting = b""
    while len(greeting) < 19:
        greeting += ours.recv(100)
    assert greeting[4:] == b'{"ready": true}'
    ours.sendall(b"\0\0\0\x40" + b"{\"code\": \"open('ran', 'w')\"")  # half a message, and then nobody
    ours.close()
    assert process.wait(30) == 0 and not (tmp_path / "ran").exists()
