"""Attempts, how they are judged, and that the battery finds out what is no sandbox."""

import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.code_sandboxes import LIMITS, PlainProcess, ScriptedCodeSandbox, small, started_or_skip

from fathom.core.errors import ConfigError, ProviderFault
from fathom.sandbox.code.battery.attempt import Attempt, judge, program
from fathom.sandbox.code.battery.attempts import ALL, AS_USED, SHORT
from fathom.sandbox.code.battery.run import run_battery
from fathom.sandbox.code.choose import choose_backend, make_sandbox, open_sandbox, self_test
from fathom.sandbox.code.config import Backend, CodeSandboxConfig
from fathom.sandbox.code.protocol import CodeResult, CodeSandbox, MadeFile

# Of these none does harm where nothing stops it.
HARMLESS = (
    "read_open_file read_shared_memory_file read_users list_homes climb_by_open_folders other_processes_by_proc"
    " write_open_folder loopback_tcp loopback_udp abstract_unix_socket unix_socket_in_open_folder handle_of_process"
    " file_in_shared_folders survivor link_as_result_file"
).split()


def named(*names: str) -> list[Attempt]:
    found = [attempt for attempt in ALL if attempt.name in names]
    assert len(found) == len(names)
    return found


def test_there_are_many_attempts_of_every_kind_and_a_short_battery_of_each() -> None:
    assert len({attempt.name for attempt in ALL}) == len(ALL) >= 60
    assert min(Counter(attempt.kind for attempt in ALL).values()) >= 5
    assert {attempt.kind for attempt in SHORT} == {attempt.kind for attempt in ALL} - {"time"}
    for attempt in ALL:
        for code in (attempt.code, attempt.then):
            compile(program(code, {}), attempt.name, "exec")
            compile(code, attempt.name, "exec")


@pytest.mark.skipif(sys.platform != "linux", reason="the baits are Linux's")
async def test_a_plain_process_is_found_out_by_every_attempt_that_may_be_made_in_it(tmp_path: Path) -> None:
    attempts = named(*HARMLESS)
    verdicts = {v.name: v for v in await run_battery(PlainProcess(tmp_path), attempts, LIMITS)}
    held = {name for name, verdict in verdicts.items() if verdict.held}
    # No file is given back of a plain process, and a user other than root sees no other's environment.
    assert held <= {"link_as_result_file", "list_homes", "other_processes_by_proc", "handle_of_process"}
    assert verdicts["survivor"].detail.endswith("was left behind")
    assert verdicts["write_open_folder"].detail in ("a file was made", "ESCAPED 1")
    for folder in ("/tmp", "/dev/shm", "/var/tmp"):
        (Path(folder) / "left").unlink(missing_ok=True)


def result(stdout: str = "", **more: object) -> CodeResult:
    return CodeResult(**{"end": "ok", "stdout": stdout, **more})  # type: ignore[arg-type]


ATTEMPT = Attempt(name="a", kind="time", code="", ends=("timeout",))


@pytest.mark.parametrize(
    ("results", "breaches", "outcome"),
    [
        ([result("STOPPED PermissionError\n")], [], "stopped"),
        ([result("BOUNDED 5 of 6\n")], [], "bounded"),
        ([result("ESCAPED it\n")], [], "escaped"),
        ([result("STOPPED\n")], ["a connection arrived"], "escaped"),
        ([result("STOPPED\nthe s3cret\n")], [], "escaped"),
        ([result("STOPPED\n", stderr="s3cret")], [], "escaped"),
        ([result("STOPPED\n", files=(MadeFile(name="f", data=b"a s3cret b"),))], [], "escaped"),
        ([result("ESCAPED first\n"), result("STOPPED\n")], [], "escaped"),
        ([result(end="timeout")], [], "bounded"),
        ([result("STOPPED\n", end="timeout")], [], "bounded"),
        ([result("STOPPED\n", end="error")], [], "unclear"),
        ([result("nothing said\n")], [], "unclear"),
        ([result(end="memory")], [], "unclear"),
        ([result("ABSENT ImportError\n")], [], "absent"),
        ([result("ABSENT it\nSTOPPED\n")], [], "absent"),
        ([result("ABSENT it\n"), result("STOPPED\n")], [], "absent"),
        ([result("ABSENT it\nESCAPED\n")], [], "escaped"),
    ],
)
def test_an_attempt_is_judged_by_more_than_what_it_says(
    results: list[CodeResult], breaches: list[str], outcome: str
) -> None:
    verdict = judge(ATTEMPT, results, "s3cret", breaches)
    assert verdict.outcome == outcome and verdict.held == (outcome in ("stopped", "bounded"))


async def test_a_sandbox_that_fails_holds_nothing() -> None:
    (verdict,) = await run_battery(ScriptedCodeSandbox(ProviderFault("gone")), named("read_shadow"), LIMITS)
    assert verdict.outcome == "unclear" and not verdict.held


async def test_the_choice_fails_closed_and_says_what_to_install(tmp_path: Path) -> None:
    made: list[Backend] = []

    def make(backend: Backend, config: CodeSandboxConfig) -> CodeSandbox:
        made.append(backend)
        if backend == "bubblewrap":
            raise ConfigError("there is no bubblewrap")
        return ScriptedCodeSandbox(*[result("ESCAPED everything\n")] * 100)

    with pytest.raises(ConfigError) as refused:
        await choose_backend(small(), make)
    assert made == ["bubblewrap", "landlock", "wasm"]
    text = str(refused.value)
    assert "there is no bubblewrap" in text and "landlock: " in text and "escaped (ESCAPED everything)" in text
    assert "pip install" in refused.value.hint


