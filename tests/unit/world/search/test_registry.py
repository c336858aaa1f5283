"""Engines by name: what a spec says, and what is said of one that does not fit. The guide tells the same."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.loopback_web import LoopbackWeb
from tests.worlds import small_world

from fathom.core.config import Environment
from fathom.core.errors import ConfigError
from fathom.world.search.engine import HttpEngine
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.registry import SERVICES, engine

GUIDE = Path(__file__).resolve().parents[4] / "docs" / "guides" / "search-engines.md"
KEYS = {name: SecretStr("canary") for name, service in SERVICES.items() if service.key != "none"}


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "searxng"])
def test_every_engine_has_a_name(name: str) -> None:
    made = engine(name, LoopbackWeb(), KEYS, contact="me@example.org")
    assert isinstance(made, HttpEngine) and made.name == name and "canary" not in repr(vars(made))


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("searxng:http://localhost:8080", "searxng"),
        ("wikipedia:de", "wikipedia:de"),
        ("github:code", "github:code"),
        (" arxiv ", "arxiv"),
    ],
)
def test_a_setting_behind_the_colon(spec: str, name: str) -> None:
    assert engine(spec, LoopbackWeb()).name == name


async def test_a_corpus_is_an_engine(tmp_path: Path) -> None:
    await small_world(tmp_path / "corpus").close()
    made = engine(f"local:{tmp_path / 'corpus'}", LoopbackWeb())
    hits = await made.search(SearchQuery(text="film director", k=2))
    assert made.name.startswith("local:small@") and len(hits) == 2
    await made.close()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("google", "there are searxng, serper,"),
        ("", "there are searxng,"),
        ("serper", "serper needs a key"),
        ("searxng", "names no server"),
        ("searxng:localhost:8080", "names no server"),
        ("arxiv:de", "takes nothing behind a colon"),
        ("github:issues", "github:issues"),
        ("wikipedia:../x", "wikipedia:../x"),
        ("local", "names no corpus"),
        ("local:/nowhere", "nowhere"),
    ],
)
def test_a_spec_that_does_not_fit_says_what_would(spec: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        engine(spec, LoopbackWeb())
    assert said in str(raised.value)


def test_a_missing_key_says_where_it_belongs() -> None:
    required = [service for service in SERVICES.values() if service.key == "required"]
    assert {service.name for service in required} == {"serper", "tavily", "brave", "exa"}
    for service in required:
        with pytest.raises(ConfigError) as raised:
            engine(service.name, LoopbackWeb(), {service.name: SecretStr("")})
        assert raised.value.hint == f"set {service.key_variable}"
        environment = Environment.read({service.key_variable: "k", "FATHOM_API_KEY": "another"})
        assert engine(service.name, LoopbackWeb(), environment.keys).name == service.name


def rows() -> dict[str, list[str]]:
    """The cells of the guide's table by engine, in order."""
    lines = [line for line in GUIDE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {re.sub(r"[`:].*", "", row[0].strip("`")): row for row in cells if len(row) == 5}


def test_the_guide_says_what_the_code_does() -> None:
    table = rows()
    assert list(table) == [*SERVICES, "local"]
    for name, service in SERVICES.items():
        _, needs, filters, most, _ = table[name]
        key = f"`{service.key_variable}`" + (" (optional)" if service.key == "optional" else "")
        assert ("_KEY" in needs) == (service.key != "none") and (service.key == "none" or needs == key)
        told = {word for word in ("domains", "dates", "language") if word in filters}
        assert told == service.passes, name
        assert int(most) == service.max_k
