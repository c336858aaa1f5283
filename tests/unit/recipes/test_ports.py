"""Worlds by their specs."""

from pathlib import Path

import pytest
from tests.web_server import small_web
from tests.worlds import small_world

from fathom.core.config import Environment
from fathom.core.errors import ConfigError, WorldUnavailableFault
from fathom.recipes.web_config import WebConfig
from fathom.recipes.worlds import absolute, around_identity, open_world
from fathom.sandbox.gateway.calls import CallRecord, FileLog


def environment(home: Path) -> Environment:
    return Environment.read({"FATHOM_HOME": str(home)})


async def test_the_web_by_the_address_of_its_search_server(tmp_path: Path) -> None:
    async with small_web() as server:
        world = open_world(f"live:{server.base}", environment(tmp_path))
        assert world.name == "live"
        assert [hit.title for hit in await world.search("inhabitants")] == ["Ostra"]
        await world.close()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("live:", "no search engine is named"),
        ("live:localhost:8080", "no search engine 'localhost'"),
        ("live:ftp://a.example", "no search engine 'ftp'"),
        ("live:http://", "names no server"),
    ],
)
def test_a_live_spec_without_an_address_is_told_what_one_looks_like(tmp_path: Path, spec: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        open_world(spec, environment(tmp_path))
    assert "http://localhost:8080" in caught.value.hint


@pytest.mark.parametrize("spec", ["falty:0.3:vital", "Live:serper", "live", "recorded:", "faulty:0.3:live", "C:/said"])
def test_what_is_no_world_is_told_what_there_is(tmp_path: Path, spec: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_world(spec, environment(tmp_path))
    assert "live:serper,brave" in caught.value.hint


def test_specs_mean_the_same_in_another_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    spec = "faulty:0.3:conditions:calls.jsonl:recording:said.jsonl:live:serper,local:notes"
    found = f"faulty:0.3:conditions:{tmp_path}/calls.jsonl:recording:{tmp_path}/said.jsonl:live:serper,local:{tmp_path}"
    assert absolute(spec) == f"{found}/notes"
    assert absolute("recorded:a.jsonl") == f"recorded:{tmp_path}/a.jsonl" and absolute("vital") == "vital"


async def test_what_stands_around_a_world_is_got_over(tmp_path: Path) -> None:
    recording = tmp_path / "said.jsonl"
    async with small_web() as server:
        spec = f"faulty:0.3:recording:{recording}:live:{server.base}"
        world = open_world(spec, environment(tmp_path), web=WebConfig(scope="private"))
        for word in ("inhabitants", "lighthouse", "director", "road"):
            hits = await world.search(word)
            assert hits and all(hit.note == "" for hit in hits), "faults are tried again until there is an answer"
        await world.close()
    again = open_world(f"recorded:{recording}", environment(tmp_path))
    assert [hit.title for hit in await again.search("inhabitants")] == ["Ostra"]
    await again.close()


@pytest.mark.parametrize("spec", ["faulty:2:vital", "faulty:x:vital", "faulty:0.1", "conditions:nowhere.jsonl:vital"])
def test_what_cannot_stand_around_a_world_is_said_before_anything_is_opened(tmp_path: Path, spec: str) -> None:
    with pytest.raises(ConfigError, match=r"share from 0|names no world that|there is no file"):
        open_world(spec, environment(tmp_path))
    assert not (tmp_path / "corpora").exists()


async def test_conditions_are_what_callers_of_the_log_met(tmp_path: Path) -> None:
    log, recording = tmp_path / "calls.jsonl", tmp_path / "said.jsonl"
    calls = FileLog(log)
    for number in range(40):
        status = "fault" if number % 2 == 0 else "ok"
        calls.write(CallRecord(at=number, service="search", key=str(number), status=status, seconds=0.0))
    calls.close()
    recording.write_text('{"asked": {"search": "x", "k": 3}, "said": []}\n')
    world = open_world(f"conditions:{log}:recorded:{recording}", environment(tmp_path), seed=1)
    faults = 0
    for _ in range(200):
        try:
            await world.search("x", 3)
        except WorldUnavailableFault:
            faults += 1
    assert 70 < faults < 130, "not tried again: the log has what came of calls with all their attempts"
    await world.close()
    with log.open("a") as file:
        file.write("{}")
    assert around_identity([f"conditions:{log}"]) != around_identity([f"conditions:{recording}"])


async def test_operators_reach_the_engines_through_what_stands_around(tmp_path: Path) -> None:
    async with small_web() as server:
        world = open_world(f"faulty:0:live:{server.base}", environment(tmp_path))
        with pytest.raises(WorldUnavailableFault):
            await world.search("lighthouse site:nowhere.example")
        assert any("site%3Anowhere.example" in path for path in server.visited)
        await world.close()

    await small_world(tmp_path / "corpora" / "small").close()
    corpus = open_world("small", environment(tmp_path))
    assert await corpus.search("lighthouse site:en.wikipedia.org"), "in a corpus they are words like others"
    await corpus.close()
