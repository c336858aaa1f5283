"""What a folder of training belongs to: one configuration, so that a second run goes on and never mixes two."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fathom.core.errors import ConfigError, InputError
from fathom.core.model import canonical_json, content_hash
from fathom.core.provenance import code_version, versions
from fathom.core.texts import write_durably


def claim(path: Path, settings: Mapping[str, Any], *, free: frozenset[str] = frozenset()) -> None:
    """Write `path` as the identity of its folder, or see that the folder has these settings already. Those named in
    `free` may differ. Raises `ConfigError` naming the others that do, `InputError` for a file that is no identity."""
    digest = content_hash({name: value for name, value in settings.items() if name not in free})
    if path.exists():
        found = read_identity(path)
        if found["hash"] != digest:
            theirs = found["config"]
            names = sorted(n for n in settings.keys() | theirs.keys() if settings.get(n) != theirs.get(n))
            other = ", ".join(name for name in names if name not in free) or "settings"
            raise ConfigError(
                f"{path.parent} was made with another configuration ({other})", hint="choose another --out"
            )
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"hash": digest, "config": dict(settings), "commit": code_version(), "versions": versions()}
    write_durably(path, canonical_json(record).encode() + b"\n")


def read_identity(path: Path) -> dict[str, Any]:
    """What a folder says it is: `hash`, `config` and `commit` among others. Raises `InputError`."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(
            path, "missing", error.strerror or "cannot be read", hint="name the folder of a loop"
        ) from None
    except ValueError as error:
        raise InputError(path, "corrupt", str(error), hint="choose another folder") from None
    if not isinstance(found, dict) or not isinstance(found.get("config"), dict) or "hash" not in found:
        raise InputError(path, "corrupt", "it lacks hash or config", hint="choose another folder")
    return found
