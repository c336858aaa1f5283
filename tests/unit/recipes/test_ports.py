"""Worlds by their specs."""

from pathlib import Path

import pytest
from tests.web_server import small_web

from fathom.core.config import Environment
from fathom.core.errors import ConfigError, InputError
from fathom.recipes.web_config import WebConfig
from fathom.recipes.worlds import open_world, split, surrounded
from fathom.sandbox.gateway.calls import CallRecord, FileLog
from fathom.world.recorded import RecordedWorld


def environment(home: Path) -> Environment:
    return Environment.read({"FATHOM_HOME": str(home)})


async def test_the_web_by_the_address_of_its_search_server(tmp_path: Path) -> None:
    async with small_web() as server:
        world = open_world(f"live:{server.base}", environment(tmp_path))
        assert world.name == "live"
        assert [hit.title for hit in await world.search("inhabitants")] == ["Ostra"]
        await world.close()


@pytest.mark.parametrize("spec", ["live:", "live:localhost:8080", "live:ftp://a.example", "live:http://"])
def test_a_live_spec_without_an_address_is_told_what_one_looks_like(tmp_path: Path, spec: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_world(spec, environment(tmp_path))
    assert "search engine" in str(caught.value) or "server" in str(caught.value) + caught.value.hint


async def test_what_stands_around_a_world_is_got_over(tmp_path: Path) -> None:
    recording = tmp_path / "said.jsonl"
    log = tmp_path / "calls.jsonl"
    calls = FileLog(log)
    for number in range(40):
        status = "fault" if number % 4 == 0 else "ok"
        calls.write(CallRecord(at=number, service="search", key=str(number), status=status, seconds=0.001))
    calls.close()
    async with small_web() as server:
        spec = f"faulty:0.3:conditions:{log}:recording:{recording}:live:{server.base}"
        world = open_world(spec, environment(tmp_path), web=WebConfig(scope="private"))
        for word in ("inhabitants", "lighthouse", "director", "road"):
            hits = await world.search(word)
            assert hits and all(hit.note == "" for hit in hits), "faults are tried again until there is an answer"
        await world.close()
    again = open_world(f"recorded:{recording}", environment(tmp_path))
    assert [hit.title for hit in await again.search("inhabitants")] == ["Ostra"]
    await again.close()


@pytest.mark.parametrize("spec", ["faulty:2:vital", "faulty:x:vital", "faulty:0.1", "conditions:nowhere.jsonl:vital"])
def test_what_cannot_stand_around_a_world_is_said(tmp_path: Path, spec: str) -> None:
    (tmp_path / "corpora").mkdir()
    with pytest.raises((ConfigError, InputError)):
        surrounded(RecordedWorld(_empty(tmp_path)), split(spec)[0])


def _empty(folder: Path) -> Path:
    path = folder / "empty.jsonl"
    path.write_text("")
    return path
