"""Servers that run here: whatever they do, a call ends in a reply or a typed fault, and the program ends with us."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests import mcp_program

from fathom.core.errors import AccessDeniedError, ConfigError, ProviderFault
from fathom.tools.mcp.config import McpServerConfig
from fathom.tools.mcp.protocol import McpPart
from fathom.tools.mcp.server import McpServer

pytest.importorskip("mcp")
NOON = "2026-01-01T12:00:00Z"
Open = Callable[..., McpServer]


@pytest.fixture
async def start() -> AsyncIterator[Open]:
    servers: list[McpServer] = []

    def open_server(kind: str, **settings: Any) -> McpServer:
        command = (sys.executable, mcp_program.__file__, kind)
        config = McpServerConfig(**{"name": "hand", "allow": ("*",), "command": command, "timeout_s": 20, **settings})
        servers.append(McpServer(config, variables={"PATH": "/usr/bin", "TOKEN": "t"}, clock=lambda: NOON))
        return servers[-1]

    yield open_server
    for server in servers:
        await server.close()


async def say(server: McpServer, text: str = "hello") -> Any:
    return json.loads((await server.call("echo", {"text": text})).text)


async def fault_of(server: McpServer, text: str = "hello") -> ProviderFault:
    with pytest.raises(ProviderFault) as caught:
        await server.call("echo", {"text": text})
    return caught.value


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def gone(pid: int) -> bool:
    """Whether the process is gone, or is so in a moment: a signal that was sent is not yet a death."""
    for _ in range(200):
        if not alive(pid):
            return True
        await asyncio.sleep(0.1)
    return False


async def test_a_real_server_is_listed_and_called(start: Open) -> None:
    server = start("sdk", timeout_s=60, connect_timeout_s=60)
    offers = {offer.name: offer for offer in await server.offers()}
    assert set(offers) == {"echo", "fail", "picture"}
    assert offers["echo"].description == "Says it back." and offers["echo"].parameters["required"] == ["text"]
    reply = await server.call("echo", {"text": "hi", "times": 2})
    assert (reply.text, reply.failure, reply.at) == ("hi hi", "", NOON)
    failed = await server.call("fail", {"text": "x"})
    assert failed.failure == "tool" and "no such thing: x" in failed.text
    wrong = await server.call("echo", {"times": "many"})
    assert wrong.failure in ("tool", "arguments")
    picture = await server.call("picture", {})
    assert picture.parts == (McpPart(kind="image", media_type="image/png", size=8),) and picture.text == ""
    assert (await server.call("nothing", {})).failure in ("tool", "arguments", "unknown_tool")


async def test_calls_run_side_by_side(start: Open) -> None:
    server = start("Server")
    replies = await asyncio.gather(*(say(server, f"n{number}") for number in range(30)))
    assert [reply["text"] for reply in replies] == [f"n{number}" for number in range(30)]


async def test_the_program_gets_a_few_variables_and_those_it_is_given(start: Open, tmp_path: Path) -> None:
    server = start("Environment", variables=("TOKEN", "NOT_SET"), folder=str(tmp_path))
    seen = await say(server)
    assert set(seen["names"]) - {"LC_CTYPE"} == {"PATH", "TOKEN"} and seen["folder"] == str(tmp_path)


@pytest.mark.parametrize(
    ("kind", "text", "settings", "expected"),
    [
        ("Endless", "x", {}, "oversized"),
        ("Huge", "x", {"max_bytes": 100_000}, "oversized"),
        ("Flood", "x", {"max_bytes": 50_000}, "oversized"),
        ("Junk", "many", {}, "garbage"),
        ("Wrong", "x", {}, "garbage"),
        ("Silent", "x", {"timeout_s": 0.3}, "timeout"),
        ("Crash", "die", {}, "reset"),
    ],
)
async def test_a_server_that_misbehaves_is_a_fault_of_its_kind(
    start: Open, kind: str, text: str, settings: dict[str, Any], expected: str
) -> None:
    assert (await fault_of(start(kind, **settings), text)).kind == expected


async def test_a_few_lines_that_are_no_messages_are_forgiven(start: Open) -> None:
    assert await say(start("Junk"), "few") == {"text": "few"}


async def test_a_server_that_fell_over_is_started_again_with_the_next_call(start: Open) -> None:
    server = start("Crash")
    assert await say(server) == {"text": "hello"}
    fault = await fault_of(server, "die")
    assert fault.kind == "reset" and "about to die" in fault.hint
    assert await say(server, "again") == {"text": "again"}


async def test_a_crash_fails_the_calls_that_wait_and_no_others(start: Open) -> None:
    server = start("Silent")
    waiting = asyncio.create_task(server.call("echo", {"text": "wait"}))
    assert await say(server, "speak") == {"text": "speak"}
    assert not waiting.done() and (await fault_of(server, "die")).kind == "reset"
    with pytest.raises(ProviderFault) as caught:
        await waiting
    assert caught.value.kind == "reset"
    assert await say(server, "speak") == {"text": "speak"}


async def test_a_hung_server_is_started_anew_after_two_calls_without_a_reply(start: Open) -> None:
    server = start("Silent", timeout_s=0.3)
    await fault_of(server)
    first = server._session
    await fault_of(server)
    assert first is not None and first.over and server._session is None
    assert await say(server, "speak") == {"text": "speak"}


async def test_a_caller_that_is_cancelled_leaves_the_session_to_the_others(start: Open) -> None:
    server = start("Silent")
    await say(server, "speak")
    call = asyncio.create_task(server.call("echo", {"text": "wait"}))
    await asyncio.sleep(0.1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    session = server._session
    assert await say(server, "speak") == {"text": "speak"} and server._session is session


async def test_what_is_no_server_is_a_fault(start: Open) -> None:
    for settings in ({"command": ("/no/such/program",)}, {"folder": "/no/such/folder"}):
        with pytest.raises(ProviderFault) as caught:
            await start("Server", **settings).offers()
        assert caught.value.kind == "refused"
    with pytest.raises(ProviderFault) as gone:
        await start("Server", command=(sys.executable, "-S", "-c", "pass")).offers()
    assert gone.value.kind == "reset"
    began = time.monotonic()
    with pytest.raises(ProviderFault) as deaf:
        await start("deaf", connect_timeout_s=0.5).offers()
    assert deaf.value.kind == "timeout" and time.monotonic() - began < 20


async def test_what_a_server_asks_of_us_is_refused(start: Open) -> None:
    assert await say(start("Asking")) == {"text": "hello", "refused": 3}


async def test_a_tool_that_changes_may_not_be_called_any_more(start: Open) -> None:
    server = start("Changing")
    (before,) = await server.offers()
    assert await say(server) == {"text": "hello"}
    await asyncio.sleep(0.2)
    with pytest.raises(AccessDeniedError, match="not what it was"):
        await server.call("echo", {"text": "secret"})
    assert await server.offers() == (before,)


async def test_only_tools_on_the_list_are_offered_and_called(start: Open) -> None:
    server = start("Offering", allow=("echo", "twice"))
    assert [offer.name for offer in await server.offers()] == ["echo"], "of two of one name none is offered"
    with pytest.raises(AccessDeniedError, match="not on the list"):
        await server.call("free", {})
    with pytest.raises(ProviderFault, match="over 5 tools"):
        await start("Offering", max_tools=5).offers()


async def test_the_program_and_all_of_its_group_are_ended_for_sure(start: Open) -> None:
    server = start("Stubborn")
    pids = await say(server)
    assert alive(pids["me"]) and alive(pids["child"])
    await server.close()
    assert await gone(pids["me"]) and await gone(pids["child"])
    with pytest.raises(ProviderFault, match="closed"):
        await server.call("echo", {"text": "x"})


async def test_nothing_is_left_when_closing_is_cut_short(start: Open) -> None:
    server = start("Stubborn")
    pids = await say(server)
    closing = asyncio.create_task(server.close())
    await asyncio.sleep(0.1)
    closing.cancel()
    await asyncio.wait([closing])
    assert await gone(pids["me"]) and await gone(pids["child"])


def test_a_server_is_a_program_or_an_address() -> None:
    for settings in (
        {},
        {"command": ("x",), "url": "http://localhost"},
        {"url": "ftp://x"},
        {"command": ("x",), "name": "A b"},
    ):
        with pytest.raises(ValueError):
            McpServerConfig(**{"name": "a", "allow": (), **settings})


async def test_without_the_extra_it_says_what_to_install(start: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fathom.tools.mcp.session.find_spec", lambda name: None)
    with pytest.raises(ConfigError) as caught:
        await start("Server").offers()
    assert "fathom-research[mcp]" in caught.value.hint
