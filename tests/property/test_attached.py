"""Readers of attached files, and what is shown of them, are total: any bytes, any names, any sizes."""

import asyncio
import csv
import io
import itertools
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mutations import mutate
from tests.samples import pdf, sheet

from fathom.core.errors import AccessDeniedError, InputError, PageNotFoundError
from fathom.core.evidence import Page
from fathom.corpus.ingest.attached import json_text, table_text, xml_text
from fathom.corpus.ingest.attached.kinds import kind_of
from fathom.corpus.ingest.attached.members import unpack
from fathom.corpus.ingest.attached.reader import AttachedOptions, read_attached
from fathom.corpus.ingest.isolate import Parsers
from fathom.tools.files import ParseFile, ParseFileConfig, _Shown, shares
from fathom.world.files.protocol import FileText
from fathom.world.files.store import FileStore

LIMIT = 2000
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
CELLS = st.one_of(
    TEXT, st.integers().map(str), st.floats().map(str), st.sampled_from(["", "2024-01-02", "true", "a|b"])
)
ROWS = st.lists(st.lists(CELLS, max_size=5), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
SIGNS = "<a> </a> <c/> <!DOCTYPE <!ENTITY ]> &e; &lt; <![CDATA[ ]]> <!-- --> \0".split()
OPENINGS = ["<b x='1'>", "</b>", "<!DOCTYPE a [", "<!ENTITY e 'v'>", "<?xml version='1.0' encoding='utf-16'?>"]
MARKUP = st.one_of(TEXT, st.sampled_from(SIGNS + OPENINGS))


def extracted(function: Any, data: bytes, **arguments: Any) -> list[dict[str, Any]]:
    """The parts that a parser gives of `data`; `InputError` is the only other outcome."""
    parts: list[dict[str, Any]] = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        try:
            parts.extend(function(str(path), **arguments))
        except InputError as error:
            assert error.reason
    return parts


@settings(max_examples=150)
@given(st.one_of(st.binary(max_size=300), ROWS.map(lambda rows: "\n".join(",".join(row) for row in rows).encode())))
def test_any_bytes_are_a_table(data: bytes) -> None:
    (part,) = extracted(table_text.delimited, data, name="a.csv", limit=LIMIT, file_bytes=200)
    assert part["text"].startswith("Table a.csv: ") and 0 <= part["overview"] <= len(part["text"])


@settings(max_examples=100)
@given(
    st.lists(st.lists(st.text('abc1. \n"|,;', min_size=1, max_size=8), min_size=2, max_size=4), min_size=1, max_size=9)
)
def test_every_cell_of_a_table_is_in_its_text(rows: list[list[str]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    (part,) = extracted(table_text.delimited, buffer.getvalue().encode(), name="a.csv", limit=10**6, file_bytes=10**6)
    if part["left_out"] == "" and ";" not in buffer.getvalue() and "|" not in buffer.getvalue():
        for cell in (" ".join(cell.split()) for row in rows for cell in row):
            assert cell in part["text"]


@settings(max_examples=150)
@given(st.one_of(st.binary(max_size=200), JSON.map(lambda value: json.dumps(value).encode()), st.just(b"[" * 5000)))
def test_any_bytes_are_json_or_not(data: bytes) -> None:
    for part in extracted(json_text.extract, data, name="a.json", limit=LIMIT, file_bytes=3000):
        assert part["overview"] <= len(part["text"])


@settings(max_examples=100)
@given(JSON)
def test_the_words_of_json_are_in_its_text(value: Any) -> None:
    (part,) = extracted(json_text.extract, json.dumps(value).encode(), name="a.json", limit=10**6, file_bytes=10**6)
    body = part["text"][part["overview"] :]
    for leaf in leaves(value):
        assert json.dumps(leaf, ensure_ascii=False) in body


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


@settings(max_examples=200)
@given(st.lists(MARKUP, max_size=20).map(lambda pieces: "".join(pieces).encode()))
def test_any_bytes_are_xml_or_not(data: bytes) -> None:
    for part in extracted(xml_text.extract, data, name="a.xml", limit=LIMIT):
        assert part["text"] and part["overview"] <= len(part["text"])


@settings(max_examples=30)
@given(
    st.dictionaries(TEXT.filter(lambda name: name and not name.endswith("/")), st.binary(max_size=50), max_size=5),
    st.integers(0, 400),
)
def test_archives_are_unpacked_into_their_folder_and_nowhere_else(files: dict[str, bytes], cut: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    limits = {"members": 3, "total_bytes": 100, "ratio": 2, "free_bytes": 100}
    for data in (buffer.getvalue(), buffer.getvalue()[:cut]):
        with TemporaryDirectory() as folder:
            for row in extracted(unpack, data, folder=folder, **limits):
                assert ("path" in row) != ("problem" in row)
                assert "path" not in row or Path(row["path"]).parent == Path(folder)
            written = sum(path.stat().st_size for path in Path(folder).iterdir())
            assert written <= 100 and len(list(Path(folder).iterdir())) <= 3


@settings(max_examples=300)
@given(st.binary(max_size=60), TEXT)
def test_any_file_is_of_some_kind(head: bytes, name: str) -> None:
    assert kind_of(head, name)


@pytest.mark.parametrize("name", ["a.pdf", "a.xlsx", "a.zip", "a.json", "a.xml", "a.csv"])
def test_damaged_files_give_texts_or_a_problem(tmp_path: Path, name: str) -> None:
    samples = {"a.pdf": pdf(), "a.xlsx": sheet(), "a.json": json.dumps([{"a": [1, None]}] * 9).encode(),
               "a.xml": b"<a><b c='1'>text</b></a>" * 1, "a.csv": b"a,b\n1,2\n" * 9}  # fmt: skip
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for inner, data in samples.items():
            archive.writestr(inner, data)
    data = {**samples, "a.zip": buffer.getvalue()}[name]
    options = AttachedOptions(pictures=0)
    parsers = Parsers(options.reading)
    rng = random.Random(2026)
    for _ in range(12):
        path = tmp_path / "file"
        path.write_bytes(mutate(data, rng))
        found = list(read_attached(path, name, options, parsers))
        assert found and all(one.text or (one.problem and one.failure) for one in found)
    parsers.close()


@given(st.lists(st.text(max_size=40), max_size=60))
@settings(max_examples=5)
def test_any_name_is_found_or_refused(names: list[str]) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "a.txt").write_text("x")
        store = FileStore([Path(folder)])
        for asked in names:
            try:
                assert store._find(asked)[0] == "a.txt"
            except (PageNotFoundError, AccessDeniedError) as error:
                assert str(error)


class NoFiles:
    async def read(self, asked: str) -> Any:
        raise PageNotFoundError(asked)

    async def close(self) -> None:
        return None


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from(["word ", "Ostra. ", "\n", "\n\n", "\f", "x" * 300, "| a | b |\n"]), max_size=60).map(
        "".join
    ),
    st.sampled_from(["prose", "pages", "table", "tree"]),
    st.integers(0, 300),
    st.integers(1, 3000),
    st.sampled_from(["", "Ostra", "page 2", "pages 1-3"]),
)
def test_what_is_shown_are_spans_in_order_within_the_room(
    body: str, form: Any, overview: int, room: int, wanted: str
) -> None:
    page = Page(url="file:a", title="a", text=body, text_hash="", fetched_at="")
    text = FileText(name="a", page=page, form=form, overview=min(overview, len(body)))
    spans = ParseFile(NoFiles(), ParseFileConfig(window_chars=100))._spans(_Shown(text, wanted, room), "Ostra?")
    assert sum(end - start for start, end in spans) <= max(room, len(body) if len(body) <= room else room)
    assert all(0 <= start < end <= len(body) and body[start:end].strip() for start, end in spans)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    if not wanted and len(body) <= room:
        shown = "".join(body[start:end] for start, end in spans)
        assert "".join(shown.split()) == "".join(body.split()) or form != "prose"  # blanks may stand between spans


@given(st.lists(st.integers(1, 50_000), max_size=12), st.integers(1, 9000), st.integers(1, 30_000))
def test_shares_never_exceed_what_there_is(sizes: list[int], each: int, total: int) -> None:
    rooms = shares(sizes, each=each, total=total)
    assert sum(rooms) <= total and all(0 <= room <= min(size, each) for room, size in zip(rooms, sizes, strict=True))


def test_no_loop_is_needed_to_make_a_store(tmp_path: Path) -> None:
    store = FileStore([tmp_path])
    assert store.names == () and asyncio.run(store.close()) is None
