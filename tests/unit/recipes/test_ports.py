"""Worlds by their specs."""

from pathlib import Path

import pytest
from tests.web_server import small_web

from fathom.core.config import Environment
from fathom.core.errors import ConfigError
from fathom.recipes.ports import open_world


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
    with pytest.raises(ConfigError, match="names no search server") as caught:
        open_world(spec, environment(tmp_path))
    assert "live:http://localhost:8080" in caught.value.hint
