"""`fathom eval` from the command line: own questions and corpus folder, scripted model and judge, resumed."""

import json
from pathlib import Path
from typing import Any

import pytest

from fathom.cli.main import run
from fathom.core.errors import ModelFault
from fathom.core.jsonl import append, read_records
from fathom.evals.protocol import AttemptRecord
from fathom.llm.scripted import ScriptedChat
from fathom.recipes import evaluate

PAGES = {
    "Salt Road": "Salt Road is a 1951 film directed by Carla Rossi. It was shot in winter.",
    "Carla Rossi": "Carla Rossi was a director. She died in Ostra in 1980.",
}
QUESTIONS = [
    {"id": "q1", "question": "Where did Carla Rossi die?", "answer": "Ostra", "evidence": ["Carla Rossi"]},
    {"id": "q2", "question": "When did Carla Rossi die?", "answer": "1980", "evidence": ["Carla Rossi", "Nowhere"]},
    {"id": "q3", "question": "Who directed Salt Road?", "answer": "Carla Rossi", "evidence": ["Salt Road"]},
]


def visit(title: str) -> dict[str, str]:
    wanted = {"name": "visit", "arguments": {"url": [title], "goal": "find out"}}
    return {"content": f"<tool_call>\n{json.dumps(wanted)}\n</tool_call>"}


