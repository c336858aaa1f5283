"""`fathom corpus` from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from fathom.cli import main as cli


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    path = tmp_path / "pages.jsonl"
    rows = [{"title": "Oslo", "text": "Oslo is the capital of Norway."}, {"title": "Norway", "text": "A kingdom."}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "broken\n", encoding="utf-8")
    return path


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = cli.run(["corpus", *args])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def result(capsys: pytest.CaptureFixture[str], *args: str) -> Any:
    code, out, _ = run(capsys, *args, "--json")
    assert code == 0
    return json.loads(out)


def test_a_corpus_is_added_listed_described_searched_and_removed(
    capsys: pytest.CaptureFixture[str], pages: Path
) -> None:
    code, out, err = run(capsys, "add", "north", str(pages), "--lang", "en", "--licence", "CC0-1.0", "--link")
    assert code == 0
    assert out.startswith("north: 2 documents, 2 passages")
    assert "pages.jsonl at byte" in err
    assert err.rstrip().endswith("1 problem")
    code, out, err = run(capsys, "list")
    assert (code, out.split()) == (0, ["north", "2", "documents", "en"])
    code, out, err = run(capsys, "info", "north")
    assert code == 0
    assert "CC0-1.0" in out
    code, out, err = run(capsys, "search", "north", "capital", "of", "Norway", "-k", "1")
    assert code == 0
    assert out.startswith("1. Oslo  [0:30]")
    assert run(capsys, "remove", "north")[:2] == (0, "removed north\n")
    assert run(capsys, "list")[1] == ""


def test_every_command_prints_one_json_document(capsys: pytest.CaptureFixture[str], pages: Path) -> None:
    added = result(capsys, "add", "north", str(pages))
    assert (added["documents"], len(added["problems"])) == (2, 1)
    assert [entry["name"] for entry in result(capsys, "list")] == ["north"]
    assert result(capsys, "info", "north")["hash"] == added["hash"]
    (hit,) = result(capsys, "search", "north", "capital", "-k", "1")
    assert hit["text"] == "Oslo is the capital of Norway."[hit["start"] : hit["end"]]
    assert result(capsys, "search", "north", "zebra") == []
    assert result(capsys, "remove", "north") == {"removed": "north"}


def test_what_makes_no_sense_is_one_line_and_a_hint(capsys: pytest.CaptureFixture[str], pages: Path) -> None:
    for args, message in (
        (("add", "north"), "nothing to add"),
        (("add", "north", str(pages.parent / "none")), "missing"),
        (("add", "../north", str(pages)), "cannot be the name"),
        (("add", "north", "--from", "nowhere"), "ships no corpus"),
        (("info", "south"), "there is no corpus 'south'"),
        (("search", "south", "x"), "there is no corpus 'south'"),
        (("remove", "south"), "there is no corpus 'south'"),
    ):
        code, out, err = run(capsys, *args)
        assert (code, out) == (2, "")
        assert message in next(line for line in err.splitlines() if line.startswith("fathom: "))


def test_a_file_without_one_readable_record_makes_no_corpus(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Path
) -> None:
    (tmp_path / "bad.jsonl").write_text("broken\n")
    code, _, err = run(capsys, "add", "north", str(tmp_path / "bad.jsonl"))
    assert code == 2
    assert "bad.jsonl at byte 0: corrupt" in err
    assert run(capsys, "list")[1] == ""


def test_many_problems_are_counted_and_a_screenful_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "good.jsonl").write_text('{"title": "A", "text": "alpha"}\n')
    for number in range(25):
        (folder / f"bad{number:02}.jsonl").write_text("broken\n")
    _, _, err = run(capsys, "add", "north", str(folder))
    assert err.count("bad") == 20
    assert "25 problems; 5 more" in err


def test_a_closed_world_takes_settings_and_nothing_else(capsys: pytest.CaptureFixture[str], pages: Path) -> None:
    code, _, _ = run(capsys, "add", "world", "--pages", "100", "--set", "given_names=false")
    assert code == 0
    code, _, err = run(capsys, "add", "world", str(pages))
    assert (code, "a closed world, whose truth is known" in err) == (2, True)
    for args in (("--set", "given_names=false"), ("--seed", "3")):
        code, _, err = run(capsys, "add", "other", str(pages), *args)
        assert (code, "--seed and --set are for closed worlds" in err) == (2, True)
    code, _, err = run(capsys, "add", "other", "--pages", "100", "--no-link")
    assert (code, "takes no files" in err) == (2, True)
