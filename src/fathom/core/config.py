"""Configuration: frozen models, three layers (recipe < TOML file < `--set a.b=c`), the only look at the environment.

Every component owns a `Config`. A run is one recipe's complete config; what it resolved to is written to the run folder
before the first step and its hash is in every trajectory.
"""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr, ValidationError

from fathom.core.errors import ConfigError
from fathom.core.model import Frozen


class Config(Frozen):
    """Base of every component's settings: frozen, unknown keys and numbers that are not finite refused."""

    model_config = {"allow_inf_nan": False}


C = TypeVar("C", bound=Config)


def resolve(recipe: C, *, toml: Path | None = None, overrides: Sequence[str] = ()) -> C:
    """`recipe` with the settings of a TOML file and then of `a.b=c` texts laid over it.

    A value is read as TOML (`3`, `true`, `"x"`, `[1, 2]`), and as plain text where it is not TOML. A table for a group
    of settings changes those it names; for a setting that is a mapping itself it is the new value. Raises `ConfigError`
    naming the key.
    """
    tree = recipe.model_dump()
    if toml is not None:
        _overlay(recipe, tree, _load_toml(toml), str(toml))
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {text!r} is not of the form a.b=value")
        _assign(recipe, tree, key.strip().split("."), _toml_value(value.strip()), text)
    try:
        return type(recipe).model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"setting {where}: {first['msg']}") from None


def _load_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None


def _overlay(group: Config, tree: dict[str, Any], layer: Mapping[str, Any], source: str) -> None:
    for key, value in layer.items():
        if key not in tree:
            raise ConfigError(f"{source}: there is no setting {key!r}; there are {', '.join(sorted(tree))}")
        inner = getattr(group, key)
        if isinstance(value, Mapping) and isinstance(inner, Config):
            _overlay(inner, tree[key], value, source)
        else:
            tree[key] = value


def _assign(group: Config, tree: dict[str, Any], path: list[str], value: Any, text: str) -> None:
    inner: Any = group
    for part in path[:-1]:
        inner = getattr(inner, part, None) if isinstance(inner, Config) else None
        if not isinstance(tree.get(part), dict):
            raise ConfigError(f"--set {text}: there is no group {part!r}")
        tree = tree[part]
    if path[-1] not in tree and isinstance(inner, Config):  # a mapping takes any key
        raise ConfigError(f"--set {text}: there is no setting {path[-1]!r}; there are {', '.join(sorted(tree))}")
    tree[path[-1]] = value


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


_SERVICE_KEY = re.compile(r"FATHOM_([A-Z0-9_]+)_KEY")
_PARSER_VARIABLES = (
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "MALLOC_ARENA_MAX",
    "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONNOUSERSITE", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX",
)  # fmt: skip


class Environment(Frozen):
    """All that fathom reads from the environment, read once by whoever starts the program."""

    home: Path
    model_url: str = ""
    model_name: str = ""
    api_key: SecretStr = SecretStr("")
    keys: Mapping[str, SecretStr] = {}
    contact: str = ""
    proxy: SecretStr = SecretStr("")

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> "Environment":
        """From `FATHOM_HOME` (default: the user's data folder), `FATHOM_MODEL_URL` (an OpenAI-compatible base URL),
        `FATHOM_MODEL` and `FATHOM_API_KEY`; `FATHOM_CONTACT`, a mail address for services that ask for one;
        `FATHOM_PROXY`, an HTTP proxy for the web (`http://user:password@host:port`); and the keys of services, by name,
        from `FATHOM_<NAME>_KEY`."""
        env = os.environ if environ is None else environ
        home = env.get("FATHOM_HOME") or Path(env.get("XDG_DATA_HOME") or "~/.local/share") / "fathom"
        return cls(
            home=Path(home).expanduser().absolute(),
            model_url=env.get("FATHOM_MODEL_URL", ""),
            model_name=env.get("FATHOM_MODEL", ""),
            api_key=SecretStr(env.get("FATHOM_API_KEY", "")),
            keys={
                match[1].lower(): SecretStr(value)
                for name, value in env.items()
                if value and name != "FATHOM_API_KEY" and (match := _SERVICE_KEY.fullmatch(name))
            },
            contact=env.get("FATHOM_CONTACT", ""),
            proxy=SecretStr(env.get("FATHOM_PROXY", "")),
        )


def child_environment(**changes: str) -> dict[str, str]:
    """This process's environment with `changes`, for a program started by fathom."""
    return {**os.environ, **changes}


def parser_environment() -> dict[str, str]:
    """Of this process's environment what Python needs to start, for a program that is given what strangers wrote: keys
    and whatever else it holds are not that program's business."""
    kept = {name: os.environ[name] for name in _PARSER_VARIABLES if name in os.environ}
    # Each thread of these takes some 40 MB of the address space that a parser may have.
    return {"OMP_NUM_THREADS": "1", **kept, "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def native_default(name: str, value: str) -> None:
    """Set what a native library reads from the environment when it is loaded, unless the user has set it."""
    os.environ.setdefault(name, value)


def torch_defaults() -> None:
    """What torch's libraries read from the environment when they are loaded, unless the user has set it; to be called
    before torch is imported. Threads sleep while they wait for each other. On Intel processors sums are made in one
    order whatever stands beside in a batch, which MKL's fastest kernels do not; elsewhere it does so anyhow."""
    native_default("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with Path("/proc/cpuinfo").open("rb") as file:
            intel = b"GenuineIntel" in file.read(256)  # of the first processor; the whole is long on large machines
    except OSError:
        intel = False
    if intel:
        native_default("MKL_CBWR", "AVX2,STRICT")
