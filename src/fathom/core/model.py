"""`Frozen`: the base of every record and configuration, and the one canonical JSON form they hash to."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """An immutable record that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


def canonical_json(value: Any) -> str:
    """One text per value: sorted keys, no blanks, no ASCII escapes. Pydantic models are dumped first.

    Raises `ValueError` for NaN or infinity, which have no JSON form.
    """
    plain = value.model_dump(mode="json", by_alias=True) if isinstance(value, BaseModel) else value
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def content_hash(value: Any) -> str:
    """sha256 in hex of bytes, of a text (UTF-8), or of the canonical JSON of anything else."""
    if isinstance(value, bytes):
        data = value
    elif isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
    else:
        data = canonical_json(value).encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()
