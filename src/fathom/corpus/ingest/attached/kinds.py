"""What kind of attached file it is: by its first bytes where they tell, else by the ending of its name."""

from typing import Literal

from fathom.corpus.ingest.detect import detect, suffix

Kind = Literal[
    "table", "workbook", "json", "xml", "html", "pdf", "office", "old_office", "archive", "picture", "media", "plain",
    "binary",
]  # fmt: skip

_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*")
_MEDIA = (b"ID3", b"OggS", b"fLaC", b"\x1aE\xdf\xa3", b"FLV\x01", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"#!AMR")
_RIFF: dict[bytes, Kind] = {b"WEBP": "picture", b"WAVE": "media", b"AVI ": "media"}
_STILL_BRANDS = (b"heic", b"heix", b"mif1", b"avif", b"avis")
_BY_SUFFIX: dict[str, Kind] = {
    **dict.fromkeys((".csv", ".tsv", ".tab"), "table"),
    **dict.fromkeys((".json", ".jsonl", ".ndjson", ".geojson", ".jsonld", ".ipynb"), "json"),
    **dict.fromkeys((".xml", ".rss", ".atom", ".kml", ".gpx", ".svg", ".xsd", ".rdf"), "xml"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".avif"), "picture"),
    **dict.fromkeys(
        ".mp3 .wav .ogg .oga .opus .flac .m4a .aac .wma .amr .mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .ogv".split(),
        "media",
    ),
}
_WORKBOOKS = (".xlsx", ".xlsm", ".xltx", ".xltm")
_OFFICE = (".docx", ".docm", ".dotx", ".pptx", ".pptm", ".potx", ".ppsx")
_OFFICE_LIST = b"[Content_Types].xml"


def kind_of(head: bytes, name: str) -> Kind:
    """The kind of a file that begins with `head` (unpacked, some ten thousand bytes) and is called `name`."""
    by_name = _BY_SUFFIX.get(suffix(name))
    if by_name != "media" and (found := _by_magic(head, name)) is not None:
        return found
    if by_name in ("picture", "media"):
        return by_name
    found_format = detect(head, name)
    if found_format in ("binary", "zim"):
        return "binary"
    if found_format == "html":
        return "html"
    if by_name is not None:
        return by_name
    if found_format in ("json_lines", "json_list"):
        return "json"
    if found_format == "mediawiki" or head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml"):
        return "xml"
    return "plain"


def _by_magic(head: bytes, name: str) -> Kind | None:
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _packed_kind(head, name)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "old_office"
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head[4:8] == b"ftyp":
        return "picture" if head[8:12] in _STILL_BRANDS else "media"
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    # Two letters of text could also begin a BMP file, so the four bytes behind its size must be zero as they are there.
    if head.startswith(_PICTURES) and (not head.startswith(b"BM") or head[6:10] == b"\0\0\0\0"):
        return "picture"
    return "media" if head.startswith(_MEDIA) else None


def _packed_kind(head: bytes, name: str) -> Kind:
    ending = suffix(name)
    if ending in _WORKBOOKS or (_OFFICE_LIST in head and b"xl/" in head):
        return "workbook"
    return "office" if ending in _OFFICE or _OFFICE_LIST in head else "archive"