async def test_what_could_not_be_tried_is_no_sign_of_a_sandbox() -> None:
    def make(backend: Backend, config: CodeSandboxConfig) -> CodeSandbox:
        return ScriptedCodeSandbox(*[result("ABSENT No module named '_ctypes'\n")] * 100)

    with pytest.raises(ConfigError, match=r"absent \(ABSENT No module"):
        await choose_backend(small(backends=("bubblewrap", "landlock")), make)
    assert await choose_backend(small(), make) == "wasm"  # whose interpreter is known, and never has them


async def test_a_python_that_lacks_what_an_attempt_needs_is_not_taken_for_a_sandbox(tmp_path: Path) -> None:
    attempts = [
        attempt.model_copy(update={"code": f"sys.modules['ctypes'] = None\n{attempt.code}"})
        for attempt in named("call_unshare", "call_bpf", "trace_process", "new_user_namespace_by_clone")
    ]
    verdicts = await run_battery(PlainProcess(tmp_path), attempts, LIMITS)
    assert [(verdict.outcome, verdict.held) for verdict in verdicts] == [("absent", False)] * 4


async def test_the_sandbox_that_is_to_be_used_is_tested_too(tmp_path: Path) -> None:
    made: list[CodeSandboxConfig] = []
    closed: list[str] = []

    class Scripted(ScriptedCodeSandbox):
        async def close(self) -> None:
            closed.append(self.name)

    def make(backend: Backend, config: CodeSandboxConfig) -> CodeSandbox:
        made.append(config)
        word = "ESCAPED" if config.packages and backend == "bubblewrap" else "STOPPED"
        return Scripted(*[result(f"{word} it\n")] * 100)

    given = small(packages=("numpy",))
    assert await choose_backend(given, make) == "landlock"
    assert [config == given for config in made] == [False, True] * 2 and len(closed) == 4


async def test_a_machine_that_refuses_the_test_what_it_needs_has_no_sandbox() -> None:
    def make(backend: Backend, config: CodeSandboxConfig) -> CodeSandbox:
        raise OSError(30, "Read-only file system")

    with pytest.raises(ConfigError, match="Read-only file system"):
        await choose_backend(small(), make)


async def test_the_first_kind_that_holds_is_taken() -> None:
    def make(backend: Backend, config: CodeSandboxConfig) -> CodeSandbox:
        word = "ESCAPED" if backend == "bubblewrap" else "STOPPED"
        return ScriptedCodeSandbox(*[result(f"{word} it\n")] * 100)

    assert await choose_backend(small(), make) == "landlock"


async def test_a_machine_with_the_development_tools_has_a_sandbox() -> None:
    """Tests of a kind are left out where the machine cannot have it; where it can have none, this one fails."""
    assert await choose_backend(small()) in ("bubblewrap", "landlock", "wasm")


@pytest.mark.parametrize("kind", ["bubblewrap", "landlock"])
async def test_a_real_sandbox_passes_its_self_test(kind: Backend) -> None:
    await (await started_or_skip(kind, small())).close()
    await self_test(make_sandbox, kind, small())


@pytest.mark.parametrize("kind", ["bubblewrap", "landlock"])
async def test_a_real_sandbox_with_packages_passes_and_is_given(kind: Backend) -> None:
    await (await started_or_skip(kind, small())).close()
    limits = LIMITS.model_copy(update={"timeout_s": 60.0, "memory_mb": 512})
    packages = tuple(name for name in ("numpy", "pandas") if find_spec(name))
    sandbox = await open_sandbox(small(backends=(kind,), packages=packages, preload=packages, limits=limits))
    try:
        assert sandbox.name == kind and (await sandbox.run("print(6 * 7)")).stdout == "42\n"
    finally:
        await sandbox.close()


async def test_a_plain_process_is_found_out_by_the_one_attempt_that_is_many(tmp_path: Path) -> None:
    (verdict,) = await run_battery(PlainProcess(tmp_path), [AS_USED], LIMITS)
    assert verdict.outcome == "escaped"


async def test_attempts_at_one_time_have_sessions_of_their_own() -> None:
    sandbox = ScriptedCodeSandbox(*[result("STOPPED it\n")] * 100)
    attempts = named("variable_between_sessions", "file_between_sessions", "variable")
    assert all(verdict.held for verdict in await run_battery(sandbox, attempts, LIMITS, at_once=3))
    sessions = [session for _, session in sandbox.asked if session]
    assert len(set(sessions)) == len(sessions) == 4 and sorted(sandbox.ended) == sorted(sessions)


async def test_a_guest_in_webassembly_has_nothing_to_get_out_with() -> None:
    sandbox = await started_or_skip("wasm", small())
    names = ("read_open_file", "environment", "loopback_tcp", "one_large_block", "forged_report", "standard_library")
    verdicts = await run_battery(sandbox, named(*names), LIMITS, at_once=2)
    await sandbox.close()
    assert [verdict for verdict in verdicts if not verdict.held] == []
