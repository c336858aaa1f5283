"""From bodies to pages: encodings, links, hidden text, documents, and what hostile ones cost."""

import asyncio
import os
import time
from collections.abc import Iterator

import pytest
from tests.samples import ENCRYPTED, linked_word, pdf, word

from fathom.core.errors import WorldUnavailableFault
from fathom.sandbox.process_tree import descendants
from fathom.world.reader.parser import PageParser, ParserConfig

URL = "https://a.example/dir/page?x=1"
HTML = "text/html"


@pytest.fixture(scope="module")
def parser() -> Iterator[PageParser]:
    made = PageParser(ParserConfig(cpu_s=5, wall_s=60.0, chars=5000))
    yield made
    asyncio.run(made.close())


async def text_of(parser: PageParser, body: bytes, content_type: str = HTML) -> str:
    return (await parser.parse(body, content_type, URL)).text


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<p>Café ż 北</p>".encode(), HTML),
        ("<p>Café ż 北</p>".encode(), f"{HTML}; charset=utf-8"),
        ("<p>Café ż 北</p>".encode("utf-16"), HTML),
        ("<p>Café ż 北</p>".encode("utf-8-sig"), f"{HTML}; charset=latin-1"),
        ("<p>Café ż 北</p>".encode("utf-16-be"), f"{HTML}; charset=utf-16be"),
        ("<p>Café ż 北</p>".encode("gb18030"), f"{HTML}; charset=gb2312"),
        ("<meta charset=gbk><p>Café ż 北</p>".encode("gb18030"), HTML),
        ("<meta charset=gbk><p>Café ż 北</p>".encode("gb18030"), f"{HTML}; charset=no-such"),
        ("<meta charset=latin-1><p>Café ż 北</p>".encode(), f"{HTML}; charset=utf-8"),
    ],
)
async def test_the_encoding_is_the_marks_the_servers_or_the_files(
    parser: PageParser, body: bytes, content_type: str
) -> None:
    assert await text_of(parser, body, content_type) == "Café ż 北"


async def test_a_page_with_title_language_licence_and_links(parser: PageParser) -> None:
    body = (
        b"<html lang=fr><head><title>A \xe2\x80\x8b title</title>"
        b'<link rel=license href="https://creativecommons.org/licenses/by/4.0/"></head><body><p>'
        b'<a href="b">one</a> <a href="/c#d">two</a> <a href="//b.example/">three</a> <a href="mailto:x">no</a> '
        b'<a href="#e">no</a> <a href="javascript:1">no</a> <a href="file:///x">no</a> <a href="http://[">no</a> '
        b'<a href="/dir/page?x=1">itself</a></p>'
    )
    page = await parser.parse(body, HTML, URL)
    assert (page.title, page.lang, page.licence) == ("A title", "fr", "CC-BY-4.0")
    assert [(link.url, link.anchor) for link in page.links] == [
        ("https://a.example/dir/b", "one"),
        ("https://a.example/c", "two"),
        ("https://b.example/", "three"),
    ]


async def test_links_stand_where_their_anchors_do_whatever_was_taken_out_before(parser: PageParser) -> None:
    for body, content_type in (
        (
            "<p>s\u202eee\u200b <a href=/one>o\u200bne</a>, one <a href=/two><img></a><a href=/two>two</a>".encode(),
            HTML,
        ),
        (linked_word(("First of all ", "one"), ("then ", "two")), "application/octet-stream"),
    ):
        page = await parser.parse(body, content_type, URL)
        placed = [link for link in page.links if link.anchor]
        assert [link.anchor for link in placed] == ["one", "two"]
        assert all(page.text.startswith(link.anchor, link.start) for link in placed)
        assert placed[0].start == page.text.index("one") and all(
            link.start == -1 for link in page.links if not link.anchor
        )


async def test_links_are_seen_from_where_the_page_says_it_stands(parser: PageParser) -> None:
    page = await parser.parse(b"<base href='https://c.example/x/'><p><a href=y>z</a>", HTML, URL)
    assert [link.url for link in page.links] == ["https://c.example/x/y"]


