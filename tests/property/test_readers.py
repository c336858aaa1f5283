"""Readers are total: any bytes, however damaged, give documents and problems, and nothing else."""

import bz2
import gzip
import json
import lzma
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mutations import fuzz
from tests.samples import SAMPLES
from tests.zim_writer import PACKINGS, Item, zim

from fathom.core.errors import InputError
from fathom.corpus.document import Document
from fathom.corpus.ingest import html_text, wikitext
from fathom.corpus.ingest.encoding import decode, decode_html
from fathom.corpus.ingest.html import follow
from fathom.corpus.ingest.reader import read_documents

FUZZED = 15  # of each sample; `python -m tests.mutations 1300` runs 22,100 in all
SURROGATE = re.compile("[\ud800-\udfff]")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
WORDS = TEXT.filter(str.strip)
TAGS = st.sampled_from(
    "p div a b i table tr td ul li pre br span h1 script style template svg select form main".split()
)
PIECES = st.one_of(
    TEXT,
    TAGS.map(lambda tag: f"<{tag}>"),
    TAGS.map(lambda tag: f"</{tag}>"),
    TEXT.map(lambda href: f"<a href='{href}'>"),
    st.sampled_from(["<!--", "-->", "<![CDATA[", "&amp;", "&#0;", "&#x110000;", "<", ">", "\0", "<p hidden>"]),
)
SIGNS = "{{ }} [[ ]] {| |} |- | || ! !! '' ''' == === * # : ; ( ) <ref> </ref> <!-- --> <nowiki> </nowiki>"
OPENINGS = ["\n", "[[Category:", "[[File:", "{{lang|", "<br/>", "&nbsp;", "&#x110000;", "__TOC__", "[http://"]
MARKS = st.one_of(TEXT, st.sampled_from(SIGNS.split() + OPENINGS))
PATHS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


def read(path: Path) -> tuple[list[Document], list[InputError]]:
    problems: list[InputError] = []
    return list(read_documents(path, on_problem=problems.append)), problems


@pytest.mark.parametrize("name", SAMPLES)
def test_damaged_files_give_documents_or_a_problem(tmp_path: Path, name: str) -> None:
    assert fuzz(name, SAMPLES[name](), FUZZED, 2026, tmp_path).inputs == FUZZED


@settings(max_examples=60)
@given(st.binary(max_size=300), st.sampled_from(["a", "a.jsonl", "a.json", "a.txt", "a.md", "a.zim", "a.xml", "a.gz"]))
def test_any_bytes_are_read(data: bytes, name: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        documents, problems = read(path)
    assert documents or len(problems) == 1


@settings(max_examples=60)
@given(st.lists(st.tuples(WORDS, WORDS), max_size=5), st.integers(0, 2000))
def test_lines_come_back_and_a_cut_costs_one(rows: list[tuple[str, str]], cut: int) -> None:
    data = b"".join(json.dumps({"title": title, "text": text}).encode() + b"\n" for title, text in rows)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(data)
        assert [(document.title, document.text) for document in read(path)[0]] == [
            (title.strip(), text) for title, text in rows
        ]
        path.write_bytes(data[:cut])
        documents, problems = read(path)
    whole = data[:cut].count(b"\n")
    torn = bool(data[:cut].rpartition(b"\n")[2])
    assert [document.text for document in documents[:whole]] == [text for _, text in rows[:whole]]
    assert len(documents) - whole + len(problems) == (torn or not whole)


@settings(max_examples=40)
@given(
    st.lists(st.binary(max_size=200), min_size=1, max_size=4),
    st.sampled_from([gzip.compress, bz2.compress, lambda data: lzma.compress(data, preset=0)]),
)
def test_packed_members_come_back(parts: list[bytes], pack: Callable[[bytes], bytes]) -> None:
    with TemporaryDirectory() as folder:
        packed, plain = Path(folder) / "a.gz", Path(folder) / "a"
        packed.write_bytes(b"".join(pack(b"x " + part.replace(b"\0", b" ")) for part in parts))
        plain.write_bytes(b"".join(b"x " + part.replace(b"\0", b" ") for part in parts))
        assert [document.text for document in read(packed)[0]] == [document.text for document in read(plain)[0]]


@settings(max_examples=150)
@given(st.binary(max_size=400), st.sampled_from(["", "utf-8", "gb2312", "x-unknown", "utf-16", "hz", "iso-2022-jp"]))
def test_any_bytes_are_text(data: bytes, declared: str) -> None:
    for text in (decode(data, declared), decode_html(b"<meta charset=" + declared.encode() + b">" + data)):
        assert not SURROGATE.search(text) and "\0" not in text and "\r" not in text


@settings(max_examples=200)
@given(st.text(max_size=60), TEXT.filter(lambda base: not base.startswith("/")))
def test_any_href_is_followed_within_the_root(href: str, base: str) -> None:
    web, path = follow(href, base)
    assert not (web and path)
    assert not path.startswith(("/", "../")) and path != ".."


@settings(max_examples=200)
@given(st.lists(PIECES, max_size=25), st.sampled_from([1, 512]))
def test_any_page_is_text_with_links_in_place(pieces: list[str], depth: int) -> None:
    html = "".join(pieces) + ("<i>" * 70 if depth == 1 else "")
    (part,) = html_text.extract(html, depth)
    check_links(part)


@settings(max_examples=200)
@given(st.lists(MARKS, max_size=25))
def test_any_wikitext_is_text_with_links_in_place(marks: list[str]) -> None:
    source = "".join(marks)
    (part,) = wikitext.extract(source, {"category": "category", "file": "file"})
    check_links(part)
    (part,) = wikitext.strip(source)
    check_links(part)


def check_links(part: dict[str, object]) -> None:
    text, links = part["text"], part["links"]
    assert isinstance(text, str) and isinstance(links, list)
    for _, anchor, offset in links:
        assert (offset == -1 and not anchor) or (anchor and text.startswith(anchor, offset))


@settings(max_examples=40)
@given(
    st.dictionaries(PATHS, WORDS, min_size=1, max_size=8),
    st.sampled_from(sorted(PACKINGS)),
    st.booleans(),
    st.integers(1, 5),
)
def test_archives_come_back(texts: dict[str, str], packing: str, wide: bool, per_cluster: int) -> None:
    items = [Item("C", path, text.encode(), mime="text/plain") for path, text in texts.items()]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.zim"
        path.write_bytes(zim(items, packing, wide, per_cluster=per_cluster))
        documents, problems = read(path)
    expected = {name: decode(text.encode()) for name, text in texts.items()}
    assert problems == []
    assert [document.text for document in documents] == [expected[name] for name in sorted(texts)]
