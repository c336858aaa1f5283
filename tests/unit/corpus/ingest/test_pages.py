"""PDF and Office files."""

import zipfile
from pathlib import Path

import pytest
from tests.samples import ENCRYPTED, pdf, replaced, sheet, slides, word
from tests.unit.corpus.ingest.test_reader import read

LAUGHS = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(12)
)


def test_pages_of_a_pdf_are_parted_by_form_feeds(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["One is here.", "", "Three is here."], title="A title"))
    (document,), problems = read(tmp_path / "a.pdf")
    assert [page.strip() for page in document.text.split("\f")] == ["One is here.", "", "Three is here."]
    assert (document.title, document.date, document.url, problems) == ("A title", "2024-03-05", "file:a.pdf", [])


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (pdf(encrypt=ENCRYPTED), "encrypted"),
        (pdf()[:60], "truncated"),
        (b"%PDF-1.7\n" + b"no PDF at all " * 20 + b"%%EOF", "corrupt"),
        (pdf([""]), "empty"),
    ],
)
def test_pdf_that_cannot_be_read_says_why(tmp_path: Path, data: bytes, kind: str) -> None:
    (tmp_path / "a.pdf").write_bytes(data)
    documents, (problem,) = read(tmp_path / "a.pdf")
    assert (documents, problem.kind) == ([], kind)


def test_cut_pdf_keeps_the_pages_that_can_be_had(tmp_path: Path) -> None:
    data = pdf()
    (tmp_path / "a.pdf").write_bytes(data[: data.index(b"startxref")])
    (document,), (problem,) = read(tmp_path / "a.pdf")
    assert document.text == "The first page.\n\fThe second page."
    assert (problem.kind, problem.offset) == ("truncated", data.index(b"startxref"))


def test_caps_of_size(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["x" * 80] * 20))
    (document,), (problem,) = read(tmp_path / "a.pdf", document_bytes=1024)
    assert (document.text.replace("\n\f", ""), problem.kind) == ("x" * 80 * 12, "oversized")
    documents, (problem,) = read(tmp_path / "a.pdf", whole_file_bytes=1024)
    assert (documents, problem.kind) == ([], "oversized")


def test_text_of_office_files(tmp_path: Path) -> None:
    for name, data in {"a.docx": word(), "b.pptx": slides(), "c.xlsx": sheet()}.items():
        (tmp_path / name).write_bytes(data)
    documents, problems = read(tmp_path)
    assert problems == []
    assert [document.text for document in documents] == [
        "Report\n\nThe first paragraph.\na | b\nc | d\n\nThe end.",
        "Slide 1\nBody 1\n\fSlide 2\nBody 2",
        "Numbers\nname | 1 | 2.5 | True\n\fOther\nsecond",
    ]


def _with_flag(data: bytes) -> bytes:
    """The archive with its members marked as encrypted."""
    changed = bytearray(data)
    at = 0
    while (at := changed.find(b"PK\x01\x02", at)) >= 0:
        changed[at + 8] |= 1
        at += 4
    return bytes(changed)


@pytest.mark.parametrize(
    ("data", "options", "kind"),
    [
        (word()[:-300], {}, "truncated"),
        (_with_flag(word()), {}, "encrypted"),
        (replaced(word(), "word/document.xml", b"<broken"), {}, "corrupt"),
        (replaced(word(), "word/media/bomb.bin", bytes(2**24)), {"unpack_free_bytes": 2**20}, "oversized"),
        (replaced(word(), "word/media/bomb.bin", bytes(2**21)), {"zip_bytes": 2**20}, "oversized"),
        (word(), {"zip_members": 5}, "oversized"),
        (replaced(word(), "word/document.xml", LAUGHS + b"]><x>&m;</x>"), {}, "corrupt"),
    ],
)
def test_office_file_that_cannot_be_read(tmp_path: Path, data: bytes, options: dict[str, int], kind: str) -> None:
    (tmp_path / "a.docx").write_bytes(data)
    documents, (problem,) = read(tmp_path / "a.docx", **options)
    assert (documents, problem.kind) == ([], kind)


def test_entities_outside_the_file_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    body = f"<w:document {space}><w:body><w:p><w:r><w:t>seen &x;</w:t></w:r></w:p></w:body></w:document>"
    head = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]>'
    (tmp_path / "a.docx").write_bytes(replaced(word(), "word/document.xml", (head + body).encode()))
    documents, _ = read(tmp_path / "a.docx")
    assert "secret" not in "".join(document.text for document in documents)


def test_other_archives_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "text")
    documents, (problem,) = read(tmp_path / "a.zip")
    assert (documents, problem.kind) == ([], "unsupported")


def test_sheet_that_claims_to_be_huge_is_read_as_it_is(tmp_path: Path) -> None:
    rows = b'<row r="1"><c r="A1"><v>7</v></c></row><row r="1048576"><c r="XFD1048576"><v>8</v></c></row>'
    space = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    body = b"<worksheet %s><dimension ref='A1:XFD1048576'/><sheetData>%s</sheetData></worksheet>" % (space, rows)
    (tmp_path / "a.xlsx").write_bytes(replaced(sheet(), "xl/worksheets/sheet1.xml", body))
    (document,), problems = read(tmp_path / "a.xlsx", parser_cpu_s=20)
    assert problems == []
    assert document.text.split("\n")[:2] == ["Numbers", "7"]
