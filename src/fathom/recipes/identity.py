"""What a folder of training belongs to: one configuration, so that a second run goes on and never mixes two."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fathom.core.errors import ConfigError, InputError
from fathom.core.jsonl import read_object
from fathom.core.model import canonical_json, content_hash
from fathom.core.provenance import code_version, commits_of, versions
from fathom.core.texts import write_durably


def claim(path: Path, settings: Mapping[str, Any], *, free: frozenset[str] = frozenset(), done: bool = False) -> None:
    """Write `path` as the identity of its folder, or see that the folder has these settings already. Those named in
    `free` may differ; the commits of later calls are added, unless all is `done` already. Raises `ConfigError` naming
    the others that do, `InputError` for a file that is no identity."""
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
        if not done and (commit := code_version()) not in (so_far := commits_of(found)):
            write_durably(path, canonical_json(found | {"commits": [*so_far, commit]}).encode() + b"\n")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"hash": digest, "config": dict(settings), "commit": code_version(), "versions": versions()}
    write_durably(path, canonical_json(record).encode() + b"\n")


def read_identity(path: Path) -> dict[str, Any]:
    """What a folder says it is: `hash`, `config` and `commit` among others. Raises `InputError`."""
    found = read_object(path, "hash", "config", hint="choose another folder")
    if not isinstance(found["config"], dict):
        raise InputError(path, "corrupt", "its config is no object", hint="choose another folder")
    return found
