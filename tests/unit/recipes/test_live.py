"""The live world as runs have it: engines and readers behind a gateway."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests.chat_server import Answer
from tests.web_server import WebServer, small_web

from fathom.core.config import Environment, resolve
from fathom.core.errors import AccessDeniedError, ConfigError, WorldUnavailableFault
from fathom.recipes.live import browser_settings, live_world
from fathom.recipes.research import research_config
from fathom.recipes.web_config import WebConfig
from fathom.recipes.worlds import is_live, open_world
from fathom.sandbox.gateway.calls import read_calls
from fathom.sandbox.gateway.service import LaneChanges
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
    twice = "live:http://localhost:8888,wikipedia,http://localhost:8888/"
    for spec, said in ((twice, "named twice"), ("live:serper, serper", "'serper' is named twice")):
        with pytest.raises(ConfigError, match=said):
            open_world(spec, environment)
    for spec, said in (("live:", "no search engine"), ("live:altavista", "no search engine"), ("live:serper", "key")):
        with pytest.raises(ConfigError, match=said):
            open_world(spec, environment)


async def test_a_server_that_wants_a_pause_does_not_make_another_one_wait(environment: Environment) -> None:
    async with small_web() as server, small_web() as busy:
        busy.search = lambda query: Answer({}, 429, {"retry-after": "60"})
        made = live_world(f"{busy.base}, {server.base}", environment, WebConfig())
        hits = await asyncio.wait_for(made.search("lighthouse"), 30)
        assert hits and {hit.note for hit in hits} == {"backup"}
        await made.close()
    (call,) = read_calls(environment.home / "gateway" / "calls.jsonl")
    assert (call.provider, call.faults) == (
        "searxng 2",
        ("rate_limited",),
    ) and "127.0.0.1" not in call.model_dump_json()


async def test_engines_and_hosts_are_asked_as_hard_as_is_set(environment: Environment) -> None:
    async with small_web() as server:
        slow = {"rate_per_s": 4, "burst": 1}
        made = world(server, environment, scope="private", engines={"searxng": slow}, host=slow, robots=False)
        for ask in (made.search, lambda name: made.open(f"{server.base}/wiki/{name}")):
            began = time.monotonic()
            await asyncio.gather(*(ask(name) for name in ("a", "b", "c")), return_exceptions=True)
            assert time.monotonic() - began >= 0.5
        await made.close()


class CountingServer(WebServer):
    """A server that finds nothing, slowly, and sees how many ask at once."""

    def __init__(self) -> None:
        super().__init__(search=lambda query: Answer({"query": query, "results": []}, wait_s=0.4))
        self.running = self.most = 0

    async def _send(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await super()._send(writer, answer)
        self.running -= 1


async def test_how_many_searches_are_under_way_at_once_is_a_setting(environment: Environment) -> None:
    for settings, most in (({"slots": 1}, 1), ({}, 3)):
        async with CountingServer() as server:
            made = world(server, environment, keep_s=0, **settings)
            await asyncio.gather(*(made.search(name) for name in ("a", "b", "c")))
            await made.close()
            assert server.most == most


async def test_robots_txt_and_redirects_count_for_the_host(environment: Environment) -> None:
    async with small_web() as server:
        server.routes["/led"] = Answer(b"", 302, {"location": "/wiki/Ostra"})
        made = world(server, environment, scope="private", host={"rate_per_s": 4, "burst": 1})
        began = time.monotonic()
        assert "lighthouse" in (await made.open(f"{server.base}/led")).text
        assert time.monotonic() - began >= 0.5 and server.visited == ["/robots.txt", "/led", "/wiki/Ostra"]
        await made.close()


def test_a_browser_may_bring_in_no_more_than_is_set() -> None:
    assert browser_settings(WebConfig()).max_bytes == 50_000_000
    assert browser_settings(WebConfig(max_bytes=1_000_000)).max_bytes == 5_000_000


async def test_a_reader_service_that_wants_a_pause_is_not_asked_for_other_hosts(environment: Environment) -> None:
    async with WebServer() as server:
        for number in range(8):
            server.routes[f"/http://1.1.1.{number}/"] = Answer({}, 429, {"retry-after": "300"})
        config = WebConfig(attempts=1, readers=("service",), reader_url=server.base, robots=False, timeout_s=5.0)
        made = live_world("wikipedia", environment, config)
        for number in range(8):
            with pytest.raises(WorldUnavailableFault):
                await made.open(f"http://1.1.1.{number}/")
        assert len(server.visited) == 1
        await made.close()


async def test_what_fails_is_left_alone_as_is_set(environment: Environment) -> None:
    async with small_web() as server, small_web() as broken:
        broken.search = lambda query: Answer({}, 503)
        breaker = {"in_a_row": 1, "open_s": 60}
        config = WebConfig.model_validate({"attempts": 1, "breaker": breaker})
        made = live_world(f"{broken.base}, {server.base}", environment, config)
        for query in ("lighthouse", "film", "director"):
            await made.search(query)
        assert len(broken.visited) == 1 and len(server.visited) == 3
        await made.close()


def test_limits_that_name_no_engine_are_refused(environment: Environment) -> None:
    config = WebConfig.model_validate({"engines": {"arxive": {"slots": 1}}})
    with pytest.raises(ConfigError, match="'arxive', which is no search engine"):
        live_world("arxiv", environment, config)


def test_settings_are_laid_over_the_recipe() -> None:
    config = resolve(
        research_config("react"),
        overrides=[
            "web.scope=private", "web.timeout_s=5", "web.tidy.per_domain=2", "web.readers=['live', 'browser']",
            "web.engines.arxiv={rate_per_s=0.1}", "web.host.slots=2", "web.breaker.in_a_row=3",
        ],
    )  # fmt: skip
    assert config.web.engines == {"arxiv": LaneChanges(rate_per_s=0.1)}
    assert config.web.host == LaneChanges(slots=2) and config.web.breaker.in_a_row == 3
    assert (config.web.scope, config.web.timeout_s, config.web.readers) == ("private", 5.0, ("live", "browser"))
    assert config.web.tidy.per_domain == 2
