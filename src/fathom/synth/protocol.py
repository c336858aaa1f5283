"""What a data pipeline is made of: items that know where they come from, stages that make more of them, filters.

A stage turns one item into any number of items, a filter keeps an item or drops it for a reason. Both draw random
numbers from the item's own seed only, so an item is the same whatever else is made.
"""

from collections.abc import Iterable
from typing import Any, Generic, Protocol, TypeVar

from pydantic import Field

from fathom.core.model import Frozen

P = TypeVar("P")


class Provenance(Frozen):
    """Where an item comes from: the seed it was drawn with, hashes of the pages it rests on, the model and the hash of
    the prompt that wrote it (empty where none did), and what was done to it in order."""

    seed: int
    pages: tuple[str, ...] = ()
    model: str = ""
    prompt_hash: str = ""
    steps: tuple[str, ...] = ()


class Item(Frozen, Generic[P]):
    """A piece of work on its way through a pipeline."""

    payload: P
    provenance: Provenance

    def with_payload(self, payload: Any, step: str, *, pages: tuple[str, ...] = ()) -> "Item[Any]":
        """The item with other content, and the step that made it on record."""
        known = self.provenance
        steps, all_pages = (*known.steps, step), tuple(dict.fromkeys([*known.pages, *pages]))
        return Item(payload=payload, provenance=known.model_copy(update={"steps": steps, "pages": all_pages}))


class Keep(Frozen):
    """The item stays."""


class Drop(Frozen):
    """The item goes. `reason` is one of few words, counted in the funnel."""

    reason: str


class Stage(Protocol):
    """Makes items of an item."""

    @property
    def name(self) -> str: ...

    def run(self, item: Item[Any]) -> Iterable[Item[Any]]: ...


class Filter(Protocol):
    """Judges an item. A filter that remembers (duplicates) is asked in the order of items, shard by shard."""

    @property
    def name(self) -> str: ...

    def decide(self, item: Item[Any]) -> Keep | Drop: ...


class FunnelRow(Frozen):
    """What went into one part of a pipeline, what came out, and why the rest did not."""

    part: str
    entered: int = 0
    left: int = 0
    dropped: dict[str, int] = Field(default_factory=dict)
