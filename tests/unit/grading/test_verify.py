import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.reports import PAGES, report, run_folder

from fathom.core.errors import InputError
from fathom.core.model import content_hash
from fathom.grading.report_files import find_report, read_report
from fathom.grading.verify import Line, verify_folder


def problems(path: Path) -> list[Line]:
    return [line for line in verify_folder(path) if line.problem]


def tamper(path: Path, change: Callable[[dict[str, Any]], None]) -> list[Line]:
    """Change the report's JSON and verify it again."""
    tree = json.loads(path.read_text(encoding="utf-8"))
    before = json.dumps(tree)
    change(tree)
    assert json.dumps(tree) != before
    path.write_text(json.dumps(tree), encoding="utf-8")
    return problems(path)


def test_an_untouched_report_holds(tmp_path: Path) -> None:
    path = run_folder(tmp_path)
    lines = verify_folder(path)
    assert [line for line in lines if line.problem] == []
    subjects = [line.subject for line in lines]
    assert {
        "evidence E1",
        "sentence 1",
        "source 1",
        "excerpt 1",
        "trajectory.jsonl",
        "report.md",
        "report.html",
    } <= set(subjects)
    assert read_report(find_report(tmp_path)) == report()


def test_one_character_of_a_page(tmp_path: Path) -> None:
    path = run_folder(tmp_path)
    digest = PAGES[1].text_hash
    text = tmp_path / "texts" / digest[:2] / digest
    text.write_text(PAGES[1].text.replace("2,850", "2,580"), encoding="utf-8")
    assert problems(path)[0].subject == f"page {digest[:12]} Danube"


def test_a_page_removed(tmp_path: Path) -> None:
    path = run_folder(tmp_path)
    digest = PAGES[0].text_hash
    (tmp_path / "texts" / digest[:2] / digest).unlink()
    assert problems(path)[0].subject == f"page {digest[:12]} Hedwig of Altena"


def test_a_page_replaced_together_with_its_hash(tmp_path: Path) -> None:
    """The stored text then has the right name, but the evidence is not what stands there."""
    path = run_folder(tmp_path)
    forged = PAGES[1].text.replace("2,850", "2,580")
    digest = content_hash(forged)
    (tmp_path / "texts" / digest[:2]).mkdir(exist_ok=True)
    (tmp_path / "texts" / digest[:2] / digest).write_text(forged, encoding="utf-8")

    def change(tree: dict[str, Any]) -> None:
        tree["evidence"][1]["page_hash"] = digest

    assert tamper(path, change)[0] == Line(
        "evidence E2", "its text is page[start:end]", "the page has another text there"
    )


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "offset of evidence": (lambda t: t["evidence"][0].update(start=1), "evidence E1"),
    "offset beyond the page": (lambda t: t["evidence"][1].update(end=9999), "evidence E2"),
    "text of evidence": (lambda t: t["evidence"][0].update(text=t["evidence"][0]["text"] + "."), "evidence E1"),
    "id of evidence": (lambda t: t["evidence"][0].update(id="E5"), "sentence 1"),
    "two of one id": (lambda t: t["evidence"][1].update(id="E1"), "evidence E1"),
    "hash that is a path": (
        lambda t: t["evidence"][0].update(page_hash="../../etc/passwd"),
        "page ../../etc/pa Hedwig of Altena",
    ),
    "answer": (lambda t: t["answer"].update(answer=t["answer"]["answer"].replace("1287", "1288")), "sentence 1"),
    "sentence added": (lambda t: t["answer"].update(answer=t["answer"]["answer"] + "\nYes, it was so."), "answer"),
    "sentence": (lambda t: t["answer"]["sentences"][0].update(text="Hedwig lives."), "sentence 1"),
    "verdict": (lambda t: t["answer"]["sentences"][2].update(verdict="supported"), "sentence 3"),
    "reason": (lambda t: t["answer"]["sentences"][2].update(reasons=[]), "sentence 3"),
    "citation": (lambda t: t["answer"]["sentences"][0].update(citations=["E2"]), "sentence 1"),
    "citation of nothing": (lambda t: t["answer"]["sentences"][0].update(citations=["E8"]), "sentence 1"),
    "span": (lambda t: t["answer"]["sentences"][0]["spans"][0].update(end=50), "sentence 1"),
    "span outside": (lambda t: t["answer"]["sentences"][3]["spans"][0].update(start=0), "sentence 4"),
    "shown text": (lambda t: t["answer"].update(text="All is well."), "answer"),
    "count": (lambda t: t["answer"].update(supported=4), "answer"),
    "share": (lambda t: t.update(share_supported=1.0), "answer"),
    "source title": (lambda t: t["sources"][0].update(title="Encyclopaedia"), "source 1"),
    "source added": (lambda t: t["sources"].append({**t["sources"][0], "number": 9}), "source 3"),
    "excerpt": (lambda t: t["excerpts"][0].update(after=" Really."), "excerpt 1"),
    "model": (lambda t: t.update(model="better"), "trajectory.jsonl"),
    "what was searched": (lambda t: t.update(searched=[]), "trajectory.jsonl"),
    "licence": (lambda t: t["sources"][0].update(licence="MIT"), "report.md"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_tampering_is_caught(tmp_path: Path, name: str) -> None:
    change, subject = CHANGES[name]
    assert tamper(run_folder(tmp_path), change)[0].subject.strip() == subject


@pytest.mark.parametrize("name", ["report.md", "report.html"])
def test_a_rendering_that_shows_something_else(tmp_path: Path, name: str) -> None:
    path = run_folder(tmp_path)
    rendering = tmp_path / name
    rendering.write_text(rendering.read_text(encoding="utf-8").replace("2,580", "2,581"), encoding="utf-8")
    assert [line.subject for line in problems(path)] == [name]


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"", "empty"), (b"{", "corrupt"), (b"[]", "corrupt"), (b"\xff\xfe", "corrupt"), (b"[" * 100_000, "corrupt")],
)
def test_what_is_no_report_is_one_clear_error(tmp_path: Path, data: bytes, kind: str) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        verify_folder(path)
    assert caught.value.kind == kind
    assert str(path) in str(caught.value)


def test_a_missing_report_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such report"):
        find_report(tmp_path)
