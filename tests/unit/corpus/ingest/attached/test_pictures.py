"""Text in pictures and scanned pages is recognised where the extra `ocr` is installed, and only there."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from fathom.core.errors import InputError
from fathom.corpus.ingest.attached import picture_text
from fathom.corpus.ingest.attached.reader import Attached, AttachedOptions, read_attached
from fathom.corpus.ingest.isolate import Parsers


def drawn(kind: str, *lines: str) -> bytes:
    image = Image.new("RGB", (420, 300), "white")
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text((20, 40 + 90 * number), line, fill="black", font=ImageFont.load_default(size=36))
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def parsers() -> Iterator[Parsers]:
    parsers = Parsers(AttachedOptions().reading)
    yield parsers
    parsers.close()


def read(folder: Path, name: str, data: bytes, parsers: Parsers, **limits: int) -> Attached:
    (folder / "file").write_bytes(data)
    (found,) = read_attached(folder / "file", name, AttachedOptions(**limits), parsers)
    return found


def test_words_of_a_picture_and_of_a_scanned_page(tmp_path: Path, parsers: Parsers) -> None:
    pytest.importorskip("rapidocr")
    for name, kind in (("photo.png", "PNG"), ("scan.pdf", "PDF")):
        found = read(tmp_path, name, drawn(kind, "Ostra 1884", "4,200 people"), parsers)
        assert found.text == "Ostra 1884\n4,200 people"
        assert found.problem == "the text was recognised in pictures and may have mistakes" and found.failure is None


def test_pictures_that_are_none_or_not_looked_at_say_so(tmp_path: Path, parsers: Parsers) -> None:
    scan = read(tmp_path, "scan.pdf", drawn("PDF", "Ostra"), parsers, pictures=0)
    assert scan.failure == "empty" and "need text recognition" in scan.problem
    photo = read(tmp_path, "photo.png", drawn("PNG", "Ostra"), parsers, pictures=0)
    assert photo.failure == "unsupported" and photo.problem == "text in pictures is not looked for"


def test_without_the_extra_a_picture_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    picture_text._reader.cache_clear()
    with pytest.raises(InputError, match="cannot be read here") as caught:
        list(picture_text.picture("nothing.png", 1))
    assert caught.value.kind == "unsupported" and "ocr" in caught.value.hint


def test_damaged_and_enormous_pictures_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_text, "_reader", lambda: None)
    path = tmp_path / "a.png"
    for data, kind in (
        (drawn("PNG", "x")[:200], "corrupt"),
        (b"\x89PNG\r\n\x1a\n", "unsupported"),
        (b"BM", "unsupported"),
    ):
        path.write_bytes(data)
        with pytest.raises(InputError) as caught:
            list(picture_text.picture(str(path), 1))
        assert caught.value.kind == kind
    Image.new("1", (10_000, 7_000)).save(path)
    with pytest.raises(InputError, match="over the limit") as large:
        list(picture_text.picture(str(path), 1))
    assert large.value.kind == "oversized" and path.stat().st_size < 20_000
