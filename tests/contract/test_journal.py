"""What every journal does, whether it remembers, remembers for good, or only repeats."""

from pathlib import Path
from typing import Any

import pytest

from fathom.core.errors import ModelFault, RunError
from fathom.core.events import Journal, MemoryJournal
from fathom.core.model import content_hash
from fathom.core.texts import TextFolder
from fathom.rollout.journal import ReplayJournal, RunJournal
from fathom.rollout.store import RunStore


async def program(journal: Journal) -> list[Any]:
    """Uses all a journal offers."""

    async def small() -> Any:
        return {"b": [1, 2.5, None], "a": "x"}

    async def page() -> Any:
        return journal.keep("page \ud83d " * 900)

    first = await journal.step("model", {"turn": 0}, small)
    journal.note("decision", {"go": True})
    second = await journal.step("world", {"open": "u"}, page)
    assert first.seconds >= 0 and second.seconds >= 0
    return [first.value, second.value, journal.recall(second.value)]


@pytest.fixture(params=["memory", "run", "continued run", "replay"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Each journal; those over a finished record have one that `program` made."""
    if request.param == "memory":
        return MemoryJournal()
    folder = tmp_path / "run"
    folder.mkdir()
    store = RunStore.create(folder)
    request.addfinalizer(store.close)
    if request.param != "run":
        await program(RunJournal(store))
    return (
        ReplayJournal(store.events(), TextFolder(folder / "texts")) if request.param == "replay" else RunJournal(store)
    )


async def test_steps_give_their_values_and_texts_come_back(journal: Journal) -> None:
    text = "page \ud83d " * 900
    assert await program(journal) == [{"b": [1, 2.5, None], "a": "x"}, content_hash(text), text]


async def test_a_text_that_was_not_kept_is_an_error(journal: Journal) -> None:
    with pytest.raises(RunError):
        journal.recall("0" * 64)


@pytest.mark.parametrize("kind", ["memory", "run"])
async def test_what_an_effect_raises_passes_and_finishes_nothing(kind: str, tmp_path: Path) -> None:
    async def effect() -> Any:
        raise ModelFault("down")

    with RunStore.create(_folder(tmp_path)) as store:
        memory, run = MemoryJournal(), RunJournal(store)
        with pytest.raises(ModelFault, match="down"):
            await (memory if kind == "memory" else run).step("model", {}, effect)
        kinds = [entry for entry, _ in memory.log] if kind == "memory" else [event.kind for event in store.events()]
    assert kinds == ["model_started"]


def _folder(root: Path) -> Path:
    folder = root / "run"
    folder.mkdir()
    return folder
