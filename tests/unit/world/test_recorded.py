from pathlib import Path

import pytest
from tests.worlds import small_world

from fathom.core.budget import Meter
from fathom.core.errors import (
    AccessDeniedError,
    FathomError,
    InputError,
    PageNotFoundError,
    ReplayError,
    WorldUnavailableFault,
)
from fathom.core.events import MemoryJournal
from fathom.core.evidence import Page
from fathom.world.faults import FaultyWorld
from fathom.world.journaled import JournaledWorld
from fathom.world.recorded import RecordedWorld, RecordingWorld


async def test_what_was_never_asked_is_a_fault_that_says_nothing_and_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    await RecordingWorld(small_world(tmp_path / "c"), path).search("film", 2)
    world = RecordedWorld(path)
    for ask in (world.search("film", 1), world.search("film", 3), world.open("wiki/Ostra"), world.links("wiki/Ostra")):
        with pytest.raises(WorldUnavailableFault, match="no answer") as caught:
            await ask
        assert caught.value.kind == "rejected"
    assert sum(world.missing.values()) == 4
    with pytest.raises(ReplayError, match="no answer"):
        await RecordedWorld(path, strict=True).search("film", 3)


async def test_a_fault_keeps_its_kind_and_the_wait_it_asked_for(tmp_path: Path) -> None:
    class Limited:
        name = "limited"

        async def open(self, url: str) -> Page:
            raise WorldUnavailableFault("slowly", kind="rate_limited", retry_after_s=7.0)

    path = tmp_path / "r.jsonl"
    makes = (
        lambda: RecordingWorld(Limited(), path),
        lambda: RecordedWorld(path),
        lambda: JournaledWorld(Limited(), MemoryJournal(), Meter()),
    )
    for make in makes:
        with pytest.raises(WorldUnavailableFault) as caught:
            await make().open("u")
        assert (caught.value.kind, caught.value.retry_after_s, str(caught.value)) == ("rate_limited", 7.0, "slowly")


async def test_a_recording_of_an_older_version_says_no_kind(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"asked": {"open": "u"}, "raised": "unavailable", "message": "down"}\n')
    with pytest.raises(WorldUnavailableFault, match="down") as caught:
        await RecordedWorld(path).open("u")
    assert (caught.value.kind, caught.value.retry_after_s) == ("server", None)


async def test_a_fault_is_replayed_as_the_fault_it_was_and_then_its_success(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    inner = small_world(tmp_path / "c")
    broken = RecordingWorld(FaultyWorld(inner, rate=1.0), path)
    with pytest.raises(WorldUnavailableFault):
        await broken.open("wiki/Ostra")
    await RecordingWorld(inner, path).open("wiki/Ostra")
    replayed = RecordedWorld(path)
    with pytest.raises(WorldUnavailableFault):
        await replayed.open("wiki/Ostra")
    assert (await replayed.open("wiki/Ostra")).title == "Ostra"
    assert (await replayed.open("wiki/Ostra")).title == "Ostra"


@pytest.mark.parametrize(
    "error", [PageNotFoundError("gone"), AccessDeniedError("may not"), WorldUnavailableFault("down")]
)
async def test_what_a_world_raised_is_what_the_record_raises(tmp_path: Path, error: FathomError) -> None:
    class Raising:
        name = "raising"

        async def open(self, url: str) -> Page:
            raise error

    path = tmp_path / "r.jsonl"
    journal = MemoryJournal()
    for world in (RecordingWorld(Raising(), path), JournaledWorld(Raising(), journal, Meter())):
        with pytest.raises(type(error)):
            await world.open("u")
    with pytest.raises(type(error), match=str(error)):
        await RecordedWorld(path).open("u")


def test_a_file_that_is_no_recording_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text("[]\n")
    with pytest.raises(InputError, match=r"r\.jsonl at byte 0"):
        RecordedWorld(path)


@pytest.mark.parametrize(
    "row", ['{"asked": {"open": "u"}}', '{"said": []}', '{"asked": {}, "raised": "x", "message": ""}']
)
def test_a_row_that_is_no_answer_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(f"{row}\n")
    with pytest.raises(InputError, match="row 1 is no answer of a world"):
        RecordedWorld(path)


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="directory"):
        RecordedWorld(tmp_path)


async def test_faults_depend_on_the_seed_alone(tmp_path: Path) -> None:
    async def run(seed: int) -> list[bool]:
        world = FaultyWorld(small_world(tmp_path / f"c{seed}"), rate=0.5, seed=seed)
        failed = []
        for _ in range(20):
            try:
                await world.search("film")
                failed.append(False)
            except WorldUnavailableFault:
                failed.append(True)
        assert world.faults["search"] == sum(failed)
        return failed

    first, second, other = await run(1), await run(1), await run(2)
    assert first == second != other
