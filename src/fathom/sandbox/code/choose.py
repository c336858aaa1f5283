"""The sandbox of this machine: the first kind that passes its self-test, or none at all.

The self-test runs the short part of the escape battery in a sandbox of that kind, with smaller limits. A kind that does
not start, or that one attempt gets out of, is not used; where no other is left there is no sandbox. Code is never run
in a plain process.
"""

import sys
from collections.abc import Callable
from importlib import resources

from fathom.core.errors import ConfigError, FathomError
from fathom.sandbox.code.battery.attempts import SHORT
from fathom.sandbox.code.battery.run import run_battery
from fathom.sandbox.code.bubblewrap import find_bubblewrap
from fathom.sandbox.code.config import Backend, CodeLimits, CodeSandboxConfig
from fathom.sandbox.code.interpreter import PACKAGES, interpreter_mounts, package_mounts, system_mounts
from fathom.sandbox.code.plan import MEGABYTE, SpawnPlan
from fathom.sandbox.code.pool import PooledSandbox
from fathom.sandbox.code.protocol import CodeSandbox
from fathom.sandbox.code.spawning import SpawnedWorkers
from fathom.sandbox.code.wasm import wasm_sandbox

HINT = (
    "pip install 'fathom-research[sandbox]' brings bubblewrap (which needs user namespaces and control groups) and "
    "sandlock (which needs Linux 6.12); on other systems 'fathom-research[sandbox-wasm]'"
)
TEST_LIMITS = CodeLimits(
    timeout_s=20, memory_mb=192, processes=24, disk_mb=8, flood_bytes=2_000_000, files=4, files_bytes=100_000
)
Maker = Callable[[Backend, CodeSandboxConfig], CodeSandbox]
# A guest in WebAssembly has no system calls and no processes to try these with, and is slow to start.
_ABSENT: dict[Backend, tuple[str, ...]] = {"wasm": ("kernel", "processes")}
_AT_ONCE = 4


async def open_sandbox(config: CodeSandboxConfig = CodeSandboxConfig()) -> PooledSandbox:
    """A sandbox that passed its self-test, of the first kind in `config.backends` that does. Raises `ConfigError`."""
    return make_sandbox(await choose_backend(config), config)


async def choose_backend(config: CodeSandboxConfig, make: Maker | None = None) -> Backend:
    """The first kind in `config.backends` that passes its self-test. `make` makes one of a kind (`make_sandbox`).
    Raises `ConfigError` that says of each kind why it does not serve, and what to install."""
    reasons = []
    for backend in config.backends:
        try:
            await self_test(make or make_sandbox, backend, config)
        except FathomError as error:
            reasons.append(f"{backend}: {error}")
        else:
            return backend
    raise ConfigError("code cannot be isolated on this machine; " + "; ".join(reasons), hint=HINT)


async def self_test(make: Maker, backend: Backend, config: CodeSandboxConfig) -> None:
    """Raises `ConfigError` where a sandbox of that kind does not start or does not hold."""
    small = config.model_copy(
        update={"limits": TEST_LIMITS, "preload": (), "packages": (), "warm": 0, "slots": _AT_ONCE}
    )
    sandbox = make(backend, small)
    try:
        attempts = [attempt for attempt in SHORT if attempt.kind not in _ABSENT.get(backend, ())]
        verdicts = await run_battery(sandbox, attempts, TEST_LIMITS, at_once=_AT_ONCE)
    finally:
        await sandbox.close()
    broken = [f"{verdict.name} {verdict.outcome} ({verdict.detail})" for verdict in verdicts if not verdict.held]
    if broken:
        raise ConfigError(f"{len(broken)} of {len(verdicts)} attempts of the self-test: {broken[0]}")


def make_sandbox(backend: Backend, config: CodeSandboxConfig) -> PooledSandbox:
    """A sandbox of that kind, untested. Raises `ConfigError` where its parts are not installed."""
    if backend == "wasm":
        return wasm_sandbox(config)
    return PooledSandbox(backend, SpawnedWorkers(spawn_plan(backend, config), config.limits, config.start_s), config)


def spawn_plan(backend: Backend, config: CodeSandboxConfig) -> SpawnPlan:
    """How workers of that kind are started here. Raises `ConfigError` where they cannot be."""
    if sys.platform != "linux":
        raise ConfigError("it is there on Linux only")
    program, program_mounts = find_bubblewrap() if backend == "bubblewrap" else ("", ())
    system, links = system_mounts()
    limits = config.limits
    settings = {
        "pipes": True,
        "packages": PACKAGES,
        "preload": list(config.preload),
        "files": limits.files,
        "files_bytes": limits.files_bytes,
    }
    return SpawnPlan(
        backend=backend,
        program=program,
        program_mounts=program_mounts,
        worker=(resources.files("fathom.sandbox.code") / "worker.py").read_text(encoding="utf-8"),
        settings=settings,
        mounts=(*interpreter_mounts(), *package_mounts(config.packages), *system),
        links=tuple(links),
        memory=limits.memory_mb * MEGABYTE,
        processes=limits.processes,
        disk=limits.disk_mb * MEGABYTE,
        cpus=limits.cpus,
        cpu_seconds=int(config.session_life_s * limits.cpus) + 1,
        user=config.uid_base,
        slots=config.slots + config.warm + _SPARE,
    )


_SPARE = 4  # workers that are ending while others take their place
