"""Pipelines: what is lost of the shards is made again the same, whatever it was."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.core.errors import InputError
from fathom.synth.pipeline import Outcome, Part, PipelineConfig, run_pipeline
from fathom.synth.protocol import Drop, Item, Keep

CONFIG = PipelineConfig(count=24, shard=7, seed=3)


class Digits:
    """Two numbers of each seed."""

    name = "digits"

    def run(self, item: Item[Any]) -> list[Item[Any]]:
        seed = item.provenance.seed
        return [item.with_payload(seed // 10**at % 50, "digits") for at in (2, 6)]


class Unseen:
    """Remembers across shards, as a filter for duplicates does."""

    name = "unseen"

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def decide(self, item: Item[Any]) -> Keep | Drop:
        if item.payload in self._seen:
            return Drop(reason="seen")
        self.recall(item.payload)
        return Keep()

    def recall(self, payload: int) -> None:
        self._seen.add(payload)


def parts() -> list[Part]:
    return [Digits(), Unseen()]


def run(folder: Path) -> Outcome:
    return run_pipeline(parts, CONFIG, folder, "numbers")


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_shards_that_are_gone_are_made_again_the_same(data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        whole = run(folder)
        shards = sorted(folder.glob("shard-*.json"))
        assert len(shards) > 2
        before = {path.name: path.read_bytes() for path in shards}
        for path in data.draw(st.lists(st.sampled_from(shards), unique=True)):
            path.unlink()
            (folder / f"{path.name}.tmp").write_bytes(before[path.name][: len(before[path.name]) // 2])
        assert run(folder) == whole
        assert {path.name: path.read_bytes() for path in folder.glob("shard-*.json")} == before
        assert whole.items == tuple(dict.fromkeys(whole.items))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_shard_cut_at_any_byte_is_named_and_once_deleted_made_again(data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        whole = run(folder)
        path = data.draw(st.sampled_from(sorted(folder.glob("shard-*.json"))))
        content = path.read_bytes()
        path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
        with pytest.raises(InputError, match="corrupt") as raised:
            run(folder)
        assert path.name in str(raised.value)
        path.unlink()
        assert run(folder) == whole


@given(st.integers(1, 20), st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_asking_for_more_goes_on_from_what_is_there(few: int, more: int) -> None:
    with TemporaryDirectory() as name:
        short = CONFIG.model_copy(update={"count": few})
        first = run_pipeline(parts, short, Path(name), "numbers")
        longer = CONFIG.model_copy(update={"count": few + more})
        assert run_pipeline(parts, longer, Path(name), "numbers").items[:few] == first.items
