"""Small sound files of every kind that can be read, for tests of the readers."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from html import escape

import docx
import openpyxl
import pptx
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from tests.zim_writer import Item, zim

ROWS = [
    {"title": f"Title {number}", "url": f"https://example.org/{number}", "text": f"Text number {number}. " * 9}
    for number in range(40)
]


def json_lines() -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)


def json_list() -> bytes:
    return json.dumps(ROWS, indent=1).encode()


def markdown() -> bytes:
    return "# The heading\n\nA paragraph with naïve words, 北京 and ≤ signs.\n".encode() * 20


def html() -> bytes:
    body = "".join(
        f"<h2>Part {number}</h2><p>Some <b>bold</b> text with a <a href='page{number}.html'>link {number}</a>, "
        f"&eacute; and a list:</p><ul><li>one<li>two</ul><table><tr><td>a<td>b</table>"
        for number in range(12)
    )
    return f"<!doctype html><html lang=en><head><title>Page</title></head><body>{body}</body></html>".encode()


def pdf(
    pages: Sequence[str] = ("The first page.", "The second page."), title: str = "A PDF", encrypt: str = ""
) -> bytes:
    """A PDF of one line a page. `encrypt` is put into the trailer."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"", b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    objects.append(f"<</Title({title})/ModDate(D:20240305)>>".encode())
    kids = []
    for text in pages:
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
        page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R>>"
        objects.append((page % len(objects)).encode())
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<</Type/Pages/Count {len(kids)}/Kids[{' '.join(kids)}]>>".encode()
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    trailer = f"trailer<</Size {len(objects) + 1}/Root 1 0 R/Info 4 0 R{encrypt}>>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + head.encode() + trailer.encode()


ENCRYPTED = f"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<{'11' * 32}>/U<{'22' * 32}>>>/ID[<{'33' * 16}><{'33' * 16}>]"


def word() -> bytes:
    document = docx.Document()
    document.add_heading("Report", 1)
    document.add_paragraph("The first paragraph.")
    table = document.add_table(2, 2)
    for cell, text in zip((cell for row in table.rows for cell in row.cells), "abcd", strict=True):
        cell.text = text
    document.add_paragraph("The end.")
    return _saved(document.save)


def linked_word(*paragraphs: tuple[str, str]) -> bytes:
    """Paragraphs of a text and an anchor behind it, which leads to a page of that name."""
    document = docx.Document()
    for text, anchor in paragraphs:
        paragraph = document.add_paragraph(text)
        link = OxmlElement("w:hyperlink")
        target = document.part.relate_to(f"https://a.example/{anchor}", RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
        link.set(qn("r:id"), target)
        link.append(run := OxmlElement("w:r"))
        run.text = anchor
        paragraph._p.append(link)
    return _saved(document.save)


def slides() -> bytes:
    deck = pptx.Presentation()
    for number in (1, 2):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"Slide {number}"
        slide.placeholders[1].text = f"Body {number}"
    return _saved(deck.save)


def sheet() -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "Numbers"
    book.active.append(["name", 1, 2.5, True])
    book.create_sheet("Other").append(["second"])
    return _saved(book.save)


def _saved(save: Callable[[io.BytesIO], None]) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def replaced(archive: bytes, member: str, content: bytes) -> bytes:
    """The zip archive with one of its members replaced or added."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name != member:
                new.writestr(name, old.read(name))
        new.writestr(member, content)
    return buffer.getvalue()


SITE = """<siteinfo><sitename>Wikipedia</sitename><base>https://en.wikipedia.org/wiki/Main_Page</base>
<case>first-letter</case><namespaces><namespace key="0" /><namespace key="6">File</namespace>
<namespace key="14">Category</namespace><namespace key="4">Wikipedia</namespace></namespaces></siteinfo>"""


def wiki_page(title: str, text: str = "", space: int = 0, redirect: str = "") -> str:
    moved = f'<redirect title="{escape(redirect)}" />' if redirect else ""
    return (
        f"<page><title>{escape(title)}</title><ns>{space}</ns><id>1</id>{moved}<revision><id>2</id>"
        f"<timestamp>2024-05-06T07:08:09Z</timestamp><model>wikitext</model>"
        f'<text xml:space="preserve">{escape(text)}</text></revision></page>\n'
    )


def mediawiki(pages: Sequence[str] = (), site: str = SITE) -> bytes:
    pages = pages or [
        wiki_page(
            f"Page {number}",
            f"'''Page {number}''' is a [[Page {number + 1}|page]].<ref>{{{{cite|x}}}}</ref>\n\n== Part ==\n* one\n"
            f"* two\n{{|\n! a !! b\n|-\n| 1 || 2\n|}}\n{{{{Infobox|x=[[y]]}}}} &nbsp; [[Category:Pages]]",
        )
        for number in range(6)
    ] + [wiki_page("First", redirect="Page 0")]
    head = '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">'
    return f"{head}\n{site}\n{''.join(pages)}</mediawiki>\n".encode()


ARTICLES = (
    Item("M", "Language", b"eng", mime="text/plain"),
    Item("M", "License", b"CC BY-SA 4.0", mime="text/plain"),
    Item("M", "Date", b"2026-01-02", mime="text/plain"),
    *(
        Item(
            "C",
            f"Page_{number}",
            f"<html><body><p>Text {number} with a <a href='The_{number + 1}'>link</a>.</p></body></html>".encode(),
            f"Page {number}",
        )
        for number in range(8)
    ),
    *(Item("C", f"The_{number}", title=f"The {number}", redirect=f"CPage_{number}") for number in range(8)),
    Item("C", "style.css", b"p {}", mime="text/css"),
    Item("C", "note.txt", b"A plain note.", "Note", "text/plain"),
)

OLD_ARTICLES = tuple(
    replace(item, space=item.space.replace("C", "A"), redirect=item.redirect.replace("C", "A", 1)) for item in ARTICLES
)

SAMPLES: dict[str, Callable[[], bytes]] = {
    "a.jsonl": json_lines,
    "a.jsonl.gz": lambda: gzip.compress(json_lines(), mtime=0),
    "a.jsonl.xz": lambda: lzma.compress(json_lines()),
    "a.jsonl.bz2": lambda: bz2.compress(json_lines()),
    "a.json": json_list,
    "a.md": markdown,
    "a.html": html,
    "a.pdf": pdf,
    "a.docx": word,
    "a.pptx": slides,
    "a.xlsx": sheet,
    "a.xml": mediawiki,
    "a.xml.bz2": lambda: bz2.compress(mediawiki()),
    "a.zim": lambda: zim(ARTICLES),
    "b.zim": lambda: zim(ARTICLES, packing="none", wide=True),
    "c.zim": lambda: zim(ARTICLES, packing="xz"),
    "d.zim": lambda: zim(OLD_ARTICLES, new=False),
}
