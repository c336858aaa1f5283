"""Laws of the citation checks that hold for any text."""

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.reports import EVIDENCE, cite, page, report, run_folder
from tests.unit.grading.test_report import Outline

from fathom.core.errors import InputError
from fathom.grading.citation import check_answer
from fathom.grading.report_files import read_report
from fathom.grading.report_html import render_html
from fathom.grading.report_markdown import render_markdown
from fathom.grading.sentences import split, split_plain
from fathom.grading.verify import verify_folder

SNIPPETS = [
    *(
        "[E1]",
        "[E2, E9]",
        "【E1】",
        "[1](javascript:x)",
        "Hedwig of Altena",
        "died in 1287",
        "2,850 km",
        "not ",
        "\n\n- ",
    ),
    *(
        "# ",
        "```\n",
        "| a | b |\n|---|---|\n",
        "> ",
        "。",
        "“",
        "”",
        '"',
        "1821年5月5日",
        "三十五个",
        "U.S. ",
        "年月日",
    ),
    *("(3 March 1200 – 4 May 1287)", "<script>", "<img src=x onerror=y>", "![a](http://e.example)", "](", "&lt;", "`"),
    *("\ue0000:1\ue001", "**", "\\", "$5 bn", "0000000000.1", "9" * 30, "\r\n", "\u2028", "\ud800"),
]
TEXTS = st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=12), max_size=14).map("".join)
MODERATE = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@MODERATE
@given(TEXTS)
def test_pieces_and_gaps_are_the_text_again(text: str) -> None:
    for pieces in (split(text), split_plain(text)):
        at, rebuilt = 0, ""
        for piece in pieces:
            assert at <= piece.start < piece.end
            rebuilt += text[at : piece.start] + text[piece.start : piece.end]
            at = piece.end
            assert text[piece.start : piece.end].strip() == text[piece.start : piece.end]
        assert rebuilt + text[at:] == text


@MODERATE
@given(TEXTS)
def test_nothing_but_blanks_is_between_the_sentences_of_plain_text(text: str) -> None:
    at = 0
    for piece in [*split_plain(text)]:
        assert not text[at : piece.start].strip()
        at = piece.end
    assert not text[at:].strip()


@MODERATE
@given(TEXTS, TEXTS, st.sampled_from(["mark", "cut", "keep"]))
def test_checks_are_total_and_their_spans_lie_in_the_page(answer: str, text: str, unsupported: Any) -> None:
    evidence = (*EVIDENCE, cite("E3", page("Page", text)))
    checked = check_answer(answer, evidence, unsupported=unsupported)
    known = {item.id: item for item in evidence}
    assert 0 <= checked.supported <= checked.claims <= len(checked.sentences)
    for sentence in checked.sentences:
        assert answer[sentence.start : sentence.end] == sentence.text
        assert {*sentence.cited, *sentence.citations} <= known.keys()
        for span in sentence.spans:
            item = known[span.evidence_id]
            assert item.start <= span.start < span.end <= item.end
    assert check_answer(answer, evidence, unsupported=unsupported) == checked


@settings(MODERATE, max_examples=40)
@given(TEXTS, TEXTS, TEXTS)
def test_reports_show_any_text_as_text(answer: str, title: str, text: str) -> None:
    source = page(title, text, f"https://e.example/{title}")
    made = report(answer, (cite("E1", source),), f"{title} {text}", (source,))
    parser = Outline()
    parser.feed(render_html(made))
    parser.close()
    assert parser.open == []
    assert not {tag for tag, _ in parser.tags} & {"script", "img", "iframe"}
    assert not any(name.startswith("on") for _, attrs in parser.tags for name in attrs)
    links = [str(attrs["href"]) for tag, attrs in parser.tags if tag == "a"]
    assert all(link.startswith(("#", "https://e.example/")) for link in links)
    assert render_markdown(made).endswith("\n")


JSON = st.none() | st.booleans() | st.integers(-9, 10**6) | st.text(max_size=5) | st.just([]) | st.just({})


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a JSON tree."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(leaf for key, value in inner for leaf in leaves(value, (*path, key)))]


@settings(MODERATE, max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_mutated_report_is_refused_or_fails_a_check(tmp_path: Path, data: st.DataObject) -> None:
    path = run_folder(tmp_path)
    tree = json.loads(path.read_text(encoding="utf-8"))
    *way, last = data.draw(st.sampled_from(leaves(tree)[1:]))
    inner = tree
    for key in way:
        inner = inner[key]
    inner[last] = data.draw(JSON)
    path.write_text(json.dumps(tree), encoding="utf-8")
    try:
        failed = any(line.problem for line in verify_folder(path))
    except InputError as error:
        assert str(path) in str(error)
        return
    # Some changes say the same in another way; the version that made a report is only told.
    assert failed or read_report(path).model_copy(update={"fathom": report().fathom}) == report()
