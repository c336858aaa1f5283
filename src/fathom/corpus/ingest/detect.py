"""What a file is: by its first bytes where they tell, else by the ending of its name."""

import re
from pathlib import PurePosixPath
from typing import Literal

Format = Literal["json_lines", "json_list", "plain", "html", "mediawiki", "zim", "pdf", "office", "ole", "binary"]

SNIFF_BYTES = 2**16

_PACKED_SUFFIXES = (".gz", ".bz2", ".xz")
_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"ZIM\x04", "zim"),
    (b"PK\x03\x04", "office"),
    (b"PK\x05\x06", "office"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
)
_BY_SUFFIX: dict[str, Format] = {
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".json": "json_list",
    ".zim": "zim",
    ".pdf": "pdf",
    ".docx": "office",
    ".pptx": "office",
    ".xlsx": "office",
}
_JSON_LINE = re.compile(rb'\s*\{[ \t]*("|\})')
_JSON_LIST = re.compile(rb"\s*\[\s*[\{\]]")
_MEDIAWIKI = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<mediawiki[\s>]", re.DOTALL)
_HTML = re.compile(
    rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)[\s>]", re.DOTALL | re.IGNORECASE
)
# Files beside HTML pages that are no documents. In a folder they are passed over without a word.
_ASSETS = frozenset(
    ".css .js .mjs .map .png .jpg .jpeg .gif .svg .webp .avif .ico .bmp .tif .tiff .woff .woff2 .ttf .otf .eot "
    ".mp3 .mp4 .ogg .ogv .webm .wav .py .pyc .lock .sqlite .tantivy .sha256 .md5 .torrent".split()
)


def suffix(name: str) -> str:
    """The ending that tells the type, without that of a packed file: `.xml` of `x.XML.bz2`."""
    path = PurePosixPath(name.lower())
    return PurePosixPath(path.stem).suffix if path.suffix in _PACKED_SUFFIXES else path.suffix


def is_asset(name: str) -> bool:
    """Whether a file met in a folder is no document by its name."""
    return suffix(name) in _ASSETS


def detect(head: bytes, name: str) -> Format:
    """The format of a file that begins with `head` (unpacked, up to `SNIFF_BYTES`) and is called `name`."""
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    if b"%PDF-" in head[:1024]:
        return "pdf"
    by_name = _BY_SUFFIX.get(suffix(name))
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "ignore").encode("utf-8", "ignore")
    if b"\0" in head[:8192]:
        return by_name if by_name in ("zim", "pdf", "office") else "binary"
    return _text_format(head.removeprefix(b"\xef\xbb\xbf"), by_name)


def _text_format(head: bytes, by_name: Format | None) -> Format:
    if _MEDIAWIKI.match(head):
        return "mediawiki"
    if _HTML.match(head) or by_name == "html":
        return "html"
    if _JSON_LIST.match(head):
        return "json_list"
    if _JSON_LINE.match(head):
        return "json_lines"
    return by_name or "plain"
