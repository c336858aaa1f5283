"""Attached files of every kind give one text each, and what is wrong with them in words."""

import bz2
import gzip
import io
import json
import lzma
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pytest
from tests.samples import ENCRYPTED, html, pdf, sheet, slides, word

from fathom.corpus.ingest.attached.kinds import kind_of
from fathom.corpus.ingest.attached.reader import Attached, AttachedOptions, read_attached
from fathom.corpus.ingest.isolate import Job, Outcome, Parsers

CITIES = "name,population,founded\n" + "".join(f"City {n},{n * 100},{1800 + n % 200}-01-02\n" for n in range(1, 3001))


@pytest.fixture(scope="module")
def parsers() -> Iterator[Parsers]:
    parsers = Parsers(AttachedOptions().reading)
    yield parsers
    parsers.close()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


class Reader:
    def __init__(self, folder: Path, parsers: Parsers) -> None:
        self.folder, self.parsers = folder, parsers

    def all(self, name: str, data: bytes, **limits: int) -> list[Attached]:
        path = self.folder / "file"
        path.write_bytes(data)
        return list(read_attached(path, name, AttachedOptions(**limits), self.parsers))

    def one(self, name: str, data: bytes, **limits: int) -> Attached:
        (found,) = self.all(name, data, **limits)
        return found


@pytest.fixture
def reader(tmp_path: Path, parsers: Parsers) -> Reader:
    return Reader(tmp_path, parsers)


def test_a_short_table_is_markdown(reader: Reader) -> None:
    found = reader.one("cities.csv", b"name;people\nOstra;4200\nVelden | Ufer;\n\nTurin;9,5\n")
    assert found.form == "table" and found.problem == ""
    assert found.text == (
        "Table cities.csv: 3 rows, 2 columns.\nRows 1 to 3:\n| name | people |\n|---|---|\n"
        "| Ostra | 4200 |\n| Velden \\| Ufer |  |\n| Turin | 9,5 |"
    )


def test_a_long_table_begins_with_columns_types_samples_and_the_count_of_rows(reader: Reader) -> None:
    found = reader.one("cities.csv", CITIES.encode())
    overview = found.text[: found.overview]
    assert overview.startswith("Table cities.csv: 3,000 rows, 3 columns.\n")
    assert "Columns: name (text), population (integer), founded (date)\n" in overview
    assert "Sample row: City 1 | 100 | 1801-01-02" in overview
    assert "| City 3000 | 300000 | 1800-01-02 |" in found.text
    assert found.text.count("| name | population | founded |") > 100, "each block has the header"


def test_rows_beyond_the_limit_are_counted_and_named(reader: Reader) -> None:
    found = reader.one("cities.csv", CITIES.encode(), text_chars=20_000)
    assert found.text.startswith("Table cities.csv: 3,000 rows") and found.failure == "oversized"
    assert "to 3,000 are counted but not in the text" in found.problem
    assert 18_000 < len(found.text) < 20_500 and "City 3000" not in found.text


def test_rows_too_wide_for_a_table_are_records(reader: Reader) -> None:
    long = "word " * 300
    found = reader.one("reviews.tsv", f"id\treview\n7\t{long}\n".encode())
    assert f"Row 1:\nid: 7\nreview: {long.strip()}" in found.text


def test_a_table_without_names_gets_some(reader: Reader) -> None:
    found = reader.one("numbers.csv", b"1,2.5\n3,4\n")
    assert "2 rows, 2 columns" in found.text and "| column 1 | column 2 |" in found.text


def test_sheets_come_one_after_the_other(reader: Reader) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Numbers"
    book.active.append(["name", "value"])
    book.active.append(["a", 1])
    book.create_sheet("Other").append(["only"])
    book.create_sheet("Empty")
    buffer = io.BytesIO()
    book.save(buffer)
    found = reader.one("book.xlsx", buffer.getvalue())
    assert found.text == (
        "Table book.xlsx, sheet Numbers: 1 row, 2 columns.\nSheet Numbers, row 1:\n| name | value |\n|---|---|\n"
        "| a | 1 |\n\nTable book.xlsx, sheet Other: 1 row, 1 column.\nSheet Other, row 1:\n"
        "| column 1 |\n|---|\n| only |"
    )
    assert found.problem == ""


def test_json_is_a_tree_with_numbers_as_they_are_written(reader: Reader) -> None:
    found = reader.one("a.json", b'{"a": 1.10, "b": [1, 2], "c": {"d": [{"e": null}], "f": true}, "g": 1e400}')
    assert (
        found.text
        == '{\n "a": 1.10\n "b": [1, 2]\n "c": {\n  "d": [\n   {"e": null}\n  ]\n  "f": true\n }\n "g": 1e400\n}'
    )


