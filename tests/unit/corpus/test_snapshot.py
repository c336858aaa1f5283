from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fathom.core.errors import ConfigError, InputError
from fathom.corpus.document import Document, Link
from fathom.corpus.snapshot import Snapshot, add_documents, build_snapshot

PARIS = Document(
    url="https://x/Paris",
    title="Paris",
    text="Paris is the capital of France.\n\nIt lies on the Seine.",
    lang="en",
    aliases=("City of Light",),
    links=(Link(target="https://x/France", anchor="France", offset=24),),
    licence="CC-BY-SA-4.0",
    source="test",
)
LYON = Document(
    url="https://x/Lyon", title="Lyon", text="Lyon lies on the Rhône and the Saône.", lang="en", source="test"
)


def test_a_built_snapshot_gives_back_what_went_in(tmp_path: Path) -> None:
    built = build_snapshot(tmp_path / "c", "cities", [PARIS, LYON])
    snapshot = Snapshot.open(tmp_path / "c")
    assert (snapshot.name, snapshot.hash) == ("cities", built.hash)
    assert snapshot.get(PARIS.url) == PARIS
    assert snapshot.get("https://x/Rome") is None
    assert snapshot.find("paris") == PARIS
    assert snapshot.find("city_of  LIGHT") == PARIS
    assert snapshot.links(PARIS.url) == PARIS.links
    assert list(snapshot.documents()) == [PARIS, LYON]
    assert snapshot.manifest.counts.documents == 2
    assert snapshot.manifest.counts.licences == {"": 1, "CC-BY-SA-4.0": 1}


def test_matches_are_exact_spans_of_their_documents(tmp_path: Path) -> None:
    snapshot = build_snapshot(tmp_path / "c", "cities", [PARIS, LYON])
    found = snapshot.search("rivers: the Rhone?")
    assert found[0].passage.title == "Lyon"
    for match in found:
        document = snapshot.get(match.passage.url)
        assert document is not None
        assert document.text[match.passage.start : match.passage.end] == match.passage.text


def test_of_documents_with_the_same_url_the_last_counts(tmp_path: Path) -> None:
    newer = PARIS.model_copy(update={"text": "Paris hosted the games of 2024."})
    snapshot = build_snapshot(tmp_path / "c", "cities", [PARIS, LYON, newer])
    assert list(snapshot.documents()) == [LYON, newer]
    assert snapshot.search("capital") == ()
    assert snapshot.search("games")[0].passage.id == 1


def test_the_hash_does_not_depend_on_the_order(tmp_path: Path) -> None:
    one = build_snapshot(tmp_path / "a", "cities", [PARIS, LYON])
    two = build_snapshot(tmp_path / "b", "cities", [LYON, PARIS])
    three = build_snapshot(tmp_path / "d", "cities", [LYON])
    assert one.hash == two.hash != three.hash


def test_a_snapshot_stays_as_it_was_when_another_version_is_built(tmp_path: Path) -> None:
    before = build_snapshot(tmp_path / "c", "cities", [PARIS])
    after = add_documents(tmp_path / "c", [LYON])
    assert before.search("Rhône") == ()
    assert after.search("Rhône") != ()
    assert Snapshot.open(tmp_path / "c").hash == after.hash
    assert Snapshot.open(before.folder).hash == before.hash


def test_an_unreadable_rest_keeps_what_was_read_before_it(tmp_path: Path) -> None:
    def reader() -> Iterator[Document]:
        yield PARIS
        raise InputError("dump.xml", "truncated", "the file ends inside a page", offset=4096)

    snapshot = build_snapshot(tmp_path / "c", "cities", reader(), problems=["page 3: no text"])
    assert list(snapshot.documents()) == [PARIS]
    assert snapshot.manifest.problems == (
        "page 3: no text",
        "dump.xml at byte 4096: truncated: the file ends inside a page",
    )


def test_nothing_to_build_from_is_an_error_and_leaves_what_was_there(tmp_path: Path) -> None:
    before = build_snapshot(tmp_path / "c", "cities", [PARIS])
    with pytest.raises(InputError, match="no document"):
        build_snapshot(tmp_path / "c", "cities", [])
    assert Snapshot.open(tmp_path / "c").hash == before.hash
    assert not (tmp_path / "c" / ".building").exists()


def test_thousands_of_passages_may_be_asked_for_at_once(tmp_path: Path) -> None:
    pages = [Document(url=f"u/{n}", title="same", text="same words") for n in range(2500)]
    found = build_snapshot(tmp_path / "c", "pages", pages).search("words", 2400)
    assert [match.passage.url for match in found] == [f"u/{n}" for n in range(2400)]


def test_threads_may_share_a_snapshot(tmp_path: Path) -> None:
    pages = [Document(url=f"u/{n}", title=f"Page {n}", text=f"w{n % 7} w{n % 11} w{n % 13}") for n in range(200)]
    snapshot = build_snapshot(tmp_path / "c", "pages", pages)
    queries = [f"w{n % 13} w{n % 5} page {n}" for n in range(300)]
    expected = [snapshot.search(query) for query in queries]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(snapshot.search, queries)) == expected
        assert list(pool.map(lambda page: snapshot.get(page.url), pages)) == pages


def test_no_corpus_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no corpus at"):
        Snapshot.open(tmp_path / "nowhere")
