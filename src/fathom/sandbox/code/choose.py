"""The sandbox of this machine: the first kind that passes its self-test, or none at all.

The self-test runs the short part of the escape battery in a sandbox of that kind, with smaller limits and no packages.
Then the sandbox that is to be used, with its own limits, packages and modules loaded ahead, has those attempts made on
it that these could matter to, all in one worker. A kind that does not start, that one attempt gets out of, or that one
could not be made on, is not used; where no other is left there is no sandbox. Code is never run in a plain process.
"""

import sys
from collections.abc import Callable, Sequence
from importlib import resources

from fathom.core.errors import ConfigError, FathomError
from fathom.sandbox.code.battery.attempt import Attempt, Verdict
from fathom.sandbox.code.battery.attempts import AS_USED, SHORT
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


async def open_sandbox(config: CodeSandboxConfig = CodeSandboxConfig()) -> CodeSandbox:
    """A sandbox that passed its self-test, of the first kind in `config.backends` that does. Raises `ConfigError` that
    says of each kind why it does not serve, and what to install."""
    return (await _first(config, make_sandbox))[1]


async def choose_backend(config: CodeSandboxConfig, make: Maker | None = None) -> Backend:
    """The first kind in `config.backends` that passes its self-test. `make` makes one of a kind (`make_sandbox`).
    Raises as `open_sandbox`."""
    backend, sandbox = await _first(config, make or make_sandbox)
    await sandbox.close()
    return backend


async def _first(config: CodeSandboxConfig, make: Maker) -> tuple[Backend, CodeSandbox]:
    reasons = []
    for backend in config.backends:
        try:
            await self_test(make, backend, config)
            return backend, await _tested_as_used(make, backend, config)
        except (FathomError, OSError) as error:  # a machine that refuses even the test what it needs has no sandbox
            reasons.append(f"{backend}: {error}")
    raise ConfigError("code cannot be isolated on this machine; " + "; ".join(reasons), hint=HINT)


async def self_test(make: Maker, backend: Backend, config: CodeSandboxConfig) -> None:
    """Raises `ConfigError` where a sandbox of that kind does not start or does not hold."""
    small = config.model_copy(
        update={"limits": TEST_LIMITS, "preload": (), "packages": (), "warm": 0, "slots": _AT_ONCE}
    )
    sandbox = make(backend, small)
    try:
        await _require_held(backend, sandbox, to_be_made(backend, SHORT), TEST_LIMITS)
    finally:
        await sandbox.close()


def to_be_made(backend: Backend, attempts: Sequence[Attempt]) -> list[Attempt]:
    """Those of the attempts for which a sandbox of that kind has anything to try them with."""
    return [attempt for attempt in attempts if attempt.kind not in _ABSENT.get(backend, ())]


async def _tested_as_used(make: Maker, backend: Backend, config: CodeSandboxConfig) -> CodeSandbox:
    """The sandbox with the settings given. Raises as `self_test`; it is closed then."""
    sandbox = make(backend, config)
    if backend == "wasm":  # of those settings a guest has the limits alone
        return sandbox
    try:
        await _require_held(backend, sandbox, [AS_USED], config.limits)
    except BaseException:
        await sandbox.close()
        raise
    return sandbox


async def _require_held(
    backend: Backend, sandbox: CodeSandbox, attempts: Sequence[Attempt], limits: CodeLimits
) -> None:
    verdicts = await run_battery(sandbox, attempts, limits, at_once=_AT_ONCE)
    broken = [verdict for verdict in verdicts if not held(backend, verdict)]
    if broken:
        first = f"{broken[0].name} {broken[0].outcome} ({broken[0].detail})"
        raise ConfigError(f"{len(broken)} of {len(verdicts)} attempts of the self-test: {first}")


def held(backend: Backend, verdict: Verdict) -> bool:
    """Whether a sandbox of that kind held. An attempt that could not be made shows nothing, unless the interpreter is
    the one of WebAssembly, which is known by its hash and never has the means."""
    return verdict.held or (backend == "wasm" and verdict.outcome == "absent")


def make_sandbox(backend: Backend, config: CodeSandboxConfig) -> PooledSandbox:
    """A sandbox of that kind, untested. Raises `ConfigError` where its parts are not installed or cannot be read."""
    try:
        if backend == "wasm":
            return wasm_sandbox(config)
        plan = spawn_plan(backend, config)
    except OSError as error:
        raise ConfigError(f"its parts cannot be read: {error}") from None
    return PooledSandbox(backend, SpawnedWorkers(plan, config.limits, config.start_s), config)


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
