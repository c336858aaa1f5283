"""`fathom ask` on bad input: one clear line, before anything is opened; and what the live view prints."""

from pathlib import Path

import pytest

from fathom.cli.live import LiveView
from fathom.cli.main import run


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["\udcff"], "the question is not UTF-8 text"),
        ([" "], "the question is empty"),
        (["q", "--agent", "nobody"], "there is no agent 'nobody'"),
        (["q", "--model", "qwen"], "no endpoint for the model 'qwen'"),
    ],
)
def test_bad_input_is_one_line(
    args: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FATHOM_MODEL_URL", raising=False)
    assert run(["ask", *args]) == 2
    assert capsys.readouterr().err.startswith(f"fathom: {line}")
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_made_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("Ostra is a port.")
    monkeypatch.setenv("FATHOM_HOME", str(note))
    assert run(["corpus", "add", "notes", str(note)]) == 1
    said = capsys.readouterr().err
    assert f"fathom: {note}" in said and "Not a directory" in said and "Traceback" not in said
    with pytest.raises(NotADirectoryError):
        run(["--debug", "corpus", "add", "notes", str(note)])


def test_the_live_view_prints_whatever_a_model_says(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveView() as view:
        for content in ("[" * 5000, "\x1b[2Jgone", '{"answer": "Ostra"}', "[/dim] [bold"):
            view.on_event("turn", {"role": "react", "message": {"content": content, "reasoning": None}})
    printed = capsys.readouterr().err
    assert "[[[[" in printed and "\x1b[2J" not in printed and "gone" in printed
    assert "answer: Ostra" in printed and "[/dim] [bold" in printed
