"""MediaWiki dumps and wikitext."""

import bz2
from pathlib import Path

import pytest
from tests.samples import mediawiki, wiki_page
from tests.unit.corpus.ingest.test_reader import read

from fathom.corpus.ingest.wikitext import extract, strip

SPACES = {"file": "file", "datei": "file", "category": "category", "wikipedia": "other"}


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("'''Ada''' was ''a'' [[Person|human]].", "Ada was a human."),
        ("one<ref>note</ref> two<ref name=x /> three<!-- no --> four", "one two three four"),
        ("Ada ({{IPAc-en|x}}; born 1815) and ({{x}}) Bo", "Ada (born 1815) and Bo"),
        ("{{Infobox|a=[[b]]\n|c={{d}}}}\nText.", "Text."),
        ("{{lang|fr|la vie}} of {{convert|5|km|mi}}, {{as of|2020|lc=y}}", "la vie of 5 km, as of 2020"),
        ("* one\n** two\n# three\n; term : def", "one\ntwo\nthree\nterm\ndef"),
        ("a\n\n== Head ==\nb\n----\nc", "a\n\nHead\n\nb\n\nc"),
        ("{| class=x\n|+ cap\n! a !! b\n|-\n| 1 || 2\n|-\n| 3\n| 4\n|}\nend", "cap\na | b\n1 | 2\n3 | 4\n\nend"),
        ("[[File:x.jpg|thumb|A [[cap]]]]a [[Datei:y.png]]b", "a b"),
        ("[http://x.org site] and http://y.org and [http://z.org]", "site and http://y.org and"),
        ("&lt;b&gt; &amp; caf&eacute; <nowiki>[[x]]</nowiki> <math>x^2</math> __NOTOC__", "<b> & café [[x]]"),
        ("a [[fr:b]] c [[wikt:d|e]] f [[Wikipedia:G|h]]", "a c e f h"),
        ("<ref>never closed [[x]]", "never closed x"),
    ],
)
def test_wikitext_becomes_text(wikitext: str, text: str) -> None:
    (part,) = extract(wikitext, SPACES)
    assert part["text"].strip() == text
    for _, anchor, offset in part["links"]:
        assert part["text"].startswith(anchor, offset)


def test_links_and_categories_of_wikitext() -> None:
    (part,) = extract("See [[Ada Lovelace|her]], [[bo#life]]s. [[Category:A|k]] [[:Category:B]]", SPACES)
    assert part["links"] == [["Ada Lovelace", "her", 4], ["bo#life", "bo#life", 9]]
    assert part["categories"] == ["A"]


def test_plain_way_keeps_the_words() -> None:
    (part,) = strip("'''A''' [[b|c]] {{x|{{y}}|z}}d\n\n== E ==\n* f {| class=g\n| h |}<ref>i</ref> <b>j</b>")
    assert part["text"].split() == ["A", "c", "d", "E", "f", "j"]


@pytest.mark.parametrize("pack", [bytes, bz2.compress])
def test_pages_redirects_and_links(tmp_path: Path, pack: type[bytes]) -> None:
    pages = [
        wiki_page("UK", redirect="United Kingdom#Name"),
        wiki_page("Ada Lovelace", "In the [[UK]], not in [[mars]]. [[Category:People]] [[Ada Lovelace|self]]"),
        wiki_page("Great Britain", redirect="UK"),
        wiki_page("United Kingdom", "A [[great Britain|country]]."),
        wiki_page("Old style", "#REDIRECT [[Ada Lovelace]]"),
        wiki_page("Talk:Ada", "Talk.", space=1),
        wiki_page("Only a box", "{{box}}"),
    ]
    (tmp_path / "a.xml").write_bytes(pack(mediawiki(pages)))
    (ada, kingdom), problems = read(tmp_path / "a.xml")
    assert problems == []
    wiki = "https://en.wikipedia.org/wiki/"
    assert (ada.url, ada.title, ada.lang, ada.licence) == (f"{wiki}Ada_Lovelace", "Ada Lovelace", "en", "CC-BY-SA-4.0")
    assert (ada.aliases, ada.categories, ada.date) == (("Old style",), ("People",), "2024-05-06")
    assert [(link.target, link.anchor) for link in ada.links] == [
        (f"{wiki}United_Kingdom", "UK"),
        (f"{wiki}Mars", "mars"),
    ]
    assert set(kingdom.aliases) == {"UK", "Great Britain"}
    assert kingdom.links == ()


