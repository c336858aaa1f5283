"""Small wheels, and a stand-in for pip that copies them, so that fetching can be tested without a registry."""

import hashlib
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from fathom.core.assets import Asset

# Copies the wheel named first into the folder behind -d, notes that it was called, and waits as long as it is told.
_PIP = """
import pathlib, shutil, sys, time
wheel, calls, wait_s = sys.argv[1:4]
with open(calls, "a") as log:
    log.write("called\\n")
time.sleep(float(wait_s))
folder = pathlib.Path(sys.argv[sys.argv.index("-d") + 1])
folder.mkdir(exist_ok=True)
shutil.copy(wheel, folder)
"""


class FakePip(NamedTuple):
    """`command` stands for `python -m pip`; `calls` counts what it was asked."""

    command: tuple[str, ...]
    log: Path

    @property
    def calls(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


class Wheel(NamedTuple):
    """A wheel on disk and what it holds."""

    path: Path
    members: Mapping[str, bytes]

    def asset(self, member: str) -> Asset:
        data = self.members[member]
        return Asset(
            package="sample-data",
            version="1.0",
            wheel_sha256=hashlib.sha256(self.path.read_bytes()).hexdigest(),
            wheel_size=self.path.stat().st_size,
            member=member,
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            licence="CC0-1.0",
        )

    def pip(self, wait_s: float = 0.0) -> FakePip:
        log = self.path.with_name("calls.txt")
        return FakePip((sys.executable, "-c", _PIP, str(self.path), str(log), str(wait_s)), log)


def make_wheel(folder: Path, members: Mapping[str, bytes]) -> Wheel:
    """`sample_data-1.0-py3-none-any.whl` in `folder`, good enough for pip."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "sample_data-1.0-py3-none-any.whl"
    info = "sample_data-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: sample-data\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return Wheel(path, dict(members))
