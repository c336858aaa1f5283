"""The guard of `tests/network_guard.py` in the Python programs that tests start: conftest puts this folder on
PYTHONPATH. Programs started with -I, -E or -S, or with an environment of their own, go without."""

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location("fathom_network_guard", Path(__file__).parents[1] / "network_guard.py")
if _spec is not None and _spec.loader is not None:
    _guard = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_guard)
    _guard.install()
