"""Configuration: recipe < TOML < --set, and one clear line for everything that does not fit."""

from pathlib import Path

import pytest
from pydantic import Field

from fathom.core.config import Config, Environment, child_environment, resolve
from fathom.core.errors import ConfigError


class Inner(Config):
    depth: int = Field(default=1, ge=0)
    name: str = "inner"


class Outer(Config):
    inner: Inner = Inner()
    share: float = 0.5
    tags: tuple[str, ...] = ()
    on: bool = False
    limit: int | None = None
    weights: dict[str, int] = {"a": 1}


def test_precedence(tmp_path: Path) -> None:
    toml = tmp_path / "a.toml"
    toml.write_text('share = 0.25\non = true\n[inner]\ndepth = 2\nname = "toml"\n')
    recipe = Outer(share=0.75, tags=("r",), inner=Inner(depth=9))
    assert resolve(recipe) == recipe
    from_file = resolve(recipe, toml=toml)
    assert (from_file.share, from_file.on, from_file.inner.depth, from_file.tags) == (0.25, True, 2, ("r",))
    both = resolve(recipe, toml=toml, overrides=["inner.depth=3", "share=1", "share=0.125"])
    assert (both.inner.depth, both.inner.name, both.share) == (3, "toml", 0.125)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("inner.name=plain text", "plain text"),
        ('inner.name="3"', "3"),
        ("inner.name=https://x/v1?a=b", "https://x/v1?a=b"),
        (" inner.name = x ", "x"),
        ("inner.name=", ""),
    ],
)
def test_texts_need_no_quotes(text: str, value: str) -> None:
    assert resolve(Outer(), overrides=[text]).inner.name == value


def test_a_mapping_is_replaced_by_a_table_and_takes_any_key(tmp_path: Path) -> None:
    toml = tmp_path / "a.toml"
    toml.write_text("[weights]\nc = 2\n")
    recipe = Outer(weights={"a": 1, "b": 3})
    assert resolve(recipe, toml=toml).weights == {"c": 2}
    assert resolve(recipe, overrides=["weights={c = 2}"]).weights == {"c": 2}
    assert resolve(recipe, overrides=["weights.c=2"]).weights == {"a": 1, "b": 3, "c": 2}


def test_lists_numbers_and_truth_are_read_as_toml() -> None:
    found = resolve(Outer(), overrides=['tags=["a", "b"]', "on=true", "limit=7", "share=1e-3"])
    assert found == Outer(tags=("a", "b"), on=True, limit=7, share=0.001)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("share", "not of the form"),
        ("=3", "not of the form"),
        ("shore=3", "no setting 'shore'; there are inner, limit, on, share, tags"),
        ("inner.deep=3", "no setting 'deep'"),
        ("outer.depth=3", "no group 'outer'"),
        ("share.depth=3", "no group 'share'"),
        ("inner.depth=-1", "inner.depth: .* greater than or equal to 0"),
        ("inner.depth=deep", "inner.depth"),
        ("inner=3", "inner"),
    ],
)
def test_wrong_overrides_name_the_key(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        resolve(Outer(), overrides=[text])


@pytest.mark.parametrize(("text", "says"), [("share = ", "a.toml"), ("[inner]\ndeep = 1", "deep"), ("x = 1", "'x'")])
def test_wrong_files_name_file_or_key(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        resolve(Outer(), toml=path)


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        resolve(Outer(), toml=tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ConfigError, match=r"latin\.toml"):
        resolve(Outer(), toml=tmp_path / "latin.toml")


def test_environment() -> None:
    full = {"FATHOM_HOME": "/h", "FATHOM_MODEL_URL": "http://x/v1", "FATHOM_MODEL": "m", "FATHOM_API_KEY": "geheim"}
    found = Environment.read(full)
    assert (found.home, found.model_url, found.model_name) == (Path("/h"), "http://x/v1", "m")
    assert found.api_key.get_secret_value() == "geheim"
    assert "geheim" not in repr(found) + found.model_dump_json()


def test_home_is_absolute_and_has_a_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert Environment.read({}).home == tmp_path / ".local/share/fathom"
    assert Environment.read({"XDG_DATA_HOME": "/x"}).home == Path("/x/fathom")
    assert Environment.read({"FATHOM_HOME": "here"}).home == tmp_path / "here"
    assert Environment.read({"FATHOM_HOME": "~/there"}).home == tmp_path / "there"


def test_children_get_this_environment_and_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FATHOM_TEST_KEPT", "1")
    found = child_environment(FATHOM_TEST_NEW="2")
    assert (found["FATHOM_TEST_KEPT"], found["FATHOM_TEST_NEW"]) == ("1", "2")


def test_keys_of_services_are_found_by_their_names_and_not_shown() -> None:
    found = Environment.read(
        {
            "FATHOM_SERPER_KEY": "geheim",
            "FATHOM_SEMANTIC_SCHOLAR_KEY": "auch",
            "FATHOM_BRAVE_KEY": "",
            "FATHOM_API_KEY": "a",
        }
        | {"SERPER_KEY": "x", "FATHOM_KEY": "x", "FATHOM_CONTACT": "me@example.org"}
    )
    assert sorted(found.keys) == ["semantic_scholar", "serper"] and found.contact == "me@example.org"
    assert found.keys["serper"].get_secret_value() == "geheim"
    assert "geheim" not in repr(found) + found.model_dump_json()
    assert (Environment.read({}).keys, Environment.read({}).contact) == ({}, "")
