"""What a body is, and in which encoding."""

import pytest
from tests.samples import pdf, word

from fathom.world.reader.media import charset_of, form_of

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 99
HTML = b"<!doctype html><p>text"


@pytest.mark.parametrize(
    ("content_type", "body", "form"),
    [
        ("text/html", HTML, "html"),
        ("Text/HTML; charset=x", b"no tag at all", "html"),
        ("text/html", b'{"a": 1}', "html"),
        ("application/xhtml+xml", HTML, "html"),
        ("application/rss+xml", b"<rss><item>x</item></rss>", "html"),
        ("text/xml", b"<?xml version='1.0'?><a>x</a>", "html"),
        ("", HTML, "html"),
        ("application/octet-stream", HTML, "html"),
        ("text/plain", HTML, "html"),
        ("text/plain", b"text", "plain"),
        ("", b"text", "plain"),
        ("text/markdown", b"# Heading", "plain"),
        ("application/json", b'{"a": 1}', "plain"),
        ("application/vnd.api+json", b'{"a": 1}', "plain"),
        ("text/html; charset=utf-16", HTML.decode().encode("utf-16-le"), "html"),
        ("application/pdf", pdf(), "pdf"),
        ("text/html", pdf(), "pdf"),
        ("application/octet-stream", pdf(), "pdf"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", word(), "office"),
        ("text/html", word(), "office"),
        ("application/pdf", b"no pdf", None),
        ("image/png", PNG, None),
        ("text/html", PNG, None),
        ("text/plain; charset=utf-8", PNG, None),
        ("image/svg+xml", b"<svg><text>x</text></svg>", None),
        ("video/mp4", b"text", None),
        ("application/x-tar", b"text", None),
        ("", bytes(99), None),
        ("text/html", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", None),
    ],
)
def test_the_form_of_a_body(content_type: str, body: bytes, form: str | None) -> None:
    assert form_of(content_type, body) == form


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("text/html; charset=UTF-8", "UTF-8"),
        ("text/html;charset='latin-1'; x=y", "latin-1"),
        ('text/html; CHARSET = "gbk"', "gbk"),
        ("text/html", ""),
        ("text/html; charset=", ""),
        ("charset=\xff", ""),
    ],
)
def test_the_charset_that_a_server_names(content_type: str, charset: str) -> None:
    assert charset_of(content_type) == charset
