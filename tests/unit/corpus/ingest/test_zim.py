"""ZIM files, written by a writer of our own in all variants of the format."""

import struct
from pathlib import Path

import pytest
from tests.samples import ARTICLES, OLD_ARTICLES
from tests.unit.corpus.ingest.test_reader import read
from tests.zim_writer import PACKINGS, Item, zim


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("new", [False, True])
def test_all_variants_give_the_same(tmp_path: Path, packing: str, wide: bool, new: bool) -> None:
    (tmp_path / "a.zim").write_bytes(zim(ARTICLES if new else OLD_ARTICLES, packing, wide, new))
    documents, problems = read(tmp_path / "a.zim", parsers=1)
    assert problems == []
    assert [document.title for document in documents] == [f"Page {n}" for n in range(8)] + ["Note"]
    page = documents[3]
    assert (page.url, page.aliases, page.text) == ("file:a.zim#Page_3", ("The 3",), "Text 3 with a link.")
    assert (page.lang, page.licence, page.date) == ("en", "CC-BY-SA-4.0", "2026-01-02")
    (link,) = page.links
    assert (link.target, link.anchor, link.offset) == ("file:a.zim#Page_4", "link", 14)


def test_articles_of_a_wikimedia_wiki_get_its_addresses(tmp_path: Path) -> None:
    facts = (
        Item("M", "Source", b"fr.wikipedia.org", mime="text/plain"),
        Item("M", "Scraper", b"mwoffliner 1.14", mime="text/plain"),
        Item("C", "L'Été_à_Paris", b"<p>Voir <a href='Nice'>Nice</a>."),
    )
    (tmp_path / "a.zim").write_bytes(zim(facts))
    (document,), problems = read(tmp_path / "a.zim")
    assert problems == []
    assert document.url == "https://fr.wikipedia.org/wiki/L'%C3%89t%C3%A9_%C3%A0_Paris"
    assert (document.title, document.licence) == ("L'Été à Paris", "CC-BY-SA-4.0")
    assert document.links[0].target == "https://fr.wikipedia.org/wiki/Nice"


def _patched(field: int, value: int, form: str = "<Q") -> bytes:
    data = bytearray(zim(ARTICLES))
    struct.pack_into(form, data, field, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "kind", "offset"),
    [
        (zim(ARTICLES)[:50], "truncated", 50),
        (_patched(4, 9, "<H"), "unsupported", 4),
        (_patched(32, 2**63), "corrupt", 32),
        (_patched(24, 2**32 - 1, "<I"), "corrupt", 32),
        (_patched(48, 2**40), "corrupt", 48),
        (_patched(56, 3), "corrupt", 56),
    ],
)
def test_header_that_lies_is_named_with_its_place(tmp_path: Path, data: bytes, kind: str, offset: int) -> None:
    (tmp_path / "a.zim").write_bytes(data)
    documents, (problem,) = read(tmp_path / "a.zim")
    assert (documents, problem.kind, problem.offset) == ([], kind, offset)


def test_cut_file_keeps_the_articles_before(tmp_path: Path) -> None:
    data = zim(ARTICLES, packing="none")
    (tmp_path / "a.zim").write_bytes(data[: data.index(b"Text 5")])
    documents, (problem,) = read(tmp_path / "a.zim")
    assert [document.title for document in documents] == [f"Page {n}" for n in range(5)]
    assert problem.kind == "truncated"
    assert "records were left out" in problem.reason


def test_damaged_cluster_costs_its_own_articles(tmp_path: Path) -> None:
    data = bytearray(zim(ARTICLES, packing="xz"))
    (clusters,) = struct.unpack_from("<Q", data, 48)
    (second,) = struct.unpack_from("<Q", data, clusters + 8)
    data[second + 8] ^= 0xFF
    (tmp_path / "a.zim").write_bytes(data)
    documents, (problem,) = read(tmp_path / "a.zim")
    assert [document.title for document in documents] == ["Page 0", "Page 1", "Page 2", "Page 3", "Note"]
    assert (problem.kind, problem.offset) == ("corrupt", second)
    assert "4 records were left out" in problem.reason


@pytest.mark.parametrize("packing", ["xz", "zstd"])
def test_bomb_in_a_cluster_is_bounded(tmp_path: Path, packing: str) -> None:
    items = [Item("C", "a", b"<p>good</p>"), Item("C", "b", b"<p>" + b" " * (20 * 2**20))]
    (tmp_path / "a.zim").write_bytes(zim(items, packing, per_cluster=1))
    assert (tmp_path / "a.zim").stat().st_size < 2**16
    documents, (problem,) = read(tmp_path / "a.zim", cluster_bytes=2**22)
    assert [document.text for document in documents] == ["good"]
    assert problem.kind == "oversized"


def test_redirects_in_a_circle_are_left(tmp_path: Path) -> None:
    items = [
        Item("C", "x", title="X", redirect="Cy"),
        Item("C", "y", title="Y", redirect="Cx"),
        Item("C", "z", b"<p><a href=x>to x</a>"),
    ]
    (tmp_path / "a.zim").write_bytes(zim(items))
    (document,), problems = read(tmp_path / "a.zim")
    assert (document.text, problems) == ("to x", [])


def test_part_of_a_split_file_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.zimaa").write_bytes(zim(ARTICLES)[:200])
    _, (problem,) = read(tmp_path / "a.zimaa")
    assert problem.kind == "truncated" and "join" in problem.hint
