from typing import Any

import pytest
from tests.web_server import small_web

from fathom.core.config import Environment, resolve
from fathom.core.errors import AccessDeniedError, WorldUnavailableFault
from fathom.recipes.live import LiveConfig, live_world
from fathom.recipes.ports import open_world
from fathom.world.live import LiveWorld


def world(url: str, **egress: Any) -> LiveWorld:
    return live_world(LiveConfig.model_validate({"searxng_url": url, "egress": egress}))


async def test_search_may_be_inside_while_pages_are_of_the_public_internet() -> None:
    async with small_web() as server:
        made = world(server.base)
        (hit, *_) = await made.search("lighthouse")
        with pytest.raises(AccessDeniedError):
            await made.open(hit.url)
        inside = world(server.base, scope="private")
        assert "lighthouse" in (await inside.open(hit.url)).text
        await made.close()
        await inside.close()


async def test_offline_there_is_neither_search_nor_page() -> None:
    async with small_web() as server:
        made = world(server.base, scope="offline")
        with pytest.raises(WorldUnavailableFault):
            await made.search("lighthouse")
        with pytest.raises(AccessDeniedError):
            await made.open("https://a.example/")
        assert server.visited == []
        await made.close()


async def test_the_spec_of_a_live_world_opens_one(environment: Environment) -> None:
    made = open_world("live:http://localhost:8888", environment)
    assert isinstance(made, LiveWorld)
    await made.close()


def test_settings_are_laid_over_the_recipe() -> None:
    config = resolve(
        LiveConfig(searxng_url="http://localhost:8888"),
        overrides=["egress.scope=private", "reader.timeout_s=5", "reader.parser.cpu_s=2", "egress.proxy=http://p:1"],
    )
    assert (config.egress.scope, config.reader.timeout_s, config.reader.parser.cpu_s) == ("private", 5.0, 2)
    assert config.egress.proxy.get_secret_value() == "http://p:1" and "http://p:1" not in config.model_dump_json()


@pytest.fixture
def environment(tmp_path: Any) -> Environment:
    return Environment(home=tmp_path)
