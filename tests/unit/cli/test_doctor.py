"""`fathom doctor` from the command line, against scripts and against endpoints that refuse."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from fathom.cli import main as cli
from fathom.llm.profile import load_profile


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path))
    for name in ("FATHOM_MODEL_URL", "FATHOM_MODEL", "FATHOM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


class Refusing(BaseHTTPRequestHandler):
    """Knows one key and one model, and has neither of the ones it is asked with."""

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        asked = json.loads(self.rfile.read(length))
        if self.headers.get("authorization") != "Bearer good":
            self._send(401, "Incorrect API key provided")
        else:
            self._send(404, f"The model `{asked['model']}` does not exist.")

    def _send(self, status: int, message: str) -> None:
        body = json.dumps({"error": {"message": message}}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


def script(folder: Path, text: str) -> str:
    path = folder / "model.jsonl"
    path.write_text(f"{json.dumps({'content': text})}\n" * 80, encoding="utf-8")
    return f"scripted:{path}"


def test_the_profile_is_printed_and_kept(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = script(home, "Paris")
    assert cli.run(["doctor", "--model", spec, "--json"]) == 3
    printed = json.loads(capsys.readouterr().out)
    assert printed["verdict"] == "limited" and printed["strategy"] == "repair"
    kept = load_profile(home, spec)
    assert kept is not None and kept.strategy == "repair" and kept.measured_at
    assert Path(printed["profile"]).parent == home / "profiles"


def test_findings_are_lines_with_advice(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["doctor", "--model", script(home, "I'm sorry, I cannot help with that.")]) == 4
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "model: unusable"
    assert "FAIL  the model did not do one thing" in out and "instruction-tuned" in out


def test_a_refused_connection_is_one_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["doctor", "--url", "http://127.0.0.1:9/v1", "--model", "m"]) == 4
    fails = [line for line in capsys.readouterr().out.splitlines() if "FAIL" in line]
    assert len(fails) == 1 and "http://127.0.0.1:9/v1" in fails[0]
    assert not (home / "profiles").exists()


def test_a_wrong_key_and_an_unknown_model_are_named(
    endpoint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.run(["doctor", "--url", endpoint, "--model", "qwen"]) == 4
    out = capsys.readouterr().out
    assert "401" in out and "Incorrect API key" in out and "FATHOM_API_KEY" in out
    monkeypatch.setenv("FATHOM_API_KEY", "good")
    assert cli.run(["doctor", "--url", endpoint, "--model", "qwen"]) == 4
    out = capsys.readouterr().out
    assert "404" in out and "`qwen` does not exist" in out and "model's name" in out


def test_wrong_usage_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["doctor", "--embedded", "--url", "http://x/v1"]) == 2
    assert cli.run(["doctor", "--model", "qwen"]) == 2
    assert "no endpoint for the model 'qwen'" in capsys.readouterr().err
