"""What all benches share: how they are found, run, and reported.

A bench is a module of this package that has `NAME`, `SUMMARY`, `GOALS` (figure -> (operator, bound)) and
`run(options) -> figures`. The first two are plain `NAME = "..."` lines, so that listing the benches reads them out of
the source instead of importing what they measure. A bound that is a text names another figure of the same run. A
bench that can write its curves as a page has `CURVES = True`.
"""

import ast
import importlib
import operator
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from fathom.core.errors import ConfigError
from fathom.core.provenance import code_version

Figure = float | int | str
Goal = tuple[str, float | str]

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True)
class BenchOptions:
    """`quick`: end within 50 seconds on two busy cores, with smaller sizes. `shared_data`: the folder of data sets that
    come beside the repository, None where there is none. `scratch`: an empty folder that is removed afterwards.
    `home`: fathom's data home, for assets and corpora that are already there. `page`: where a bench that has curves
    writes them, as a page."""

    quick: bool
    progress: Callable[[str], None]
    shared_data: Path | None
    scratch: Path
    home: Path
    page: Path | None = None


class Bench(Protocol):
    """The shape of a bench module."""

    NAME: str
    SUMMARY: str
    GOALS: Mapping[str, Goal]

    def run(self, options: BenchOptions) -> Mapping[str, Figure]: ...


def summaries(folder: Path | None = None) -> dict[str, tuple[str, str]]:
    """Bench name -> (module name, summary), sorted by name, without importing any."""
    found: dict[str, tuple[str, str]] = {}
    for path in sorted((folder or Path(__file__).parent).glob("*.py")):
        texts = _literals(path)
        if "NAME" in texts and "SUMMARY" in texts:
            found[texts["NAME"]] = (path.stem, texts["SUMMARY"])
    return dict(sorted(found.items()))


def _literals(path: Path) -> dict[str, str]:
    texts = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            target, value = node.targets[0], node.value.value
            if isinstance(target, ast.Name) and isinstance(value, str):
                texts[target.id] = value
    return texts


def load(name: str) -> Bench:
    """The bench module called `name`. Raises `ConfigError` if there is none."""
    known = summaries()
    if name not in known:
        raise ConfigError(f"there is no bench {name!r}; there are {', '.join(known)}", hint="fathom bench list")
    module: Any = importlib.import_module(f"fathom.bench.{known[name][0]}")
    return module  # type: ignore[no-any-return]


def measure(
    bench: Bench,
    *,
    quick: bool,
    progress: Callable[[str], None],
    shared_data: Path | None,
    home: Path,
    page: Path | None = None,
) -> dict[str, Any]:
    """Run `bench` in a scratch folder of its own and give the result object that ends its output.

    Raises what the bench raises when it could not run, and `ConfigError` for a page of a bench without curves; a goal
    that was missed is a result.
    """
    if page is not None:
        if not getattr(bench, "CURVES", False):
            raise ConfigError(f"the bench {bench.NAME} has no curves", hint="leave --page out")
        page.parent.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix=f"fathom-bench-{bench.NAME}-") as scratch:
        figures = dict(bench.run(BenchOptions(quick, progress, shared_data, Path(scratch), home, page)))
    return {
        "bench": bench.NAME,
        "figures": figures,
        "goals": {figure: judge(figures, figure, goal) for figure, goal in bench.GOALS.items()},
        "commit": code_version(),
        "seconds": round(time.perf_counter() - began, 2),
    }


def judge(figures: Mapping[str, Figure], figure: str, goal: Goal) -> dict[str, Any]:
    """`{"op", "value", "met"}` of one goal. A figure or bound that was not measured does not meet it."""
    sign, bound = goal
    value = figures.get(bound) if isinstance(bound, str) else bound
    met = figure in figures and value is not None and _OPERATORS[sign](figures[figure], value)
    return {"op": sign, "value": value, "met": bool(met)}
