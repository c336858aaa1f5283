"""Running a pipeline: in shards that are done once, with a funnel.

A shard is a range of seeds. It is finished when its file is there, which is written whole; what was killed before
is made again and, as items depend on their seeds only, comes out the same. Filters that look across items see finished
shards again in order, so a resumed run drops the same duplicates.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from fathom.core.config import Config
from fathom.core.errors import ConfigError, InputError
from fathom.core.model import Frozen, canonical_json, content_hash
from fathom.core.seeds import derive_seed
from fathom.core.texts import write_durably
from fathom.synth.protocol import Drop, Filter, FunnelRow, Item, Provenance, Stage

Part = Stage | Filter
PIPELINE = "pipeline.json"


class PipelineConfig(Config):
    """How much is made."""

    count: int = Field(default=1000, ge=1, description="items wanted")
    shard: int = Field(default=500, ge=1, description="seeds of one shard, the unit of resuming")
    max_tries: int = Field(default=50, ge=1, description="seeds drawn per item wanted before giving up")
    seed: int = Field(default=0, ge=0, description="of everything drawn")


class Shard(Frozen):
    """The file of a finished shard."""

    items: tuple[Any, ...]
    provenance: tuple[Provenance, ...]
    funnel: tuple[FunnelRow, ...]


class Outcome(Frozen):
    """What a pipeline gave: at most `count` payloads as JSON values with their provenance, and the funnel."""

    items: tuple[Any, ...]
    provenance: tuple[Provenance, ...]
    funnel: tuple[FunnelRow, ...]


def run_pipeline(
    parts: Callable[[], Sequence[Part]],
    config: PipelineConfig,
    folder: Path,
    identity: Any,
    on_shard: Callable[[int, int], None] = lambda made, wanted: None,
) -> Outcome:
    """Draw seeds until `count` items came through `parts()` or the tries are used up.

    `folder` keeps the shards; `identity` says what is made there. Raises `ConfigError` where it holds something else.
    """
    _claim(folder, {"identity": identity, "seed": config.seed, "shard": config.shard})
    chain = parts()
    items: list[Any] = []
    provenance: list[Provenance] = []
    rows: dict[str, FunnelRow] = {}
    limit = config.count * config.max_tries
    for number, start in enumerate(range(0, limit, config.shard)):
        shard = _shard(folder / f"shard-{number:05d}.json", chain, range(start, start + config.shard), config.seed)
        items += shard.items
        provenance += shard.provenance
        for row in shard.funnel:
            rows[row.part] = _sum(rows.get(row.part, FunnelRow(part=row.part)), row)
        on_shard(min(len(items), config.count), config.count)
        if len(items) >= config.count:
            break
    return Outcome(
        items=tuple(items[: config.count]), provenance=tuple(provenance[: config.count]), funnel=tuple(rows.values())
    )


def funnel_table(funnel: Sequence[FunnelRow]) -> str:
    """The funnel as lines of text."""
    lines = [f"{'part':<22}{'in':>9}{'out':>9}  dropped"]
    for row in funnel:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(row.dropped.items(), key=lambda x: -x[1]))
        lines.append(f"{row.part:<22}{row.entered:>9,}{row.left:>9,}  {reasons}".rstrip())
    return "\n".join(lines)


def _shard(path: Path, chain: Sequence[Part], seeds: range, seed: int) -> Shard:
    if path.exists():
        try:
            shard = Shard.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise InputError(
                path, "corrupt", str(error.errors()[0]["msg"]), hint="delete it to make it again"
            ) from None
        for payload in shard.items:
            for part in chain:
                if hasattr(part, "recall"):
                    part.recall(payload)
        return shard
    counts = {part.name: FunnelRow(part=part.name) for part in chain}
    found = [item for number in seeds for item in _through(chain, 0, _start(seed, number), counts)]
    shard = Shard(
        items=tuple(item.payload for item in found),
        provenance=tuple(item.provenance for item in found),
        funnel=tuple(counts.values()),
    )
    write_durably(path, canonical_json(shard).encode())
    return Shard.model_validate_json(canonical_json(shard))


def _start(seed: int, number: int) -> Item[Any]:
    return Item(payload=None, provenance=Provenance(seed=derive_seed(seed, "item", number)))


def _through(chain: Sequence[Part], at: int, item: Item[Any], counts: dict[str, FunnelRow]) -> Iterator[Item[Any]]:
    if at == len(chain):
        yield item
        return
    part, row = chain[at], counts[chain[at].name]
    kept: list[Item[Any]] = []
    reason = ""
    if hasattr(part, "decide"):
        decision = part.decide(item)
        reason = decision.reason if isinstance(decision, Drop) else ""
        kept = [] if reason else [item]
    else:
        kept = list(part.run(item))
        reason = "" if kept else "nothing"
    dropped = {**row.dropped, reason: row.dropped.get(reason, 0) + 1} if reason else row.dropped
    counts[part.name] = FunnelRow(part=row.part, entered=row.entered + 1, left=row.left + len(kept), dropped=dropped)
    for each in kept:
        yield from _through(chain, at + 1, each, counts)


def _claim(folder: Path, what: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path, digest = folder / PIPELINE, content_hash(what)
    if not path.exists():
        write_durably(path, canonical_json({**what, "hash": digest}).encode() + b"\n")
    elif f'"hash":"{digest}"' not in path.read_text(encoding="utf-8"):
        raise ConfigError(f"{folder} holds the shards of another pipeline", hint="choose another folder")


def _sum(a: FunnelRow, b: FunnelRow) -> FunnelRow:
    dropped = {reason: a.dropped.get(reason, 0) + b.dropped.get(reason, 0) for reason in {**a.dropped, **b.dropped}}
    return FunnelRow(part=a.part, entered=a.entered + b.entered, left=a.left + b.left, dropped=dropped)
