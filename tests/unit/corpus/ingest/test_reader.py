"""What `read_documents` promises whatever the kind of file."""

import os
from pathlib import Path

import pytest
from tests.samples import SAMPLES, json_lines

from fathom.core.errors import InputError
from fathom.corpus.document import Document
from fathom.corpus.ingest.options import ReadOptions
from fathom.corpus.ingest.reader import read_documents


def read(path: Path, **options: int) -> tuple[list[Document], list[InputError]]:
    problems: list[InputError] = []
    documents = list(read_documents(path, on_problem=problems.append, options=ReadOptions(**options)))
    return documents, problems


def test_every_sample_is_read_whole_whatever_its_name_and_the_number_of_parsers(tmp_path: Path) -> None:
    named, nameless = tmp_path / "named", tmp_path / "nameless"
    for folder in (named, nameless):
        folder.mkdir()
    for name, make in SAMPLES.items():
        (named / name).write_bytes(make())
        (nameless / name.replace(".", "_")).write_bytes((named / name).read_bytes())
    documents, problems = read(named, parsers=2)
    assert problems == []
    assert {document.source for document in documents} == set(SAMPLES)
    for document in documents:
        assert document.title and document.text.strip()
        assert str(tmp_path) not in document.model_dump_json()
        for link in document.links:
            assert document.text.startswith(link.anchor, link.offset)
    again, problems = read(nameless, parsers=1)
    assert problems == []
    assert [(d.source, d.text) for d in again] == [(d.source.replace(".", "_"), d.text) for d in documents]


def test_wrong_endings_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "1.pdf").write_text("<!doctype html><p>An error page saved as PDF.")
    (tmp_path / "2.docx").write_bytes(SAMPLES["a.pdf"]())
    (tmp_path / "3.jsonl").write_bytes(SAMPLES["a.xml"]())
    (tmp_path / "4.zim").write_text("no archive")
    (tmp_path / "5.docx").write_text("no archive")
    documents, problems = read(tmp_path)
    assert list(dict.fromkeys(document.source for document in documents)) == ["1.pdf", "2.docx", "3.jsonl"]
    assert [(Path(problem.source).name, problem.kind) for problem in problems] == [
        ("4.zim", "corrupt"),
        ("5.docx", "corrupt"),
    ]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"   \n\n ", "empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "unsupported"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 an old spreadsheet", "unsupported"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
    ],
)
def test_a_file_that_is_no_document_is_told_once(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    documents, problems = read(path)
    assert documents == []
    assert [(problem.kind, problem.source) for problem in problems] == [(kind, str(path))]


def test_missing_empty_folder_and_pipe(tmp_path: Path) -> None:
    assert [p.kind for p in read(tmp_path / "none")[1]] == ["missing"]
    assert [p.kind for p in read(tmp_path)[1]] == ["empty"]
    os.mkfifo(tmp_path / "pipe")
    assert [p.kind for p in read(tmp_path / "pipe")[1]] == ["unsupported"]
    assert [p.kind for p in read(tmp_path)[1]] == ["empty"]


def test_folder_is_walked_in_order_and_goes_on_after_a_bad_file(tmp_path: Path) -> None:
    for name, text in {"b/2.txt": "two", "b/1.txt": "one", "a.md": "zero", "c.txt": "last"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "b" / "1z.bin").write_bytes(b"\0\1\2")
    (tmp_path / "b" / "style.css").write_text("p {}")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("hidden")
    documents, problems = read(tmp_path)
    assert [document.url for document in documents] == ["file:a.md", "file:c.txt", "file:b/1.txt", "file:b/2.txt"]
    assert [Path(problem.source).name for problem in problems] == ["1z.bin"]


def test_links_do_not_lead_out_of_the_folder_nor_round(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "a.txt").write_text("inside")
    (inside / "out.txt").symlink_to(tmp_path / "secret.txt")
    (inside / "same.txt").symlink_to(inside / "a.txt")
    (inside / "round").symlink_to(inside)
    (inside / "up").symlink_to(tmp_path)
    documents, problems = read(inside)
    assert [document.url for document in documents] == ["file:a.txt", "file:same.txt"]
    assert problems == []


def test_number_of_documents_is_capped(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(json_lines())
    (tmp_path / "b.txt").write_text("more")
    documents, problems = read(tmp_path, documents=7)
    assert len(documents) == 7
    assert [problem.kind for problem in problems] == ["oversized"]
    documents, problems = read(tmp_path / "a.jsonl", documents=40)
    assert (len(documents), problems) == (40, [])


def test_files_over_the_cap_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(json_lines())
    documents, problems = read(tmp_path / "a.jsonl", file_bytes=100)
    assert (documents, [problem.kind for problem in problems]) == ([], ["oversized"])


def test_addresses_are_unique_and_stable(tmp_path: Path) -> None:
    rows = ['{"title": "A b", "text": "x"}', '{"title": "A b~2", "text": "y"}', '{"title": "A b", "text": "z"}']
    (tmp_path / "a.jsonl").write_text("\n".join(rows))
    urls = [document.url for document in read(tmp_path / "a.jsonl")[0]]
    assert urls == ["file:a.jsonl#A_b", "file:a.jsonl#A_b~2", "file:a.jsonl#A_b~3"]


def test_reading_stops_when_the_reader_is_left(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.html").write_text(f"<p>Page {number}</p>")
    reading = read_documents(tmp_path, on_problem=lambda problem: None)
    assert next(iter(reading)).text == "Page 0"
    reading.close()  # type: ignore[attr-defined]
