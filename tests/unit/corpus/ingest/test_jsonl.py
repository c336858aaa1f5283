"""JSON lines and JSON lists."""

import json
from pathlib import Path

import pytest
from tests.samples import ROWS, json_lines, json_list
from tests.unit.corpus.ingest.test_reader import read

from fathom.corpus.document import Link

PLACED = Link(target="Babbage", anchor="Babbage", offset=8)
FULL = {
    "id": 7,
    "title": "Ada",
    "url": "https://example.org/ada",
    "text": "Ada met Babbage.",
    "categories": ["People"],
    "aliases": ["Ada Lovelace", "Ada"],
    "lang": "en",
    "license": "CC0-1.0",
    "date": "2024-01-02",
    "links": ["Byron", PLACED.model_dump(), {"target": "X", "anchor": "no", "offset": 3}],
    "extra": {"ignored": True},
}


def test_all_keys_are_taken(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(FULL))
    documents, problems = read(tmp_path / "a.jsonl")
    assert problems == []
    (document,) = documents
    assert (document.url, document.title, document.lang, document.licence) == (FULL["url"], "Ada", "en", "CC0-1.0")
    assert (document.categories, document.aliases, document.date) == (("People",), ("Ada Lovelace",), "2024-01-02")
    assert document.links == (Link(target="Byron"), PLACED, Link(target="X", anchor="no"))
    assert document.source == "a.jsonl"


def test_list_gives_what_lines_give(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(json_lines())
    lines, _ = read(tmp_path / "x")
    (tmp_path / "x").write_bytes(json_list())
    assert read(tmp_path / "x") == (lines, [])
    assert [document.title for document in lines] == [row["title"] for row in ROWS]


def test_long_objects_in_a_list_are_read_across_blocks(tmp_path: Path) -> None:
    rows = [{"title": str(n), "text": "北" * (60_000 + n) + '\\"'} for n in range(4)]
    (tmp_path / "a.json").write_text(json.dumps(rows, ensure_ascii=False))
    documents, problems = read(tmp_path / "a.json")
    assert [document.text for document in documents] == [row["text"] for row in rows]
    assert problems == []


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("not json", "corrupt"),
        ('{"title": "no text"}', "corrupt"),
        ('{"text": 3}', "corrupt"),
        ('{"text": "  "}', "empty"),
        ('{"text": "x", "links": [{}]}', "corrupt"),
        ('{"text": "x", "aliases": "y"}', "corrupt"),
        ("[1]", "corrupt"),
        ("[" * 100_000, "corrupt"),
        ('{"text": "' + "x" * 5000 + '"}', "oversized"),
    ],
)
def test_a_bad_line_is_left_out_and_named(tmp_path: Path, line: str, kind: str) -> None:
    good = '{"title": "a", "text": "b"}\n'
    (tmp_path / "a.jsonl").write_text(good + line + "\n" + good + line + "\n")
    documents, (problem,) = read(tmp_path / "a.jsonl", document_bytes=4096)
    assert len(documents) == 2
    if line != "[" * 100_000:
        assert problem.kind == kind
    assert problem.offset == len(good)
    assert "2 records were left out" in problem.reason


def test_cut_file_keeps_what_came_before(tmp_path: Path) -> None:
    data = json_lines()
    (tmp_path / "a.jsonl").write_bytes(data[:-20])
    documents, (problem,) = read(tmp_path / "a.jsonl")
    assert len(documents) == 39
    assert (problem.kind, problem.offset) == ("truncated", data.rindex(b"\n{") + 1)


def test_cut_list_keeps_what_came_before(tmp_path: Path) -> None:
    data = json_list()
    (tmp_path / "a.json").write_bytes(data[:-200])
    documents, (problem,) = read(tmp_path / "a.json")
    assert len(documents) == 39
    assert (problem.kind, problem.offset) == ("truncated", data.rindex(b"\n {") + 2)


def test_damage_in_a_list_is_found_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"title": "é", "text": "x"}, {"title": "b" "text": 2}, {"text": "y"}]')
    documents, (problem,) = read(tmp_path / "a.json")
    assert [document.title for document in documents] == ["é"]
    assert (problem.kind, problem.offset) == ("corrupt", 31)


def test_object_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{\n "a": 1\n}\n')
    assert [problem.kind for problem in read(tmp_path / "a.json")[1]] == ["unsupported"]


def test_lone_surrogates_are_mended(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"title": "\\ud800", "text": "a\\udfffb"}')
    (document,), problems = read(tmp_path / "a.jsonl")
    assert (document.title, document.text, problems) == ("\ufffd", "a\ufffdb", [])
