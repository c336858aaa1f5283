"""Named corpora: made, added to, linked, listed and removed."""

import json
import shutil
from pathlib import Path

import pytest

from fathom.core.errors import ConfigError, InputError
from fathom.corpus.snapshot import Snapshot
from fathom.recipes import corpora
from fathom.recipes.corpora import (
    CorpusSources,
    add_corpus,
    corpus_folder,
    ensure_corpus,
    list_corpora,
    open_corpus,
    remove_corpus,
)

PAGES = {"Oslo": "Oslo is the capital of Norway.", "Norway": "Norway is a kingdom in Europe."}


def lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    return lines(tmp_path / "pages.jsonl", [{"title": title, "text": text} for title, text in PAGES.items()])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def links(snapshot: Snapshot) -> dict[str, list[str]]:
    return {document.title: [link.anchor for link in document.links] for document in snapshot.documents()}


def test_files_become_a_linked_corpus_with_the_stated_language_and_licence(pages: Path, home: Path) -> None:
    sources = CorpusSources(paths=(pages,), langs=("en",), licence="CC0-1.0", link=True)
    snapshot, problems = add_corpus("north", home, sources)
    assert problems == ()
    assert [(document.lang, document.licence) for document in snapshot.documents()] == [("en", "CC0-1.0")] * 2
    assert set(links(snapshot)) == {"Oslo", "Norway"}
    assert open_corpus("north", home).hash == snapshot.hash


def test_what_a_document_states_itself_is_kept(home: Path, tmp_path: Path) -> None:
    row = {"title": "Oslo", "text": "x", "lang": "nb", "licence": "MIT"}
    sources = CorpusSources(paths=(lines(tmp_path / "a.jsonl", [row]),), langs=("en",), licence="CC0-1.0")
    (document,) = add_corpus("north", home, sources).snapshot.documents()
    assert (document.lang, document.licence) == ("nb", "MIT")


def test_linking_is_done_when_asked_and_by_default_only_where_no_page_has_links(home: Path, tmp_path: Path) -> None:
    plain = [{"title": title, "text": f"{text} " * 3} for title, text in PAGES.items()]
    plain += [{"title": f"Page {n}x", "text": "Something else. Norway is far."} for n in range(5)]
    own = [{**plain[0], "links": ["Europe"]}, *plain[1:]]
    files = {"plain": lines(tmp_path / "p.jsonl", plain), "own": lines(tmp_path / "o.jsonl", own)}

    def made(name: str, link: bool | None) -> int:
        sources = CorpusSources(paths=(files[name],), link=link)
        snapshot = add_corpus(f"{name}-{link}", home, sources).snapshot
        return sum(link.offset >= 0 for document in snapshot.documents() for link in document.links)

    assert made("plain", None) == made("plain", True) > 0
    assert made("plain", False) == made("own", None) == made("own", False) == 0
    assert 0 < made("own", True) < made("plain", True)


def test_too_many_to_link_are_added_without_links_and_a_problem_says_so(
    pages: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpora, "MAX_LINKED", 1)
    snapshot, problems = add_corpus("north", home, CorpusSources(paths=(pages,)))
    assert links(snapshot) == {"Oslo": [], "Norway": []}
    assert "not linked" in problems[0]


def test_adding_is_incremental_and_new_pages_link_to_old_ones(pages: Path, home: Path, tmp_path: Path) -> None:
    add_corpus("north", home, CorpusSources(paths=(pages,), link=False))
    more = lines(tmp_path / "more.jsonl", [{"title": "Bergen", "text": "Bergen is in Norway."}])
    snapshot, problems = add_corpus("north", home, CorpusSources(paths=(more,), link=True))
    assert problems == ()
    assert links(snapshot) == {"Oslo": [], "Norway": [], "Bergen": ["Norway"]}
    same = add_corpus("north", home, CorpusSources(paths=(more,), link=True)).snapshot
    assert same.hash == snapshot.hash


def test_problems_are_of_this_addition_only(pages: Path, home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"title": "A", "text": "alpha"}\nnot json\n', encoding="utf-8")
    snapshot, problems = add_corpus("north", home, CorpusSources(paths=(broken,)))
    assert snapshot.manifest.counts.documents == 1
    assert len(problems) == 1
    assert "broken.jsonl at byte 32: corrupt" in problems[0]
    again = add_corpus("north", home, CorpusSources(paths=(pages,)))
    assert again.problems == ()
    assert again.snapshot.manifest.problems == problems


def test_a_failed_addition_leaves_the_corpus_as_it_was(pages: Path, home: Path, tmp_path: Path) -> None:
    before = add_corpus("north", home, CorpusSources(paths=(pages,))).snapshot.hash
    with pytest.raises(InputError, match="missing"):
        add_corpus("north", home, CorpusSources(paths=(tmp_path / "none",)))
    assert open_corpus("north", home).hash == before


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (CorpusSources(), "nothing to add"),
        (CorpusSources(packaged=("wikipedia",)), "ships no corpus 'wikipedia'; there is vital"),
        (CorpusSources(packaged=("vital",), licence="MIT"), "states its own licence"),
        (CorpusSources(packaged=("vital",), langs=("de",)), "no language de"),
        (CorpusSources(paths=(Path(__file__),), langs=("en", "fr")), "one language only"),
    ],
)
def test_sources_that_make_no_sense_are_refused(home: Path, sources: CorpusSources, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        add_corpus("north", home, sources)
    assert list_corpora(home) == ([], [])


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "a b", "ü", "x" * 65])
def test_names_that_are_none_are_refused(home: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name"):
        corpus_folder(name, home)


def test_a_corpus_that_is_not_there_is_told_and_not_made(home: Path) -> None:
    for action in (open_corpus, remove_corpus, ensure_corpus):
        with pytest.raises(ConfigError, match="there is no corpus 'south'"):
            action("south", home)
    assert list_corpora(home) == ([], [])


def test_corpora_are_listed_by_name_and_a_damaged_one_does_not_hide_the_others(pages: Path, home: Path) -> None:
    for name in ("south", "north", "west"):
        add_corpus(name, home, CorpusSources(paths=(pages,)))
    (open_corpus("south", home).folder / "manifest.json").write_text("{")
    manifests, problems = list_corpora(home)
    assert [manifest.name for manifest in manifests] == ["north", "west"]
    assert len(problems) == 1
    assert problems[0].startswith("south: ")


def test_a_removed_corpus_is_gone_and_can_be_made_again(pages: Path, home: Path) -> None:
    first = add_corpus("north", home, CorpusSources(paths=(pages,))).snapshot
    first.close()
    remove_corpus("north", home)
    assert not corpus_folder("north", home).exists()
    assert add_corpus("north", home, CorpusSources(paths=(pages,))).snapshot.hash == first.hash


def test_a_removal_cut_short_is_no_corpus(pages: Path, home: Path) -> None:
    add_corpus("north", home, CorpusSources(paths=(pages,))).snapshot.close()
    (corpus_folder("north", home) / "CURRENT").unlink()
    assert list_corpora(home) == ([], [])
    shutil.rmtree(corpus_folder("north", home))
