"""Setting up the environment: where torch comes from."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
from tests.programs import ROOT, script


@pytest.fixture
def setup_env() -> ModuleType:
    return script("setup_env")


@pytest.mark.parametrize(
    ("platform", "there", "starts", "asked", "code"),
    [
        ("linux", "configured", True, ["+cpu"], 0),
        ("linux", "makers", True, ["+cpu", "+cpu whl/cpu"], 0),
        ("linux", "plain", True, ["+cpu", "+cpu whl/cpu", "-r"], 0),
        ("linux", "plain", False, ["+cpu", "+cpu whl/cpu", "-r"], 1),
        ("darwin", "plain", True, ["-r"], 0),
        ("linux", "", True, ["+cpu", "+cpu whl/cpu", "-r"], 7),
    ],
)
def test_torch_is_the_build_for_the_cpu_wherever_that_is(
    setup_env: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    platform: str,
    there: str,
    starts: bool,
    asked: list[str],
    code: int,
) -> None:
    pins = (ROOT / "requirements" / "torch.txt").read_text()
    version = next(line for line in pins.splitlines() if line.startswith("torch=="))
    tries: list[str] = []

    def install(python: str, arguments: list[str], what: str, total: int, *, tried: bool = False) -> int:
        cpu = f"{version}+cpu" in arguments
        makers = any(each.endswith("whl/cpu") for each in arguments)
        tries.append(("+cpu whl/cpu" if makers else "+cpu") if cpu else "-r")
        assert tried == cpu
        assert "--no-deps" in arguments
        return 0 if there == ("makers" if makers else "configured" if cpu else "plain") else 7

    monkeypatch.setattr(setup_env, "install", install)
    monkeypatch.setattr(sys, "platform", platform)
    ran = SimpleNamespace(returncode=int(not starts), stderr="Traceback\nImportError: libcudnn.so.9: cannot open")
    monkeypatch.setattr(setup_env.subprocess, "run", lambda *args, **kept: ran)
    assert setup_env.install_lock("python", str(ROOT / "requirements" / "torch.txt")) == code
    assert tries == asked
    assert ("PIP_EXTRA_INDEX_URL" in capsys.readouterr().err) == (not starts)
