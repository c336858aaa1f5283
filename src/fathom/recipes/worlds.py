"""Worlds by their specs: a corpus by name, the web as `live:ENGINE,...`, a recording as `recorded:FILE`; and what may
stand around any of them: `faulty:RATE:WORLD`, `conditions:FILE:WORLD`, `recording:FILE:WORLD`.

Worlds of runs are asked through a gateway. Faults and recordings stand inside of it, so that faults are got over as
those of real services are; learnt conditions stand outside, since a call log tells what its callers met.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from fathom.core.assets import Progress, quiet
from fathom.core.config import Environment
from fathom.core.errors import ConfigError
from fathom.core.model import content_hash
from fathom.recipes.corpora import PACKAGED, ensure_corpus
from fathom.recipes.web_config import WebConfig
from fathom.sandbox.gateway.calls import read_calls
from fathom.sandbox.gateway.gateway import Gateway
from fathom.sandbox.gateway.service import ServiceConfig
from fathom.world.conditions import ConditionedWorld, learn_conditions
from fathom.world.faults import FaultyWorld
from fathom.world.gated import GatedConfig, GatedWorld, world_sources
from fathom.world.protocol import World
from fathom.world.recorded import RecordedWorld, RecordingWorld
from fathom.world.simulated import SimulatedWorld

Wrap = Callable[[World], World]
LIVE, RECORDED = "live:", "recorded:"
_KINDS = (
    "a world is the name of a corpus, live:http://localhost:8080, live:serper,brave, recorded:FILE, or "
    "faulty:0.3:WORLD, conditions:CALLS:WORLD, recording:FILE:WORLD; paths hold no colon"
)
# A world on this machine answers at once and need not be cached; what is inside may be a live one, with its own limits.
_THIN = ServiceConfig(timeout_s=300.0, deadline_s=900.0, keep_s=0.0)


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
    surround = surroundings(around, seed)  # what they need is read before anything is opened
    if inner.startswith(LIVE):
        from fathom.recipes.live import live_world

        world: World = live_world(inner.removeprefix(LIVE), environment, web)
    elif inner.startswith(RECORDED):
        world = RecordedWorld(_file(inner.removeprefix(RECORDED), inner))
    elif ":" in inner or inner in ("live", "recorded", *_AROUND):
        raise ConfigError(f"{inner!r} names no world", hint=_KINDS)
    else:
        world = SimulatedWorld(ensure_corpus(inner, environment.home, progress))
    return surround(world)


def is_live(spec: str) -> bool:
    """Whether what the world of a spec is asked leaves this machine."""
    return split(spec)[1].startswith(LIVE)


def is_private(spec: str) -> bool:
    """Whether a world holds documents of the user's own, so that what it says may not be sent out."""
    inner = split(spec)[1]
    return not inner.startswith(LIVE) and inner not in PACKAGED


def absolute(spec: str) -> str:
    """The spec with the paths in it made absolute, so that it means the same in another folder."""
    around, inner = split(spec)
    parts = []
    for part in around:
        kind, _, argument = part.partition(":")
        parts.append(part if kind == "faulty" else f"{kind}:{_path(argument)}")
    if inner.startswith(RECORDED):
        inner = f"{RECORDED}{_path(inner.removeprefix(RECORDED))}"
    elif inner.startswith(LIVE):
        engines = inner.removeprefix(LIVE).split(",")
        named = [f"local:{_path(each.strip()[6:])}" if each.strip().startswith("local:") else each for each in engines]
        inner = LIVE + ",".join(named)
    return ":".join((*parts, inner))


def split(spec: str) -> tuple[tuple[str, ...], str]:
    """What stands around a world, outermost first, and the world itself."""
    around: list[str] = []
    while (kind := spec.partition(":")[0]) in _AROUND and ":" in spec:
        _, first, rest = spec.split(":", 2) if spec.count(":") >= 2 else ("", "", "")
        if not rest:
            raise ConfigError(f"{spec!r} names no world that it stands around", hint=f"as in {spec}:vital")
        around.append(f"{kind}:{first}")
        spec = rest
    return tuple(around), spec


def check_around(around: Sequence[str]) -> None:
    """Raises `ConfigError` for what cannot stand around a world."""
    for spec in around:
        kind, _, argument = spec.partition(":")
        if kind not in _AROUND or not argument:
            hint = "as in faulty:0.3, conditions:calls.jsonl, recording:said.jsonl"
            raise ConfigError(f"{spec!r} cannot stand around a world", hint=hint)
        if kind == "faulty":
            _rate(argument)
        if kind == "conditions":
            _file(argument, spec)


def surroundings(around: Sequence[str], seed: int = 0) -> Wrap:
    """What puts these around a world, outermost first, behind a gateway; the world is closed with the result. What
    they need is read at once. Raises `ConfigError` for what cannot stand around a world, and `InputError` for a log
    that tells too little."""
    check_around(around)
    inside = [_made(spec, seed) for spec in around if not spec.startswith("conditions:")]
    outside = [_made(spec, seed) for spec in around if spec.startswith("conditions:")]

    def surround(world: World) -> World:
        for wrap in reversed(inside):
            world = wrap(world)
        if inside or not isinstance(world, GatedWorld):
            world = gated(world)
        for wrap in reversed(outside):
            world = wrap(world)
        return world

    return surround


def gated(world: World) -> GatedWorld:
    """A world behind a gateway of its own, in memory and without a log; it is closed with the result. What an attempt
    meets does not depend on others."""
    gateway = Gateway()
    config = GatedConfig(search=_THIN, read=_THIN)
    return GatedWorld(world.name, gateway, world_sources(world, apart=True), config, owned=(gateway, world))


def around_identity(around: Sequence[str]) -> tuple[str, ...]:
    """What stands around a world by what it is: a call log by its content, since it grows."""
    return tuple(
        f"conditions:{content_hash(_file(spec.partition(':')[2], spec).read_bytes())}"
        if spec.startswith("conditions:")
        else spec
        for spec in around
    )


def world_identity(spec: str) -> str:
    """The spec of a world by what it is: a recording and a call log by their content, since they grow."""
    around, inner = split(spec)
    if inner.startswith(RECORDED):
        inner = f"{RECORDED}{content_hash(_file(inner.removeprefix(RECORDED), inner).read_bytes())}"
    return ":".join((*around_identity(around), inner))


def is_corpus(spec: str) -> bool:
    """Whether a world is a corpus by its name, whatever stands around it."""
    return not split(spec)[1].startswith((LIVE, RECORDED))


def _made(spec: str, seed: int) -> Wrap:
    kind, _, argument = spec.partition(":")
    return _AROUND[kind](argument, seed)


def _faulty(rate: str, seed: int) -> Wrap:
    return partial(FaultyWorld, rate=_rate(rate), seed=seed)


def _conditioned(path: str, seed: int) -> Wrap:
    return partial(ConditionedWorld, conditions=learn_conditions(read_calls(_path(path))), seed=seed)


def _recording(path: str, seed: int) -> Wrap:
    return partial(RecordingWorld, path=_path(path))


_AROUND: Mapping[str, Callable[[str, int], Wrap]] = {
    "faulty": _faulty,
    "conditions": _conditioned,
    "recording": _recording,
}


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate < 1:
        raise ConfigError(f"faulty:{text}: a share from 0 to below 1 is needed", hint="as in faulty:0.3")
    return rate


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _file(text: str, spec: str) -> Path:
    path = _path(text)
    if not path.is_file():
        raise ConfigError(f"{spec!r}: there is no file {text or 'named'!s}", hint=_KINDS)
    return path
