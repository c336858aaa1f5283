"""Hostile PDF and Office files of `fathom bench bodies`."""

import io
import zipfile
import zlib
from collections.abc import Callable

_PDF, _WORD = "application/pdf", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/{part}" ContentType="{kind}.main+xml"/></Types>'
)
_RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="{part}" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>'
)
_NAMESPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def documents() -> dict[str, tuple[str, Callable[[], bytes]]]:
    """Name -> (media type, what makes the body)."""
    return {
        **{name: (_PDF, make) for name, make in _pdfs().items()},
        **{name: (_WORD, make) for name, make in _packages().items()},
        "sheet with a far cell": (_SHEET, lambda: _sheet('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')),
        "sheet of many cells": (_SHEET, lambda: _sheet('<row><c t="str"><v>a</v></c><c><v>1</v></c></row>' * 400_000)),
    }


def _pdfs() -> dict[str, Callable[[], bytes]]:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>"
    tree = b"<</Type/Pages/Count 1/Kids[3 0 R]>>"
    many, circle = b"<</Type/Pages/Count 900000/Kids[%s]>>", b"<</Type/Pages/Count 9/Kids[2 0 R 2 0 R]>>"
    shown = b"BT /F1 12 Tf 1 1 Td %s ET"

    def packed(data: bytes, way: bytes = b"/FlateDecode") -> bytes:
        return pdf(tree, page, stream(data, way))

    return {
        "PDF of many pages": lambda: pdf(many % (b"3 0 R " * 900_000), page, stream(b"BT ET")),
        "PDF that claims many pages": lambda: pdf(tree.replace(b"1/", b"2000000000/"), page, stream(b"")),
        "PDF whose tree is a circle": lambda: pdf(circle, page, stream(b"")),
        "PDF stream bomb": lambda: packed(_zeros()),
        "PDF stream bomb, packed twice": lambda: packed(zlib.compress(_zeros()), b"[/FlateDecode/FlateDecode]"),
        "PDF with a page of much text": lambda: packed(zlib.compress(shown % (b"(text) Tj " * 900_000))),
        "PDF of many objects": lambda: pdf(tree, page, stream(b""), *(b"<</A 1>>",) * 100_000),
        "PDF object bomb": lambda: pdf(tree, page, _object_stream(_zeros())),
        "PDF with a wild table": lambda: pdf(tree, page, stream(b"")).replace(b"/Size 5", b"/Size 2147483647"),
        "PDF nested arrays": lambda: pdf(tree, page, b"[" * 900_000 + b"]" * 900_000),
        "PDF cut": lambda: pdf(tree, page, stream(shown % (b"(text) Tj " * 900_000)))[:4_000_000],
        "PDF without anything": lambda: b"%PDF-1.7\n" + bytes(9_000_000),
        "PDF as html": lambda: packed(_zeros()),
    }


def _packages() -> dict[str, Callable[[], bytes]]:
    def word(text: str = "text") -> bytes:
        return _word(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>")

    tables = "<w:tbl><w:tr><w:tc>" * 50_000 + "</w:tc></w:tr></w:tbl>" * 50_000
    return {
        "zip as html": word,
        "zip of other things": lambda: _zip({"a.txt": b"text"}),
        "zip bomb": lambda: word("a" * 100_000_000),
        "zip of many members": lambda: _zip({f"word/{number}": b"" for number in range(6000)}),
        "zip cut": lambda: word()[:-40],
        "zip whose list lies": lambda: _lying(word()),
        "Word with nested tables": lambda: _word(tables),
        "Word with laughing entities": _laughing,
    }


def _zeros() -> bytes:
    return zlib.compress(bytes(100_000_000), 1)


def pdf(*objects: bytes) -> bytes:
    """A PDF whose objects from number 2 on are given: the page tree, a page, its content."""
    out, places = bytearray(b"%PDF-1.5\n"), []
    for number, body in enumerate((b"<</Type/Catalog/Pages 2 0 R>>", *objects), 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    head = f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{table}"
    trailer = f"trailer<</Size {len(places) + 1}/Root 1 0 R>>\nstartxref\n{len(out)}\n%%EOF\n"
    return bytes(out) + head.encode() + trailer.encode()


def stream(data: bytes, packed: bytes = b"") -> bytes:
    """A stream object."""
    way = b"/Filter" + packed if packed else b""
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), way, data)


def _object_stream(data: bytes) -> bytes:
    head = b"<</Type/ObjStm/N 1000000/First 10/Length %d/Filter/FlateDecode>>" % len(data)
    return head + b"stream\n" + data + b"\nendstream"


def _zip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def _lying(archive: bytes) -> bytes:
    """The archive, its list saying of the last member that it unpacks to five bytes."""
    size = archive.rindex(b"PK\x01\x02") + 24
    return archive[:size] + (5).to_bytes(4, "little") + archive[size + 4 :]


def _word(body: str, before: str = "") -> bytes:
    document = f'<?xml version="1.0"?>{before}<w:document {_NAMESPACE}><w:body>{body}</w:body></w:document>'
    return _package("word/document.xml", _WORD, {"word/document.xml": document.encode()})


def _laughing() -> bytes:
    entities = "".join(f"<!ENTITY l{n + 1} '{f'&l{n};' * 10}'>" for n in range(12))
    return _word("<w:p><w:r><w:t>&l12;</w:t></w:r></w:p>", f"<!DOCTYPE a [<!ENTITY l0 'lol'>{entities}]>")


def _sheet(rows: str) -> bytes:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    related = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    book = (
        f'<workbook xmlns="{main}" xmlns:r="{related}"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets>'
        "</workbook>"
    )
    relations = _RELATIONS.format(part="worksheets/sheet1.xml").replace('officeDocument"', 'worksheet"')
    sheet = f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
    members = {"xl/workbook.xml": book, "xl/_rels/workbook.xml.rels": relations, "xl/worksheets/sheet1.xml": sheet}
    return _package("xl/workbook.xml", _SHEET, {name: text.encode() for name, text in members.items()})


def _package(part: str, kind: str, members: dict[str, bytes]) -> bytes:
    frame = {
        "[Content_Types].xml": _CONTENT_TYPES.format(part=part, kind=kind).encode(),
        "_rels/.rels": _RELATIONS.format(part=part).encode(),
    }
    return _zip({**frame, **members})
