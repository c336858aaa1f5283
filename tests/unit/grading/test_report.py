import re
from html.parser import HTMLParser

import pytest
from tests.reports import ANSWER, DANUBE, EVIDENCE, HEDWIG, PAGES, cite, page, report

from fathom.bench.injection_decode import active_markdown
from fathom.core.trajectory import Failure, StopReason
from fathom.grading.report import Report
from fathom.grading.report_html import render_html
from fathom.grading.report_markdown import render_markdown

VOID = {"meta", "br", "hr", "rect"}


class Outline(HTMLParser):
    """Every tag and attribute of a page, and whether tags close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def outline(made: Report) -> Outline:
    parser = Outline()
    parser.feed(render_html(made))
    parser.close()
    assert parser.open == []
    return parser


def test_sources_are_numbered_by_first_use() -> None:
    made = report(
        "The Danube is 2,850 km long [E2]. Hedwig died in 1287 [E1]. The Danube rises in the Black Forest [E2]."
    )
    assert [(s.number, s.title, s.evidence) for s in made.sources] == [
        (1, "Danube", ("E2",)),
        (2, "Hedwig of Altena", ("E1",)),
    ]
    assert made.sources[0].licence == "CC-BY-SA-4.0"
    assert "2,850 km long [1]. Hedwig died in 1287 [2]." in render_markdown(made)


def test_two_spans_of_a_page_are_one_source() -> None:
    evidence = (cite("E1", PAGES[0], 0, 60), cite("E2", PAGES[0], 60))
    made = report("Hedwig died in 1287 [E1]. She founded Marienhagen in 1271 [E2].", evidence)
    assert [s.evidence for s in made.sources] == [("E1", "E2")]


def test_excerpts_show_the_span_in_its_surroundings() -> None:
    made = report("She married Konrad of Rheda in 1264 [E1].")
    (excerpt,) = made.excerpts
    assert excerpt.text == "In 1264 she married Konrad of Rheda."
    assert excerpt.before + excerpt.text + excerpt.after == HEDWIG
    assert f"<mark>{excerpt.text}</mark>" in render_html(made)


def test_what_was_searched_read_and_not_found() -> None:
    made = report()
    assert made.searched == ("Hedwig of Altena", "Danube length")
    assert made.read == (PAGES[0].url,)
    assert made.not_found == (
        "I could not find her date of birth [E9].",
        "visit: https://wiki.example/Nowhere (not_found)",
    )


def test_share_and_run_are_told() -> None:
    text = render_markdown(report())
    assert "2 of 4 sentences that claim something are borne out by the sources (50%)." in text
    assert "| Model calls | 3 |" in text
    assert "number 2,580 not in source 2" in text


def test_html_stands_alone_and_runs_nothing() -> None:
    made = outline(report())
    names = {tag for tag, _ in made.tags}
    assert not names & {"script", "img", "link", "iframe", "object", "form", "base", "video"}
    assert not any(name == "style" or name.startswith("on") for _, attrs in made.tags for name in attrs)
    policies = [attrs["content"] for tag, attrs in made.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policies
    assert "default-src 'none'" in str(policies[0])
    assert "url(" not in render_html(report())


def test_every_link_leads_somewhere() -> None:
    made = outline(report())
    targets = {attrs["id"] for _, attrs in made.tags if "id" in attrs}
    links = [str(attrs["href"]) for tag, attrs in made.tags if tag == "a"]
    assert {link[1:] for link in links if link.startswith("#")} <= targets
    assert {link for link in links if not link.startswith("#")} == {item.url.replace(" ", "%20") for item in PAGES}


def test_hostile_text_stays_text() -> None:
    hostile = "<script>alert(1)</script>"
    source = page(f"{hostile}](javascript:x)", f"{DANUBE} {hostile}", "javascript:alert(1)")
    answer = (
        f"{DANUBE} {hostile} ![x](https://evil.example/p.png) [go](javascript:alert(1)) <https://evil.example> [E1]"
    )
    made = report(answer, (cite("E1", source),), hostile, (source,))
    hrefs = [attrs.get("href") for tag, attrs in outline(made).tags if tag == "a"]
    assert all(str(link).startswith("#") for link in hrefs)
    assert hostile not in render_html(made)
    text = render_markdown(made)
    assert not re.search(r"(?<!\\)<script|(?<!\\)!\[|(?<!\\)\]\((?!<https?:)", text)


@pytest.mark.parametrize(
    "hidden",
    [
        "![x](https://evil.example/p)",
        "[x\\](https://evil.example/p)",
        '\\<img src="https://evil.example/p">',
        '\\\\<img src="https://evil.example/p">',
        "![a][b]\n\n[b]: https://evil.example/p",
        "![a\\][b]\n\n[b\\]: https://evil.example/p",
        "<https://evil.example/p>",
        "https://evil.example/p and www.evil.example/p",
    ],
)
def test_an_answer_leads_nowhere_in_markdown(hidden: str) -> None:
    source = page("Danube", DANUBE)
    made = report(f"{DANUBE} [E1]\n\n{hidden}", (cite("E1", source),), "? https://evil.example/q", (source,))
    found = active_markdown(render_markdown(made))
    assert not [address for address in found if "evil" in address]


def test_forged_placeholders_stay_text() -> None:
    made = report("The Danube \ue0000:1\ue001 is 2,850 km long \ue0020:\ue001 [E2].")
    assert render_html(made).count('class="cite"') == 1


def test_a_run_without_an_answer_has_a_report() -> None:
    made = report(None, ())
    assert made.share_supported is None
    assert "There is no answer." in render_markdown(made)
    assert "There is no answer." in render_html(made)
    died = made.model_copy(
        update={"stop": StopReason(kind="failed"), "failure": Failure(error="ModelFault", message="down")}
    )
    assert "| Failure | ModelFault: down |" in render_markdown(died)


def test_a_report_survives_json() -> None:
    made = report(ANSWER, EVIDENCE)
    assert Report.model_validate_json(made.model_dump_json(by_alias=True)) == made
