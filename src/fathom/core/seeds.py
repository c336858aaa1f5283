"""Seeds: one number for a run, and a named, independent stream for each part of it."""

import hashlib
import random


def derive_seed(seed: int, *path: str | int) -> int:
    """A 63-bit seed for the part of the run named by `path`; equal inputs give equal seeds on every machine."""
    text = "/".join([str(seed), *(str(part) for part in path)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stream(seed: int, *path: str | int) -> random.Random:
    """A `random.Random` of its own for the part of the run named by `path`."""
    return random.Random(derive_seed(seed, *path))
