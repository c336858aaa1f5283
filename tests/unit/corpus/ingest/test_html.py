"""HTML: what counts as text, where links lead, what hostile pages cost."""

import time
from pathlib import Path

import pytest
from tests.unit.corpus.ingest.test_reader import read

from fathom.corpus.document import Link
from fathom.corpus.ingest.html import follow
from fathom.corpus.ingest.html_text import extract


def text_of(html: str, depth: int = 512) -> str:
    (part,) = extract(html, depth)
    for _, anchor, offset in part["links"]:
        assert part["text"].startswith(anchor, max(0, offset))
    return str(part["text"])


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one  two\n three<p>four", "one two three\n\nfour"),
        ("a<b>b</b> <i>c</i>d", "ab cd"),
        ("one<br>two<div>three</div>four", "one\ntwo\nthree\nfour"),
        ("<ul><li>one<li>two</ul>end", "one\ntwo\n\nend"),
        ("<table><tr><th>a<th>b<tr><td><p>1</p><td>2</table>", "a | b\n1 | 2"),
        ("<pre>x\n  y\n</pre><p>z", "x\n  y\n\nz"),
        ("<p>caf&eacute; &lt;b&gt; &#x4e2d;</p>", "café <b> 中"),
        ("<p>x</p><script>var y</script><style>p{}</style><noscript>n</noscript><!-- c --><p>z", "x\n\nz"),
        ("<nav>menu</nav><main><p>text</p></main><footer>foot</footer>", "text"),
        ("<p>seen</p><p hidden>not</p><p style='Display : none'>nor</p><p aria-hidden=true>this", "seen"),
        ("<p>fact<sup class=reference><a href=#n>[1]</a></sup>.</p><ol class=references><li>note</ol>", "fact."),
        ("<article>one</article><article>two</article>", "one\n\ntwo"),
    ],
)
def test_text_is_what_a_reader_sees(html: str, text: str) -> None:
    assert text_of(html) == text


def test_nesting_beyond_the_limit_loses_structure_not_text() -> None:
    body = "<p>one <a href='x.html'>two</a></p><script>no</script><table><tr><td>a<td>b</table>"
    assert text_of("<div>" * 600 + body, 512) == text_of(body)


def test_facts_and_links_of_a_page(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a b.html").write_text(
        "<html lang=en-GB><title> The\n title </title>"
        "<link rel=license href='https://creativecommons.org/licenses/by/4.0/'>"
        "<meta property='article:published_time' content='2024-05-06T07:08'>"
        "<p>See <a href='c%20d.html#part'>the next</a>, <a href='../up.html?x=1'>up</a>, "
        "<a href='../../out.html'>out</a>, <a href='/top.html'>top</a>, <a href='./'>here</a>, "
        "<a href='#down'>down</a>, <a href='mailto:a@b.c'>mail</a>, <a href='//h.org/x#y'>host</a>, "
        "<a href='javascript:x()'>js</a>, <a href='https://[bad'>bad</a>, <a href='pic.html'><img src=x></a>"
    )
    (document,), problems = read(tmp_path)
    assert problems == []
    assert (document.url, document.title, document.lang) == ("file:sub/a_b.html", "The title", "en")
    assert (document.licence, document.date) == ("CC-BY-4.0", "2024-05-06")
    assert {link.anchor: link.target for link in document.links} == {
        "the next": "file:sub/c_d.html",
        "up": "file:up.html",
        "top": "file:top.html",
        "here": "file:sub/index.html",
        "host": "https://h.org/x",
        "": "file:sub/pic.html",
    }
    assert Link(target="file:sub/c_d.html", anchor="the next", offset=4) in document.links


NOWHERE = ["", "#x", "../..", "../../x", "data:text/plain,x", "http:///x", "https://[::1", "x\0y", "tel:1"]


@pytest.mark.parametrize("href", NOWHERE)
def test_hrefs_that_lead_nowhere(href: str) -> None:
    assert follow(href, "a/b.html") == ("", "")


@pytest.mark.parametrize(
    "head",
    [
        '<meta charset="shift_jis">',
        "<meta http-equiv=content-type content='text/html; charset=Shift_JIS'>",
        '<?xml version="1.0" encoding="shift_jis"?><html>',
    ],
)
def test_declared_encoding_counts(tmp_path: Path, head: str) -> None:
    (tmp_path / "a.html").write_bytes(head.encode() + "<p>日本語のテキスト".encode("shift_jis"))
    assert read(tmp_path / "a.html")[0][0].text == "日本語のテキスト"


HOSTILE = {
    "nested": "<div>" * 200_000 + "text",
    "unclosed": "<a href=x><b><table>" * 50_000 + "text",
    "paragraphs": "<p>text" * 200_000,
    "attribute": f"<a title='{'x' * 5_000_000}'>text</a>",
    "entities": "text" + "&amp;" * 500_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_are_read_in_bounded_time(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.html").write_text(HOSTILE[name])
    documents, problems = read(tmp_path / "a.html", parser_cpu_s=20)
    assert problems == []
    assert "text" in documents[0].text


def test_page_that_evades_the_count_of_depth_is_stopped(tmp_path: Path) -> None:
    # Closing tags of bold text inside a table do not close the bold text around it: real depth grows, counted does not.
    (tmp_path / "a.html").write_text("".join(f"<b id={n}><table><td></b></table>x" for n in range(40_000)))
    (tmp_path / "b.html").write_text("<p>The next page.")
    began = time.process_time()
    documents, (problem,) = read(tmp_path, parser_cpu_s=1)
    assert time.process_time() - began < 5
    assert (problem.kind, Path(problem.source).name) == ("oversized", "a.html")
    assert [document.text for document in documents] == ["The next page."]


def test_of_a_large_page_the_begin_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<p>word " * 1000)
    (document,), (problem,) = read(tmp_path / "a.html", document_bytes=1024)
    assert (len(document.text.split()), problem.kind) == (128, "oversized")