def test_a_long_json_begins_with_the_keys_by_path(reader: Reader) -> None:
    rows = [{"id": n, "name": f"n{n}", "tags": ["x"]} for n in range(500)]
    found = reader.one("rows.json", json.dumps({"rows": rows}).encode())
    overview = found.text[: found.overview]
    assert "rows[].id: integer, 500, e.g. 0" in overview and "rows[].tags[]: text, 500" in overview
    lines = reader.one("rows.jsonl", b"\n".join(json.dumps(row).encode() for row in rows))
    assert (
        lines.text.startswith("JSON rows.jsonl: 500 lines.")
        and '{"id": 499, "name": "n499", "tags": ["x"]}' in lines.text
    )


@pytest.mark.parametrize(("name", "kind"), [("a.json", "corrupt"), ("a.xml", "corrupt")])
def test_what_only_claims_to_be_a_tree_is_plain_text_and_says_so(reader: Reader, name: str, kind: str) -> None:
    found = reader.one(name, b"{'a': 1} is no JSON, and no XML")
    assert found.text == "{'a': 1} is no JSON, and no XML" and found.failure == kind
    assert found.problem.startswith("read as plain text: not ")


def test_xml_is_an_outline_and_a_long_one_has_an_overview(reader: Reader) -> None:
    found = reader.one("a.xml", b'<?xml version="1.0"?><c><b id="1"><t>One  two</t>tail</b><b/></c>')
    assert found.text == 'c\n b id="1"\n  t: One two\n  tail\n b'
    long = b"<c>" + b"<b><t>words of it</t></b>" * 500 + b"</c>"
    overview = (big := reader.one("b.xml", long)).text[: big.overview]
    assert "c/b (500)\nc/b/t (500), e.g. words of it" in overview
    damaged = reader.one("d.xml", b"<c><b>kept</b><b>")
    assert "b: kept" in damaged.text and damaged.failure == "corrupt"


def test_xml_entities_are_not_followed(reader: Reader) -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;">]><a>&y;</a>'
    assert "entities" in reader.one("a.xml", bomb).problem
    outside = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'
    found = reader.one("a.xml", outside)
    assert "entities" in found.problem and "SYSTEM" in found.text, "what is shown is the source itself"


def test_documents_keep_their_pages(reader: Reader) -> None:
    assert reader.one("a.pdf", pdf()).form == "pages"
    assert reader.one("a.pptx", slides()).text.count("\f") == 1
    assert "The first paragraph." in reader.one("a.docx", word()).text
    assert reader.one("a.html", html()).text
    assert "Numbers" in reader.one("unnamed", sheet()).text


def test_packed_files_are_unpacked(reader: Reader) -> None:
    assert "| Ostra | 4200 |" in reader.one("cities.csv.gz", gzip.compress(b"name,people\nOstra,4200\n")).text
    bomb = gzip.compress(b"\0" * 100_000_000)
    assert reader.one("a.txt.gz", bomb).failure == "oversized"


@pytest.mark.parametrize(
    ("name", "data", "failure", "words"),
    [
        ("a.mp3", b"ID3\x03", "unsupported", "audio and video are not supported here"),
        ("a.mp4", b"\0\0\0\x18ftypmp42", "unsupported", "audio and video"),
        ("a.mov", b"\0\0\0\x14ftypqt  ", "unsupported", "audio and video"),
        ("a.wav", b"RIFF\0\0\0\0WAVE", "unsupported", "audio and video"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "unsupported", "before 2007"),
        ("a.bin", b"\x7fELF\0\0\0", "unsupported", "no format"),
        ("a.txt", b"", "empty", "no bytes"),
        ("a.pdf", pdf(encrypt=ENCRYPTED), "encrypted", "password"),
        ("a.xlsx", b"PK\x03\x04 and no more", "truncated", "list"),
        ("a.zip", b"PK\x03\x04 and no more", "corrupt", "zip"),
        ("a.zip", zipped({}), "empty", "no file"),
        ("a.txt", b"x" * 3000, "oversized", "over the limit"),
    ],
)
def test_what_cannot_be_read_says_why(reader: Reader, name: str, data: bytes, failure: str, words: str) -> None:
    found = reader.one(name, data, file_bytes=2500)
    assert (found.text, found.failure) == ("", failure) and words in found.problem


def test_an_archive_gives_its_files_and_no_path_of_it_is_used(reader: Reader) -> None:
    inner = zipped({"deep.txt": b"deep words", "more.zip": zipped({"x.txt": b"x"})})
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO(
        zipped({"a/one.csv": b"k,v\nx,1\n", "../../evil.txt": b"evil", "/abs.txt": b"abs", "in.zip": inner})
    )
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    found = {one.part: one for one in reader.all("all.zip", buffer.getvalue())}
    assert "| x | 1 |" in found["a/one.csv"].text and found["in.zip/deep.txt"].text == "deep words"
    assert "leads out" in found["../../evil.txt"].problem and "leads out" in found["/abs.txt"].problem
    assert found["link.txt"].problem == "it is a link"
    assert "this one is deeper" in found["in.zip/more.zip"].problem
    assert not (reader.folder.parent / "evil.txt").exists()