def answer(text: str) -> dict[str, str]:
    return {"content": f"<answer>{text}</answer>"}


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command line for an evaluation in a data home of its own."""
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "all.json").write_text(json.dumps([{"title": t, "text": x} for t, x in PAGES.items()]))
    (tmp_path / "questions.json").write_text(json.dumps(QUESTIONS))
    files = ["--questions", str(tmp_path / "questions.json"), "--corpus", str(tmp_path / "pages")]
    return ["eval", "own", *files, "--agent", "react", "--model", f"scripted:{tmp_path / 'model.jsonl'}", "--json"]


def script(folder: Path, name: str, replies: list[dict[str, str]]) -> None:
    (folder / name).unlink(missing_ok=True)
    append(folder / name, replies)


def result(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)


def test_scores_and_resumption(tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    first = [visit("Carla Rossi"), answer("Ostra [E1]\n\nCarla Rossi died in Ostra. [E1]")]
    second = [visit("Carla Rossi"), answer("In 1981 [E1]")]
    script(tmp_path, "model.jsonl", [*first, *second])
    assert run([*words, "--limit", "2"]) == 0
    report = result(capsys)
    assert report["graders"]["exact"]["avg"]["mean"] == 0.5
    assert report["support_recall"]["mean"] == 1.0
    assert report["support_missing"] == 1
    assert (report["spans_wrong"], report["ids_unknown"]) == (0, 0)
    assert report["spans_checked"] >= 2
    assert report["supported_sentences"]["mean"] < 1.0
    assert report["usage"]["llm_calls"] == 4

    script(tmp_path, "model.jsonl", [visit("Salt Road"), answer("Carla Rossi [E1]")])
    assert run(words) == 0
    again = result(capsys)
    assert again["folder"] == report["folder"]
    assert again["items"] == 3
    assert again["graders"]["exact"]["avg"]["mean"] == pytest.approx(2 / 3)
    records = list(read_records(Path(again["folder"]) / "attempts.jsonl", AttemptRecord))
    assert [record.key for record in records] == [("q1", 0), ("q2", 0), ("q3", 0)]


def test_a_recording_stands_in_place_of_the_corpus_it_was_made_of(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = tmp_path / "said.jsonl"
    replies = [visit("Carla Rossi"), answer("Ostra [E1]\n\nCarla Rossi died in Ostra. [E1]")]
    script(tmp_path, "model.jsonl", replies)
    assert run([*words, "--limit", "1", "--around", f"recording:{said}"]) == 0
    recorded = result(capsys)
    assert said.read_text().count("\n") >= 1

    place = words.index("--corpus")
    replayed = [*words[:place], *words[place + 2 :], "--world", f"recorded:{said}", "--limit", "1"]
    script(tmp_path, "model.jsonl", replies)
    assert run(replayed) == 0
    again = result(capsys)
    assert again["folder"] != recorded["folder"]
    assert again["graders"]["exact"]["avg"]["mean"] == recorded["graders"]["exact"]["avg"]["mean"] == 1.0
    assert again["spans_checked"] == recorded["spans_checked"]

    with said.open("a") as file:  # another recording is another world
        file.write(said.read_text().splitlines()[0] + "\n")
    script(tmp_path, "model.jsonl", replies)
    assert run(replayed) == 0
    assert result(capsys)["folder"] not in {again["folder"], recorded["folder"]}


def recording(folder: Path, words: list[str]) -> Path:
    """What the world said to an attempt at the first question."""
    said = folder / "said.jsonl"
    script(folder, "model.jsonl", [visit("Carla Rossi"), answer("Ostra [E1]")])
    assert run([*words, "--limit", "1", "--around", f"recording:{said}"]) == 0
    return said


def test_what_a_recording_does_not_hold_could_not_be_reached(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = recording(tmp_path, words)
    assert result(capsys)["tool_calls_unreached"] == 0
    place = words.index("--corpus")
    replayed = [*words[:place], *words[place + 2 :], "--world", f"recorded:{said}", "--limit", "2"]
    other = {"content": '<tool_call>{"name": "search", "arguments": {"query": ["Ostra"]}}</tool_call>'}
    script(
        tmp_path, "model.jsonl", [visit("Salt Road"), other, visit("Carla Rossi"), answer("Ostra [E1]"), answer("?")]
    )
    assert run(replayed) == 0
    report = result(capsys)
    assert (report["tool_calls_unreached"], report["failures"], report["items"]) == (2, {}, 2)
    assert report["graders"]["exact"]["labels"]["correct"] == 1
    (record, _) = read_records(Path(report["folder"]) / "attempts.jsonl", AttemptRecord)
    told = [turn for turn in record.trajectory.segments[0].turns if turn.call is not None]
    assert [(turn.tool_error, turn.infra) for turn in told] == [("upstream", True), ("upstream", True), (None, False)]
    assert "says nothing about what is on it" in told[0].message.content
    assert "no sign that nothing exists" in told[1].message.content


def test_worlds_that_cannot_stand_in_place_of_a_corpus_are_said(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = recording(tmp_path, words)
    place = words.index("--corpus")
    elsewhere = [*words[:place], *words[place + 2 :], "--limit", "1", "--world"]
    assert run([*elsewhere, "faulty:0.3:vital"]) == 2
    assert "--corpus NAME, and --around" in capsys.readouterr().err
    assert run([*words, "--world", f"recorded:{said}"]) == 2
    assert "leave one of --corpus and --world out" in capsys.readouterr().err


def test_a_judge_beside_the_exact_grader(tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    script(tmp_path, "model.jsonl", [visit("Carla Rossi"), answer("She died in the town of Ostra. [E1]")])
    verdict = {"committed": "Ostra", "difference": "none", "verdict": "correct"}
    script(tmp_path, "judge.jsonl", [{"content": json.dumps(verdict)}])
    assert run([*words, "--limit", "1", "--judge", f"scripted:{tmp_path / 'judge.jsonl'}"]) == 0
    graders = result(capsys)["graders"]
    assert graders["exact"]["labels"] == {"incorrect": 1}
    assert graders["judge"]["labels"] == {"correct": 1}


def test_what_is_missing_is_said_in_one_line(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    script(tmp_path, "model.jsonl", [])
    assert run(["eval", "nosuch"]) == 2
    assert "there is no benchmark 'nosuch'; there is twowiki" in capsys.readouterr().err
    assert run(["eval", "own", "--questions", str(tmp_path / "questions.json")]) == 2
    assert "--corpus" in capsys.readouterr().err
    assert run(["eval", "twowiki", "--data", str(tmp_path)]) == 2
    assert "the twowiki data set is not there" in capsys.readouterr().err


def test_when_every_attempt_failed_the_command_fails(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    down = ScriptedChat(lambda messages: ModelFault("refused"))
    monkeypatch.setattr(evaluate, "open_model", lambda spec, environment, on_progress: down)
    assert run([*words, "--limit", "2"]) == 1
    report = result(capsys)
    assert report["failures"] == {"ModelFault": 2}
    assert report["graders"]["exact"]["labels"] == {"failed": 2}
    assert report["graders"]["exact"]["avg"]["mean"] == 0.0