def test_dump_without_site_gets_addresses_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(mediawiki([wiki_page("Ä b", "Text [[c]].")], site=""))
    ((document,), problems) = read(tmp_path / "a.xml")
    assert (document.url, document.links[0].target, problems) == ("file:a.xml#Ä_b", "file:a.xml#C", [])


def test_utf16_dump(tmp_path: Path) -> None:
    text = mediawiki([wiki_page("Ä", "Größe")]).decode()
    (tmp_path / "a.xml").write_bytes(('<?xml version="1.0" encoding="utf-16"?>' + text).encode("utf-16"))
    ((document,), problems) = read(tmp_path / "a.xml")
    assert (document.title, document.text, problems) == ("Ä", "Größe", [])


def test_cut_dump_keeps_the_pages_before(tmp_path: Path) -> None:
    data = mediawiki()
    cut = data.index(b"Page 4</title>") + 100
    (tmp_path / "a.xml").write_bytes(data[:cut])
    documents, (problem,) = read(tmp_path / "a.xml")
    assert [document.title for document in documents] == ["Page 0", "Page 1", "Page 2", "Page 3"]
    assert (problem.kind, problem.offset) == ("truncated", cut)
    assert "Page 4" in problem.reason


def test_broken_xml_is_named_with_its_place(tmp_path: Path) -> None:
    data = mediawiki()
    at = data.index(b"</title>", data.index(b"Page 3"))
    (tmp_path / "a.xml").write_bytes(data[:at] + b"</b>" + data[at:])
    documents, (problem,) = read(tmp_path / "a.xml")
    assert len(documents) == 3
    assert problem.kind == "corrupt" and problem.offset is not None and abs(problem.offset - at) < 8


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE mediawiki [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE mediawiki [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE mediawiki SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
)
def test_declarations_of_entities_are_refused(tmp_path: Path, declaration: str) -> None:
    (tmp_path / "a.xml").write_bytes(declaration.encode() + mediawiki([wiki_page("A", "text")]))
    (tmp_path / "b.xml").write_bytes(b'<?xml version="1.0"?>\n' + mediawiki([wiki_page("A", "x")], site=declaration))
    for name in ("a.xml", "b.xml"):
        documents, problems = read(tmp_path / name)
        assert not any("root:" in document.text for document in documents)
        if name == "b.xml":
            assert [problem.kind for problem in problems] == ["corrupt"]


def test_caps_of_pages_and_redirects(tmp_path: Path) -> None:
    pages = [wiki_page("A", "short"), wiki_page("B", "long " * 500), wiki_page("C", "end")]
    (tmp_path / "a.xml").write_bytes(mediawiki(pages))
    documents, (problem,) = read(tmp_path / "a.xml", document_bytes=1024)
    assert [document.title for document in documents] == ["A", "C"]
    assert problem.kind == "oversized" and "'B'" in problem.reason
    pages += [wiki_page(f"R{n}", redirect="A") for n in range(5)]
    (tmp_path / "a.xml").write_bytes(mediawiki(pages))
    documents, (problem,) = read(tmp_path / "a.xml", redirects=3)
    assert (len(documents[0].aliases), problem.kind) == (3, "oversized")


def test_marks_repeated_without_end_are_read_in_bounded_time(tmp_path: Path) -> None:
    pieces = ["{{", "[[", "{|\n|", "''", "<b>", "[[a|", "{{a|", "<ref>", "<!--", "=", "*", "{{{", "[http://a "]
    pages = [wiki_page(f"P{n}", f"first {piece * 2_000} last") for n, piece in enumerate(pieces)]
    (tmp_path / "a.xml").write_bytes(mediawiki(pages))
    documents, problems = read(tmp_path / "a.xml", parser_cpu_s=1)
    assert problems == []
    assert [document.text.startswith("first") for document in documents] == [True] * len(pieces)
