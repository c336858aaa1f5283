"""Engines by name: what a spec says, and what is said of one that does not fit. The guide tells the same."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.worlds import small_world

from fathom.core.config import Environment
from fathom.core.errors import ConfigError
from fathom.sandbox.egress.protocol import WebReply
from fathom.sandbox.egress.scripted import ScriptedWeb
from fathom.sandbox.gateway.service import LaneConfig, paced
from fathom.world.search.engine import HttpEngine
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.registry import SERVICES, documented_limits, engine, identity, label

GUIDE = Path(__file__).resolve().parents[4] / "docs" / "guides" / "search-engines.md"
NOBODY = ScriptedWeb(lambda request: WebReply(503, request.url, {}, b""))
KEYS = {name: SecretStr("canary") for name, service in SERVICES.items() if service.key != "none"}


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "searxng"])
def test_every_engine_has_a_name(name: str) -> None:
    made = engine(name, NOBODY, KEYS, contact="me@example.org")
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
    assert engine(spec, NOBODY).name == name


async def test_a_corpus_is_an_engine(tmp_path: Path) -> None:
    await small_world(tmp_path / "corpus").close()
    made = engine(f"local:{tmp_path / 'corpus'}", NOBODY)
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
        engine(spec, NOBODY)
    assert said in str(raised.value)


def test_a_missing_key_says_where_it_belongs() -> None:
    required = [service for service in SERVICES.values() if service.key == "required"]
    assert {service.name for service in required} == {"serper", "tavily", "brave", "exa"}
    for service in required:
        with pytest.raises(ConfigError) as raised:
            engine(service.name, NOBODY, {service.name: SecretStr("")})
        assert raised.value.hint == f"set {service.key_variable}"
        environment = Environment.read({service.key_variable: "k", "FATHOM_API_KEY": "another"})
        assert engine(service.name, NOBODY, environment.keys).name == service.name


UNSTATED = {"searxng:http://x", "serper", "duckduckgo", "wikipedia", "wayback"}
STATED = {
    "arxiv": (1 / 3, 1), "brave": (1, 64), "tavily": (100 / 60, 64), "exa": (10, 64), "openalex": (100, 64),
    "semantic_scholar": (1, 64), "crossref": (3, 3), "pubmed": (5, 64), "github": (0.5, 64), "github:code": (1 / 6, 64),
}  # fmt: skip


def test_engines_are_asked_as_hard_as_their_documentation_allows(tmp_path: Path) -> None:
    for spec, (rate_per_s, slots) in STATED.items():
        made = engine(spec, NOBODY, KEYS, contact="me@example.org")
        assert documented_limits(made) == paced(rate_per_s, slots), spec
    for spec, expected in (("crossref", paced(1, 1)), ("pubmed", paced(1.5)), ("github", paced(1 / 6))):
        assert documented_limits(engine(spec, NOBODY)) == expected, spec
    for spec in UNSTATED:
        assert documented_limits(engine(spec, NOBODY, KEYS)) == LaneConfig()
    assert {spec.partition(":")[0] for spec in {*UNSTATED, *STATED}} == set(SERVICES)


def test_specs_of_one_engine_are_known_as_such_and_named_without_their_address() -> None:
    same = (
        ("searxng:http://localhost:8080", "searxng:HTTP://LOCALHOST:8080/"), ("github", "github:repositories"),
        ("wikipedia", "wikipedia:"), ("serper", " serper"), ("local:corpus", "local:./corpus"),
    )  # fmt: skip
    for one, other in same:
        assert identity(one) == identity(other)
    apart = (
        "searxng:http://a",
        "searxng:http://b",
        "wikipedia",
        "wikipedia:de",
        "github",
        "github:code",
        "none",
        "x:y",
    )
    assert len({identity(spec) for spec in apart}) == len(apart)
    specs = ("searxng:http://a", "local:/notes", "wikipedia:de", "arxiv")
    assert [label(spec) for spec in specs] == ["searxng", "local", "wikipedia:de", "arxiv"]


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


def test_the_guide_says_how_hard_engines_are_asked() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    lines = [line.strip("|").split("|") for line in text.splitlines() if re.match(r"\| `\w+` \|[^|]*\|[^|]*\|$", line)]
    told = {name.strip(" `"): (rate, slots) for name, rate, slots in lines if name.strip(" `") in SERVICES}
    assert set(told) == {spec.partition(":")[0] for spec in STATED}
    for name, (rate, slots) in told.items():
        bare = documented_limits(engine(name, NOBODY, required()))
        full = documented_limits(engine(name, NOBODY, KEYS, contact="me@example.org"))
        for numbers, given in ((rate, (bare.rate_per_s, full.rate_per_s)), (slots, (bare.slots, full.slots))):
            said = [_number(number) for number in re.findall(r"\d+(?:/\d+)?", numbers)]
            assert said == pytest.approx(list(dict.fromkeys(given))), name


def required() -> dict[str, SecretStr]:
    return {name: key for name, key in KEYS.items() if SERVICES[name].key == "required"}


def _number(text: str) -> float:
    over, _, under = text.partition("/")
    return int(over) / int(under or 1)
