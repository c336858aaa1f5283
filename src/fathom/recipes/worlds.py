"""Worlds by their specs: a corpus by name, the web as `live:ENGINE,...`, a recording as `recorded:FILE`; and what may
stand around any of them: `faulty:RATE:WORLD`, `conditions:FILE:WORLD`, `recording:FILE:WORLD`.

Every world is asked through a gateway. What stands around a world stands inside of that, so its faults are got over as
those of real services are.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fathom.core.assets import Progress, quiet
from fathom.core.config import Environment
from fathom.core.errors import ConfigError
from fathom.recipes.corpora import PACKAGED, ensure_corpus
from fathom.recipes.web_config import WebConfig
from fathom.sandbox.gateway.calls import read_calls
from fathom.sandbox.gateway.gateway import Gateway
from fathom.world.conditions import ConditionedWorld, learn_conditions
from fathom.world.faults import FaultyWorld
from fathom.world.gated import GatedWorld, world_sources
from fathom.world.protocol import World
from fathom.world.recorded import RecordedWorld, RecordingWorld
from fathom.world.simulated import SimulatedWorld

LIVE, RECORDED = "live:", "recorded:"


def open_world(
    spec: str,
    environment: Environment,
    progress: Progress = quiet,
    *,
    web: WebConfig = WebConfig(),
    seed: int = 0,
) -> World:
    """The world of a spec. A corpus that fathom knows how to get is built first where it is not there.

    Raises `ConfigError` where there is none of that name.
    """
    around, inner = split(spec)
    if inner.startswith(LIVE):
        from fathom.recipes.live import live_world

        world: World = live_world(inner.removeprefix(LIVE), environment, web)
        return gated(surrounded(world, around, seed)) if around else world
    if inner.startswith(RECORDED):
        world = RecordedWorld(Path(inner.removeprefix(RECORDED)).expanduser())
    else:
        world = SimulatedWorld(ensure_corpus(inner, environment.home, progress))
    return gated(surrounded(world, around, seed))


def is_live(spec: str) -> bool:
    """Whether what the world of a spec is asked leaves this machine."""
    return split(spec)[1].startswith(LIVE)


def is_private(spec: str) -> bool:
    """Whether a world holds documents of the user's own, so that what it says may not be sent out."""
    inner = split(spec)[1]
    return not inner.startswith(LIVE) and inner not in PACKAGED


def split(spec: str) -> tuple[tuple[str, ...], str]:
    """What stands around a world, outermost first, and the world itself."""
    around: list[str] = []
    while (kind := spec.partition(":")[0]) in _AROUND:
        _, first, rest = spec.split(":", 2) if spec.count(":") >= 2 else ("", "", "")
        if not rest:
            raise ConfigError(f"{spec!r} names no world that it stands around", hint=f"as in {kind}:...:vital")
        around.append(f"{kind}:{first}")
        spec = rest
    return tuple(around), spec


def surrounded(world: World, around: Sequence[str], seed: int = 0) -> World:
    """`world` with the things around it, outermost first: `faulty:0.3`, `conditions:calls.jsonl`. Raises `ConfigError`
    for what is none of them, and `InputError` for a file that does not fit."""
    for spec in reversed(around):
        kind, _, argument = spec.partition(":")
        if kind not in _AROUND or not argument:
            raise ConfigError(f"{spec!r} cannot stand around a world", hint=f"there are {', '.join(_AROUND)}")
        world = _AROUND[kind](world, argument, seed)
    return world


def gated(world: World) -> World:
    """Any world behind a gateway of its own, closed with it."""
    gateway = Gateway()
    return GatedWorld(world.name, gateway, world_sources(world), owned=(gateway, world))


def _faulty(world: World, rate: str, seed: int) -> World:
    try:
        share = float(rate)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise ConfigError(f"faulty:{rate}: a share from 0 to below 1 is needed")
    return FaultyWorld(world, rate=share, seed=seed)


def _conditioned(world: World, path: str, seed: int) -> World:
    return ConditionedWorld(world, learn_conditions(read_calls(Path(path).expanduser())), seed)


def _recording(world: World, path: str, seed: int) -> World:
    return RecordingWorld(world, Path(path).expanduser())


_AROUND: Mapping[str, Callable[[World, str, int], World]] = {
    "faulty": _faulty,
    "conditions": _conditioned,
    "recording": _recording,
}
