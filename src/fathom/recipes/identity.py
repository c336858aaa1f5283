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
    `free` may differ. Raises `ConfigError` where it has others, `InputError` for a file that is no identity."""
    digest = content_hash({name: value for name, value in settings.items() if name not in free})
    if path.exists():
        if read_identity(path)["hash"] != digest:
            raise ConfigError(f"{path.parent} was made with another configuration", hint="choose another --out")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"hash": digest, "config": dict(settings), "commit": code_version(), "versions": versions()}
    write_durably(path, canonical_json(record).encode() + b"\n")


def read_identity(path: Path) -> dict[str, Any]:
    """What a folder says it is: `hash` and `config` among others. Raises `InputError`."""
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(path, "corrupt", str(error), hint="choose another folder") from None
    if not isinstance(found, dict) or not found.keys() >= {"hash", "config"}:
        raise InputError(path, "corrupt", "it lacks hash or config", hint="choose another folder")
    return found
