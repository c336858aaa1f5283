"""From docx, pptx and xlsx to text: runs in the parser process.

The archive's own list is checked before anything is unpacked: number of members, their sizes, their ratio. Python's zip
reader gives no more bytes of a member than the list promised, so a list that lies gains nothing.
"""

import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fathom.core.errors import InputError

_MAIN_PARTS = {"word/": "docx", "ppt/": "pptx", "xl/": "xlsx"}
_CELL_BREAK = " | "
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_MIDNIGHT = " 00:00:00"  # how a cell that holds only a date reads
_PAGE_BREAK = "\n\f"
_GROUP_DEPTH = 32
BAD_ARCHIVE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, NotImplementedError, RuntimeError, ValueError,
)  # fmt: skip
"""How Python's zip reader meets damage."""


def extract(
    path: str, limit: int, members: int, total_bytes: int, ratio: int, free_bytes: int
) -> Iterator[dict[str, Any]]:
    """A part with title and date, then one per block (docx), slide (pptx) or row (xlsx), up to `limit` characters.

    Raises `InputError` without a source.
    """
    kind = check_archive(path, members, total_bytes, ratio, free_bytes)
    reader = {"docx": _docx, "pptx": _pptx, "xlsx": _xlsx}[kind]
    total = 0
    try:
        for part in reader(path):
            if "text" in part:
                part["text"] = _CONTROL.sub("", part["text"])
                total += len(part["text"])
                if total > limit:
                    raise InputError("", "oversized", f"text over {limit} characters; the begin was kept")
            yield part
    except damages(kind) as error:
        raise InputError("", "corrupt", f"not a whole {kind} file ({type(error).__name__}: {error})"[:300]) from None


def damages(kind: str) -> tuple[type[Exception], ...]:
    """How the libraries meet damage: bad archives and XML (syntax errors), and parts that are not there."""
    parts = (AttributeError, LookupError, TypeError, AssertionError, SyntaxError)
    if kind == "docx":
        from docx.exceptions import PythonDocxError
        from docx.opc.exceptions import OpcError

        return (*parts, *BAD_ARCHIVE, PythonDocxError, OpcError)
    if kind == "pptx":
        from pptx.exc import PythonPptxError

        return (*parts, *BAD_ARCHIVE, PythonPptxError)
    from openpyxl.utils.exceptions import InvalidFileException

    return (*parts, *BAD_ARCHIVE, InvalidFileException)


def check_archive(path: str, members: int, total_bytes: int, ratio: int, free_bytes: int) -> str:
    """Which of docx, pptx and xlsx the file is. Raises `InputError` for another archive and one beyond the limits."""
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        if file.read(2) != b"PK":
            raise InputError("", "corrupt", "it does not begin as an Office file", offset=0)
    try:
        with zipfile.ZipFile(path) as archive:
            listed = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        # The list stands at the end of a zip file, so a file that was cut has none.
        raise InputError("", "truncated", f"the archive's list is missing or broken ({error})", offset=size) from None
    if len(listed) > members:
        raise InputError("", "oversized", f"{len(listed)} members, over the limit of {members}")
    unpacked = sum(entry.file_size for entry in listed)
    if unpacked > total_bytes:
        raise InputError("", "oversized", f"unpacks to {unpacked} bytes, over the limit of {total_bytes}")
    if unpacked > free_bytes + ratio * size:
        raise InputError("", "oversized", f"unpacks to {unpacked} bytes, more than {ratio} times its size")
    if any(entry.flag_bits & 1 for entry in listed):
        raise InputError("", "encrypted", "its members are encrypted")
    names = {entry.filename for entry in listed}
    if "[Content_Types].xml" in names:
        for prefix, kind in _MAIN_PARTS.items():
            if any(name.startswith(prefix) for name in names):
                return kind
    raise InputError("", "unsupported", "a zip archive that is no docx, pptx or xlsx", offset=0, hint="unpack it first")


def _facts(properties: Any) -> dict[str, Any]:
    date = properties.modified or properties.created
    return {"title": properties.title or "", "date": date.date().isoformat() if date else ""}


def _docx(path: str) -> Iterator[dict[str, Any]]:
    import docx
    from docx.table import Table

    document = docx.Document(path)
    yield _facts(document.core_properties)
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            for row in block.rows:
                yield {"text": _row(cell.text for cell in row.cells), "before": "\n", "links": []}
        else:
            yield _paragraph(block)


def _paragraph(paragraph: Any) -> dict[str, Any]:
    from docx.text.hyperlink import Hyperlink

    parts, links, length = [], [], 0
    for piece in paragraph.iter_inner_content():
        text = _CONTROL.sub("", piece.text)
        if isinstance(piece, Hyperlink) and piece.address:
            links.append([piece.address, text, length])
        parts.append(text)
        length += len(text)
    return {"text": "".join(parts), "before": "\n\n", "links": links}


def _pptx(path: str) -> Iterator[dict[str, Any]]:
    import pptx

    deck = pptx.Presentation(path)
    yield _facts(deck.core_properties)
    for slide in deck.slides:
        lines = list(_shape_lines(slide.shapes, 0))
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            lines.append(slide.notes_slide.notes_text_frame.text)
        text = "\n".join(line for line in lines if line.strip())
        yield {"text": text.replace("\v", "\n"), "before": _PAGE_BREAK, "links": []}


def _shape_lines(shapes: Any, depth: int) -> Iterator[str]:
    for shape in shapes:
        if shape.has_text_frame:
            yield shape.text_frame.text
        elif getattr(shape, "has_table", False):
            for row in shape.table.rows:
                yield _row(cell.text for cell in row.cells)
        elif hasattr(shape, "shapes") and depth < _GROUP_DEPTH:
            yield from _shape_lines(shape.shapes, depth + 1)


def _xlsx(path: str) -> Iterator[dict[str, Any]]:
    import openpyxl

    # Of a path openpyxl would refuse other endings than its own.
    with Path(path).open("rb") as file:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        yield _facts(book.properties)
        for sheet in book.worksheets:
            yield {"text": sheet.title, "before": _PAGE_BREAK, "links": []}
            # A sheet may claim a size of 17 thousand million cells.
            sheet.reset_dimensions()
            for row in sheet.iter_rows(values_only=True):
                text = _row(cell_text(value) for value in row)
                if text:
                    yield {"text": text, "before": "\n", "links": []}


def cell_text(value: Any) -> str:
    """What a cell of a sheet holds, as text."""
    return "" if value is None else str(value).removesuffix(_MIDNIGHT)


def _row(cells: Iterator[str]) -> str:
    return _CELL_BREAK.join(" ".join(cell.split()) for cell in cells).rstrip(" |")
