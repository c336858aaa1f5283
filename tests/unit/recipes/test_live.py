"""The live world as runs have it: engines and readers behind a gateway."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests.chat_server import Answer
from tests.web_server import WebServer, small_web

from fathom.core.config import Environment, resolve
from fathom.core.errors import AccessDeniedError, ConfigError, WorldUnavailableFault
from fathom.recipes.live import live_world
from fathom.recipes.research import research_config
from fathom.recipes.web_config import WebConfig
from fathom.recipes.worlds import is_live, open_world
from fathom.sandbox.gateway.calls import read_calls
from fathom.world.gated import GatedWorld


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(home=tmp_path)


def world(server: WebServer, environment: Environment, **web: Any) -> GatedWorld:
    return live_world(server.base, environment, WebConfig.model_validate({"attempts": 1, **web}))


async def test_search_may_be_inside_while_pages_are_of_the_public_internet(environment: Environment) -> None:
    async with small_web() as server:
        made = world(server, environment)
        (hit, *_) = await made.search("lighthouse")
        with pytest.raises(AccessDeniedError):
            await made.open(hit.url)
        await made.close()
        inside = world(server, environment, scope="private")
        assert "lighthouse" in (await inside.open(hit.url)).text
        await inside.close()


async def test_offline_there_is_neither_search_nor_page(environment: Environment) -> None:
    async with small_web() as server:
        made = world(server, environment, scope="offline")
        with pytest.raises(WorldUnavailableFault):
            await made.search("lighthouse")
        with pytest.raises(AccessDeniedError):
            await made.open("https://a.example/")
        assert server.visited == []
        await made.close()


async def test_answers_are_cached_and_calls_logged_for_all_runs(environment: Environment) -> None:
    async with small_web() as server:
        for _ in range(2):
            made = world(server, environment, scope="private")
            (hit, *_) = await made.search("lighthouse")
            await made.open(hit.url)
            await made.close()
        asked = [path for path in server.visited if path != "/robots.txt"]
        assert len(asked) == 2
    calls = list(read_calls(environment.home / "gateway" / "calls.jsonl"))
    assert [(call.service, call.cache) for call in calls] == [
        ("search", "miss"), ("read", "miss"), ("search", "hit"), ("read", "hit"),
    ]  # fmt: skip


async def test_a_second_engine_answers_where_the_first_does_not(environment: Environment) -> None:
    async with small_web() as server, small_web() as broken:
        broken.search = lambda query: Answer({"results": []}, 503)
        made = live_world(f"{broken.base}, {server.base}", environment, WebConfig(attempts=1))
        hits = await made.search("lighthouse")
        assert hits and all(hit.note == "backup" for hit in hits)
        await made.close()


async def test_how_many_hits_of_one_site_there_may_be_is_a_setting(environment: Environment) -> None:
    async with small_web() as server:
        made = world(server, environment, tidy={"per_domain": 1})
        assert len(await made.search("film lighthouse coast")) == 1
        await made.close()
        free = world(server, environment)
        assert len(await free.search("film lighthouse coast")) > 1
        await free.close()


@pytest.mark.parametrize(("robots", "first"), [(True, "93.184.215.14:80"), (False, "127.0.0.1:9")])
async def test_with_a_reader_service_alone_a_site_is_still_asked_what_it_asks_of_robots(
    tmp_path: Path, robots: bool, first: str
) -> None:
    tunnels: list[str] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tunnels.append((await reader.readline()).decode().split()[1])
        writer.close()

    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        environment = Environment(home=tmp_path, proxy=SecretStr(address))
        config = WebConfig(attempts=1, readers=("service",), reader_url="http://127.0.0.1:9", robots=robots)
        made = live_world("wikipedia", environment, config)
        with pytest.raises(WorldUnavailableFault):
            await made.open("http://93.184.215.14/p")
        assert tunnels[0] == first and len(set(tunnels)) == 1
        await made.close()


async def test_the_spec_of_a_live_world_opens_one(environment: Environment) -> None:
    made = open_world("live:http://localhost:8888", environment)
    assert isinstance(made, GatedWorld) and is_live("faulty:0.1:live:serper") and not is_live("vital")
    await made.close()
    for spec, said in (("live:", "no search engine"), ("live:altavista", "no search engine"), ("live:serper", "key")):
        with pytest.raises(ConfigError, match=said):
            open_world(spec, environment)


def test_settings_are_laid_over_the_recipe() -> None:
    config = resolve(
        research_config("react"),
        overrides=["web.scope=private", "web.timeout_s=5", "web.tidy.per_domain=2", "web.readers=['live', 'browser']"],
    )
    assert (config.web.scope, config.web.timeout_s, config.web.readers) == ("private", 5.0, ("live", "browser"))
    assert config.web.tidy.per_domain == 2
