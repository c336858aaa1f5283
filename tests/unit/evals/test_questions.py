"""Question files: shapes that are taken, ids that stay, rows that are refused, pages resolved to titles."""

import json
from pathlib import Path
from typing import Any

import pytest

from fathom.core.errors import InputError
from fathom.evals.benchmarks import twowiki
from fathom.evals.questions import read_questions, resolve_support

ROW = {
    "id": "q1",
    "question": " Where was he born? ",
    "answer": "Apopka",
    "aliases": ["Apopka, Florida", "Apopka"],
    "evidence": [["Somebody Slap Me", "performer", "John Anderson"], ["John Anderson", "born", "Apopka"]],
    "question_type": "compositional",
}


def write(path: Path, rows: Any) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)) + "\n" if path.suffix == ".jsonl" else json.dumps(rows))
    return path


@pytest.mark.parametrize("name", ["questions.json", "questions.jsonl"])
def test_list_and_lines_give_the_same(name: str, tmp_path: Path) -> None:
    task = read_questions(write(tmp_path / name, [ROW])).tasks[0]
    assert (task.id, task.question) == ("q1", "Where was he born?")
    assert task.answers == ("Apopka", "Apopka, Florida")
    assert task.support == ("Somebody Slap Me", "John Anderson")
    assert task.meta["type"] == "compositional"


@pytest.mark.parametrize(
    ("extra", "answers"),
    [({"answers": ["a", "b"]}, ("a", "b")), ({"answer": 7}, ("7",)), ({"answer": ""}, ()), ({}, ())],
)
def test_answers(extra: dict[str, Any], answers: tuple[str, ...], tmp_path: Path) -> None:
    assert read_questions(write(tmp_path / "q.json", [{"question": "q?", **extra}])).tasks[0].answers == answers


@pytest.mark.parametrize("evidence", [["A", "B"], [{"title": "A"}, {"title": "B"}], [["A", "r", "x"], ["B"], ["A"]]])
def test_shapes_of_evidence(evidence: list[Any], tmp_path: Path) -> None:
    row = {"question": "q?", "evidence": evidence}
    assert read_questions(write(tmp_path / "q.json", [row])).tasks[0].support == ("A", "B")


def test_an_id_that_is_not_given_comes_from_the_question_and_not_from_its_place(tmp_path: Path) -> None:
    one, two = {"question": "one?"}, {"question": "two?"}
    there = {task.question: task.id for task in read_questions(write(tmp_path / "a.json", [one, two])).tasks}
    back = {task.question: task.id for task in read_questions(write(tmp_path / "b.json", [two, one])).tasks}
    assert there == back
    assert len(set(there.values())) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "not JSON"),
        ("{}", "not a JSON list"),
        ("[]", "no questions"),
        ("[3]", "row 1"),
        ('[{"question": "a"}, {"question": " "}]', "row 2: no question"),
        ('[{"id": 1, "question": "a"}, {"id": "1", "question": "b"}]', "row 2: the id '1' stands twice"),
    ],
)
def test_what_does_not_fit_is_named(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "q.json"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_questions(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing"):
        read_questions(tmp_path / "none.json")
    with pytest.raises(InputError, match="missing"):
        twowiki.questions(tmp_path)


def test_support_is_resolved_to_titles(tmp_path: Path) -> None:
    names = ["peut-etre", "John Anderson", "Seven Women", "Nowhere", "Exact (film)"]
    questions = read_questions(write(tmp_path / "q.json", [{"question": "q?", "evidence": names}]))
    titles = ["Peut-Être", "John Anderson (musician)", "Seven Women (1944 film)", "Seven Women (1953 film)"]
    task = resolve_support(questions, [*titles, "Exact (film)", "Exact"]).tasks[0]
    assert task.support == ("Peut-Être", "John Anderson (musician)", "Exact (film)")
    assert task.meta["support_missing"] == ["Seven Women", "Nowhere"]


def test_twowiki(shared_data: Path) -> None:
    questions = twowiki.questions(shared_data)
    titles = [row["title"] for row in json.loads(twowiki.corpus(shared_data).read_text(encoding="utf-8"))]
    resolved = resolve_support(questions, titles)
    assert len(questions.tasks) == 300
    assert all(task.answers and task.support for task in questions.tasks)
    known = sum(len(task.support) for task in resolved.tasks)
    assert known / sum(len(task.support) for task in questions.tasks) > 0.93
    assert questions.hash == twowiki.questions(shared_data).hash
