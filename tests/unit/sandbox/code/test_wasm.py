"""Workers in WebAssembly, as far as no interpreter is needed."""

import asyncio
import subprocess
from pathlib import Path

import pytest
from tests.code_sandboxes import small

from fathom.core.errors import ConfigError
from fathom.sandbox.code.choose import make_sandbox
from fathom.sandbox.code.wasm import WasmWorkers, private_folder, write_whole


class Sleeping(WasmWorkers):
    """Its workers never say that they are ready."""

    def _start(self, channel: int, out: int, err: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(["sleep", "60"], stdin=channel, stdout=out, stderr=err)


async def test_workers_that_end_while_all_are_ended_are_no_trouble(tmp_path: Path) -> None:
    workers = Sleeping(small(), tmp_path / "python.bin")
    starting = [asyncio.create_task(workers.spawn()) for _ in range(6)]
    await asyncio.sleep(0.3)
    await workers.close()
    for task in starting:
        task.cancel()
    await asyncio.gather(*starting, return_exceptions=True)


def test_a_place_that_takes_no_file_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="no folder for the compiled interpreter"):
        private_folder(str(tmp_path / "file" / "inside"))
    with pytest.raises(ConfigError):
        make_sandbox("wasm", small(wasm_folder=str(tmp_path / "file" / "inside")))
    with pytest.raises(ConfigError, match="No such file"):
        write_whole(tmp_path / "none" / "python.bin", b"x")
    (tmp_path / "folder.bin").mkdir()
    with pytest.raises(ConfigError):
        write_whole(tmp_path / "folder.bin", b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.bin"]  # and no part of one
