"""Settings of isolated code."""

from typing import Literal

from pydantic import Field

from fathom.core.config import Config

Backend = Literal["bubblewrap", "landlock", "wasm"]


class CodeLimits(Config):
    """What one run, and all processes it starts together, may use."""

    timeout_s: float = Field(default=50.0, gt=0, description="wall seconds of a run; the released system's 50")
    memory_mb: int = Field(
        default=1024, ge=64, description="MB of memory of all processes and files in memory together"
    )
    processes: int = Field(default=64, ge=8, description="processes and threads at once")
    disk_mb: int = Field(default=64, ge=1, description="MB in each of the folders that can be written to")
    cpus: float = Field(default=1.0, gt=0, description="CPU seconds per second, where the system can limit them")
    stream_bytes: int = Field(default=64_000, ge=1000, description="bytes kept of each of stdout and stderr")
    flood_bytes: int = Field(default=32_000_000, ge=1000, description="bytes of output after which a run is stopped")
    files: int = Field(default=16, ge=0, description="files given back from a run")
    files_bytes: int = Field(default=1_000_000, ge=0, description="bytes of all files given back from a run")


class CodeSandboxConfig(Config):
    """Settings of a sandbox on this machine."""

    backends: tuple[Backend, ...] = Field(
        default=("bubblewrap", "landlock", "wasm"),
        min_length=1,
        description="the first that passes the self-test is used",
    )
    limits: CodeLimits = CodeLimits()
    packages: tuple[str, ...] = Field(
        default=("numpy", "pandas", "scipy", "sympy"),
        description="distributions the code may import, with all they require; those not installed are left out",
    )
    preload: tuple[str, ...] = Field(
        default=("numpy", "pandas"), description="modules that are loaded before code comes"
    )
    warm: int = Field(default=2, ge=0, description="workers held ready, beyond those that run")
    slots: int = Field(default=16, ge=1, description="runs and sessions at once")
    queue_s: float = Field(default=60.0, ge=0, description="seconds a run waits for a slot")
    start_s: float = Field(default=60.0, gt=0, description="seconds a worker may take until it is ready")
    session_idle_s: float = Field(default=900.0, gt=0, description="a session that is not used for so long ends")
    session_life_s: float = Field(default=7200.0, gt=0, description="a session ends after so long")
    wasm_folder: str = Field(
        default="", description="folder of the compiled WebAssembly interpreter; empty: one for temporary files"
    )
    uid_base: int = Field(
        default=2_064_000_000,
        ge=1000,
        description="as root, code runs under the first user ids from here on that no other process has claimed",
    )