def test_an_archive_is_bounded_in_number_bytes_and_ratio(reader: Reader) -> None:
    many = reader.all("many.zip", zipped({f"{n}.txt": b"x" for n in range(9)}), members=5)
    assert sum(bool(one.text) for one in many) == 5 and many[-1].problem == "4 more files than may be read"
    bomb = zipped({"small.txt": b"here", "bomb.txt": b"\0" * 80_000_000})
    assert len(bomb) < 100_000
    small, stopped = reader.all("bomb.zip", bomb, archive_ratio=10)
    assert small.text == "here" and stopped.failure == "oversized" and "bomb.txt" in stopped.problem
    nested = zipped({f"{n}.zip": zipped({"a.txt": b"\0" * 30_000_000}) for n in range(3)})
    assert [one.failure for one in reader.all("nest.zip", nested, archive_bytes=40_000_000)].count("oversized") == 2


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "a", "picture"),
        (b"BM nothing of the kind", "a.txt", "plain"),
        (b"BM\x36\0\0\0\0\0\0\0", "a.bmp", "picture"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a", "picture"),
        (b"\0\0\0\x1cftypavif", "a", "picture"),
        (b"a,b\n1,2\n", "A.CSV", "table"),
        (b"a,b\n1,2\n", "a.txt", "plain"),
        (b'<?xml version="1.0"?><a/>', "a.dat", "xml"),
        (b"<!DOCTYPE html><p>x", "a.txt", "html"),
        (b'{"a": 1}', "a.txt", "json"),
        (b"PK\x03\x04....[Content_Types].xml", "report", "office"),
        (b"PK\x03\x04....", "a.zip", "archive"),
        (b"%PDF-1.7", "a.txt", "pdf"),
    ],
)
def test_kinds(head: bytes, name: str, kind: str) -> None:
    assert kind_of(head, name) == kind


class Watched(Parsers):
    """Notes each job's function, and the bytes that lie in the folder of the reading when it begins."""

    def __init__(self, folder: Path) -> None:
        super().__init__(AttachedOptions().reading)
        self._folder = folder
        self.functions: list[str] = []
        self.held: list[int] = []

    def run(self, job: Job) -> Outcome:
        self.functions.append(job.function)
        self.held.append(sum(file.stat().st_size for file in self._folder.rglob("fathom-attached-*/**/*")))
        return super().run(job)


@pytest.mark.parametrize("packed", [gzip.compress, bz2.compress, lzma.compress])
def test_what_is_packed_twice_counts_against_the_same_bytes_and_is_gone_after_it(
    packed: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    parsers = Watched(tmp_path)
    line = b"a line of the same words\n"
    files = {f"{n}.txt.packed": packed(line * 120_000) for n in range(6)}  # 3 MB each
    path = tmp_path / "bomb.zip"
    path.write_bytes(zipped(files))
    assert path.stat().st_size < 60_000
    options = AttachedOptions(archive_bytes=7_000_000, text_chars=2000)
    found = list(read_attached(path, "bomb.zip", options, parsers))
    parsers.close()
    assert [bool(one.text) for one in found] == [True, True, False, False, False, False]
    assert {one.failure for one in found} == {"oversized"}
    assert parsers.functions.count("attached.members:expand") == 6, "unpacked where it can be killed"
    assert max(parsers.held) < 4_000_000 and not list(tmp_path.glob("fathom-attached-*"))


def test_small_bombs_share_the_free_bytes(reader: Reader) -> None:
    files = {f"{n}.txt.bz2": bz2.compress(b"\0" * 40_000_000) for n in range(4)}
    found = reader.all("bomb.zip", zipped(files))
    assert ["more than allowed" in one.problem for one in found] == [False, True, True, True]


def test_texts_of_an_archive_are_bounded_together(reader: Reader) -> None:
    data = zipped({f"{n}.txt": b"some words " * 200 for n in range(5)})
    found = reader.all("many.zip", data, archive_chars=5000)
    assert [len(one.text) for one in found] == [2200, 2200, 600, 0, 0]
    assert found[2].failure == "oversized" and "the last 1,600 of 2,200 characters" in found[2].problem
    assert found[3].failure == "oversized" and "left out" in found[3].problem
    assert len(reader.one("one.txt", b"some words " * 200, archive_chars=1024).text) == 2200, (
        "one file has its own limit"
    )
