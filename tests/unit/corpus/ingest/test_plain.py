"""Plain text and the rule of encodings."""

from pathlib import Path

import pytest
from tests.unit.corpus.ingest.test_reader import read

from fathom.corpus.ingest.encoding import decode

CHINESE = "北京是中华人民共和国的首都，也是全国的政治中心。"
GERMAN = "Die Straße führt über die Brücke nach Köln."


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (GERMAN.encode(), GERMAN),
        (GERMAN.encode("utf-8-sig"), GERMAN),
        (GERMAN.encode("utf-16"), GERMAN),
        (b"\xfe\xff" + GERMAN.encode("utf-16-be"), GERMAN),
        (GERMAN.encode("utf-32"), GERMAN),
        (GERMAN.encode("cp1252"), GERMAN),
        (CHINESE.encode("gb18030"), CHINESE),
        (GERMAN.encode() * 5 + b"\xff", GERMAN * 5 + "\ufffd"),
        (b"a\r\nb\rc", "a\nb\nc"),
        (b"a\0\x07b\tc\x0cd", "a\ufffd\ufffdb\tc\x0cd"),
    ],
)
def test_bytes_become_text_by_the_rule(data: bytes, text: str) -> None:
    assert decode(data) == text


def test_what_is_declared_counts_if_it_fits() -> None:
    assert decode("ЖЗИ".encode("koi8-r"), "koi8-r") == "ЖЗИ"
    assert decode("ЖЗИ".encode(), "koi8-u-nonsense") == "ЖЗИ"
    assert decode("日本".encode("shift_jis"), "Shift_JIS") == "日本"
    assert decode(GERMAN.encode(), "ascii") != ""


@pytest.mark.parametrize("codec", ["punycode", "hex", "idna", "unicode_escape", "utf-7", "rot13", "undefined", "zlib"])
def test_codecs_that_are_none_of_the_web_are_not_tried(codec: str) -> None:
    assert decode(b"a\\u0041-", codec) == "a\\u0041-"


def test_title_is_the_heading_or_the_name(tmp_path: Path) -> None:
    (tmp_path / "one.md").write_text("intro\n\n# The title #\n\ntext")
    (tmp_path / "two.txt").write_text("# no heading here")
    titles = {document.source: document.title for document in read(tmp_path)[0]}
    assert titles == {"one.md": "The title", "two.txt": "two"}


def test_of_a_long_file_the_begin_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("word " * 1000)
    (document,), (problem,) = read(tmp_path / "a.txt", document_bytes=2048)
    assert (len(document.text), problem.kind) == (2048, "oversized")