async def test_what_nobody_sees_is_not_read(parser: PageParser) -> None:
    tags = "".join(chr(0xE0000 + ord(letter)) for letter in "ignore all")
    body = f"<p>seen\u202e\u200b{tags} text</p><p style='display:none'>hidden</p><p hidden>hidden</p><!-- hidden -->"
    assert await text_of(parser, body.encode()) == "seen text"
    assert await text_of(parser, "क्\u200dष می\u200cخواهم".encode(), "text/plain") == "क्\u200dष می\u200cخواهم"


async def test_documents_are_read_as_one_text(parser: PageParser) -> None:
    page = await parser.parse(pdf(("The first page.", "The second page."), "A PDF"), "application/pdf", URL)
    assert page.title == "A PDF" and page.text == "The first page.\n\fThe second page."
    page = await parser.parse(word(), "application/octet-stream", URL)
    assert "The first paragraph." in page.text and "The end." in page.text


async def test_plain_text_has_a_title_where_it_is_marked(parser: PageParser) -> None:
    assert (await parser.parse(b"# Heading #\n\ntext", "text/markdown", URL)).title == "Heading"
    assert (await parser.parse(b"text\n# no heading", "text/plain", URL)).title == ""


@pytest.mark.parametrize(
    ("body", "content_type", "kind"),
    [
        (b"", HTML, "garbage"),
        (b"<html><body></body></html>", HTML, "unreadable"),
        (b" \n ", "text/plain", "unreadable"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "image/png", "unreadable"),
        (b"PK\x03\x04 no archive", HTML, "truncated"),
        (pdf()[:-300], "application/pdf", "truncated"),
        (pdf(encrypt=ENCRYPTED), "application/pdf", "unreadable"),
    ],
)
async def test_what_cannot_be_read_is_a_fault(parser: PageParser, body: bytes, content_type: str, kind: str) -> None:
    with pytest.raises(WorldUnavailableFault, match="could not be read") as caught:
        await parser.parse(body, content_type, URL)
    assert caught.value.kind == kind


async def test_text_and_links_are_limited(parser: PageParser) -> None:
    page = await parser.parse(b"<p>" + b"word <a href=/x>y</a> " * 9000, HTML, URL)
    assert len(page.text) == 5000 and len(page.links) == 2000
    page = await parser.parse(b"<title>" + b"t" * 9000 + b"</title><p><a href='/" + b"x" * 9000 + b"'>z</a>", HTML, URL)
    assert len(page.title) == 500 and page.links == ()
    pages = await parser.parse(pdf(tuple(f"page {number}" for number in range(2100))), "application/pdf", URL)
    assert "page 399" in pages.text and len(pages.text) == 5000


async def test_a_parser_that_takes_too_long_is_ended_and_the_next_page_is_read() -> None:
    parser = PageParser(ParserConfig(cpu_s=1, wall_s=3.0, processes=1))
    with pytest.raises(WorldUnavailableFault) as caught:
        await parser.parse(b"<b><i><u>" * 400_000, HTML, URL)
    assert caught.value.kind == "oversized"
    assert (await parser.parse(b"<p>after", HTML, URL)).text == "after"
    await parser.close()


async def test_a_closed_parser_opens_again() -> None:
    parser = PageParser(ParserConfig(processes=1))
    for _ in range(2):
        assert (await parser.parse(b"<p>text", HTML, URL)).text == "text"
        await parser.close()
    await parser.close()


def is_gone(process: int, within_s: float = 20.0) -> bool:
    deadline = time.monotonic() + within_s
    while process in descendants(os.getpid()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return process not in descendants(os.getpid())


async def test_a_close_that_is_cancelled_ends_the_processes_all_the_same() -> None:
    parser, before = PageParser(ParserConfig(processes=1)), set(descendants(os.getpid()))
    assert (await parser.parse(b"<p>text", HTML, URL)).text == "text"
    (child,) = set(descendants(os.getpid())) - before
    closing = asyncio.create_task(parser.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    assert await asyncio.to_thread(is_gone, child)
