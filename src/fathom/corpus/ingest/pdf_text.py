"""From PDF to text, a page at a time: runs in the parser process."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fathom.core.errors import InputError

_PASSWORD = 4  # FPDF_ERR_PASSWORD of pdfium's public/fpdfview.h
_TAIL_BYTES = 4096  # readers look for the end mark in the last 1024; some tools append more than that
# pdfium gives U+FFFE (older: U+0002) for a hyphen that only ends the line.
_SOFT_HYPHEN = re.compile("[\ufffe\x02]\n?")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\uffff]")
_LINE_TAIL = re.compile(r"[ \t]+(?=\n)")
_WRAPPED = re.compile(r"(?<=[a-z,;])\n(?=[a-z])")
_DATE = re.compile(r"(?:D:)?(\d{4})(\d\d)?(\d\d)?")


def extract(path: str, limit: int) -> Iterator[dict[str, Any]]:
    """A part with the title and date the file states, then one per page, up to `limit` characters in all.

    Lines that go on in lower case are joined. Raises `InputError` without a source where the file or a page fails.
    """
    import pypdfium2

    size = Path(path).stat().st_size
    cut = not _has_end(path, size)
    try:
        document = pypdfium2.PdfDocument(Path(path))
    except pypdfium2.PdfiumError as error:
        if error.err_code == _PASSWORD:
            raise InputError("", "encrypted", "a password is needed to open it") from None
        if cut:
            raise InputError("", "truncated", f"the end of the PDF is missing ({error})", offset=size) from None
        raise InputError("", "corrupt", str(error)) from None
    facts = document.get_metadata_dict(skip_empty=True)
    yield {"title": facts.get("Title", ""), "date": _date(facts.get("ModDate") or facts.get("CreationDate") or "")}
    total = 0
    for number in range(len(document)):
        text = _page(document, number)
        total += len(text)
        if total > limit:
            raise InputError("", "oversized", f"text over {limit} characters; {number} pages were kept")
        yield {"text": text, "before": "\n\f", "links": []}
    if cut:
        raise InputError("", "truncated", "the end of the PDF is missing; pages may be too", offset=size)


def _page(document: Any, number: int) -> str:
    import pypdfium2

    try:
        page = document[number]
        try:
            text = page.get_textpage().get_text_bounded()
        finally:
            page.close()
    except pypdfium2.PdfiumError as error:
        raise InputError("", "corrupt", f"page {number + 1}: {error}") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _LINE_TAIL.sub("", _CONTROL.sub("", _SOFT_HYPHEN.sub("", text)))
    return _WRAPPED.sub(" ", text).strip()


def _has_end(path: str, size: int) -> bool:
    with Path(path).open("rb") as handle:
        handle.seek(max(0, size - _TAIL_BYTES))
        return b"%%EOF" in handle.read()


def _date(stated: str) -> str:
    found = _DATE.match(stated)
    return "-".join(part for part in found.groups() if part) if found else ""
