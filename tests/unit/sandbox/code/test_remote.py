"""Services elsewhere: what they answer, and what is made of it when they do not."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic import SecretStr
from tests.code_sandboxes import LIMITS, CodeServer, way_out

from fathom.core.errors import ProviderFault
from fathom.sandbox.code.protocol import CodeResult
from fathom.sandbox.code.remote import RemoteCodeConfig, RemoteSandbox
from fathom.sandbox.egress.protocol import WebReply, WebRequest


async def ran(
    kind: Any, status: int, body: Any, headers: dict[str, str] | None = None
) -> tuple[CodeResult, Any, CodeServer]:
    """(the result, what was asked, the server) of one run against a service that answers so."""
    asked: list[tuple[str, Any]] = []

    def script(path: str, given: Any) -> tuple[int, dict[str, str], bytes]:
        asked.append((path, given))
        return status, headers or {}, body if isinstance(body, bytes) else json.dumps(body).encode()

    async with CodeServer() as server:
        server.script = script
        config = RemoteCodeConfig(kind=kind, url=server.url + "/", api_key=SecretStr("key"), limits=LIMITS)
        result = await RemoteSandbox(config, way_out()).run("print(1)")
    return result, asked[0], server


def fusion(said: str = "Success", /, **run: Any) -> dict[str, Any]:
    given = {"status": "Finished", "return_code": 0, "stdout": "", "stderr": "", "execution_time": 0.1, **run}
    return {
        "status": said,
        "message": "",
        "compile_result": None,
        "run_result": given,
        "executor_pod_name": "p",
        "files": {},
    }


async def test_what_sandbox_fusion_is_asked_and_answers() -> None:
    result, (path, asked), server = await ran("sandbox_fusion", 200, fusion(stdout="1\n", stderr="w"))
    assert (path, asked["code"], asked["language"]) == ("/run_code", "print(1)", "python")
    assert (asked["run_timeout"], asked["memory_limit_MB"]) == (LIMITS.timeout_s, LIMITS.memory_mb)
    assert server.headers["authorization"] == "Bearer key"
    assert (result.end, result.stdout, result.stderr) == ("ok", "1\n", "w")


@pytest.mark.parametrize(
    ("reply", "end"),
    [
        (fusion("Failed", return_code=1, stderr="ValueError: x"), "error"),
        (fusion("Failed", return_code=1, stderr="Traceback\nMemoryError"), "memory"),
        (fusion("Failed", status="TimeLimitExceeded", return_code=None, stdout=None), "timeout"),
        (fusion("Failed", return_code=-9), "died"),
        (fusion("Failed", return_code=137), "died"),
    ],
)
async def test_how_code_ended_at_sandbox_fusion(reply: Any, end: str) -> None:
    assert (await ran("sandbox_fusion", 200, reply))[0].end == end


async def test_what_swe_rex_is_asked_and_answers() -> None:
    reply = {"stdout": "1\n", "stderr": "", "exit_code": 0}
    result, (path, asked), server = await ran("swe_rex", 200, reply)
    assert (path, asked["command"], asked["shell"]) == ("/execute", ["python3", "-c", "print(1)"], False)
    assert server.headers["x-api-key"] == "key" and result.stdout == "1\n"
    late = {"swerexception": {"message": "x", "class_path": "swerex.exceptions.CommandTimeoutError"}}
    assert (await ran("swe_rex", 511, late))[0].end == "timeout"


@pytest.mark.parametrize(
    ("kind", "status", "body", "fault"),
    [
        ("sandbox_fusion", 401, {}, "unauthorised"),
        ("swe_rex", 403, {}, "unauthorised"),
        ("sandbox_fusion", 429, {}, "rate_limited"),
        ("swe_rex", 500, {}, "server"),
        ("sandbox_fusion", 402, {}, "rate_limited"),
        ("sandbox_fusion", 404, {}, "rejected"),
        ("sandbox_fusion", 200, b"<html>sign in</html>", "garbage"),
        ("sandbox_fusion", 200, b"", "garbage"),
        ("sandbox_fusion", 200, {"status": "Success"}, "server"),
        ("sandbox_fusion", 200, {"status": "Strange"}, "garbage"),
        ("sandbox_fusion", 200, {"status": "SandboxError", "message": "no pod"}, "server"),
        ("sandbox_fusion", 200, fusion("SandboxError", status="Error"), "server"),
        ("swe_rex", 200, {"stdout": "x"}, "garbage"),
        ("swe_rex", 511, {"swerexception": {"message": "x", "class_path": "builtins.OSError"}}, "server"),
        ("swe_rex", 511, b"gone", "garbage"),
    ],
)
async def test_what_the_service_does_wrong_is_a_fault_and_no_result(
    kind: Any, status: int, body: Any, fault: str
) -> None:
    with pytest.raises(ProviderFault) as caught:
        await ran(kind, status, body)
    assert caught.value.kind == fault


async def test_the_services_own_wish_to_wait_is_kept() -> None:
    with pytest.raises(ProviderFault) as caught:
        await ran("sandbox_fusion", 429, {}, {"retry-after": "7"})
    assert caught.value.retry_after_s == 7.0
    with pytest.raises(ProviderFault) as dated:
        await ran("sandbox_fusion", 429, {}, {"retry-after": format_datetime(datetime.now(UTC) + timedelta(minutes=5))})
    assert 200 < (dated.value.retry_after_s or 0) <= 300


async def test_nobody_there_is_a_fault() -> None:
    config = RemoteCodeConfig(kind="swe_rex", url="http://127.0.0.1:9", limits=LIMITS)
    with pytest.raises(ProviderFault):
        await RemoteSandbox(config, way_out()).run("print(1)")


async def test_a_session_runs_its_cells_again_and_begins_afresh_when_there_are_too_many() -> None:
    asked: list[str] = []

    def script(path: str, given: Any) -> tuple[int, dict[str, str], bytes]:
        asked.append(given["code"])
        return 200, {}, json.dumps(fusion()).encode()

    async with CodeServer() as server:
        server.script = script
        config = RemoteCodeConfig(kind="sandbox_fusion", url=server.url, limits=LIMITS, max_cells=2)
        sandbox = RemoteSandbox(config, way_out())
        fresh = [(await sandbox.run(f"cell{number}", "s")).fresh for number in range(4)]
    assert fresh == [True, False, True, False]
    assert ["cell0" in code for code in asked] == [True, True, False, False]
    assert ["cell2" in code for code in asked] == [False, False, True, True]


class HeldWeb:
    """Answers that code ran well, the first time not before `go_on` is set."""

    def __init__(self) -> None:
        self.go_on, self.asked = asyncio.Event(), list[str]()

    async def fetch(self, request: WebRequest) -> WebReply:
        self.asked.append(json.loads(request.body or b"{}")["code"])
        await self.go_on.wait()
        return WebReply(200, request.url, {}, json.dumps(fusion()).encode())

    async def close(self) -> None:
        pass


async def test_a_run_that_ends_after_its_session_brings_nothing_of_it_back() -> None:
    web = HeldWeb()
    sandbox = RemoteSandbox(RemoteCodeConfig(kind="sandbox_fusion", url="http://there", limits=LIMITS), web)
    late = asyncio.create_task(sandbox.run("old_cell", "s"))
    await asyncio.sleep(0.01)
    waiting = asyncio.create_task(sandbox.run("next_cell", "s"))
    await asyncio.sleep(0.01)
    await sandbox.end("s")
    web.go_on.set()
    await late
    assert (await waiting).fresh and "old_cell" not in web.asked[1]
    assert not (await sandbox.run("last_cell", "s")).fresh
    assert "old_cell" not in web.asked[2] and "next_cell" in web.asked[2]
