"""Tools' ports: opened once, asked within their limits, and closed whatever becomes of one of them."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests import mcp_program
from tests.chat_server import Answer
from tests.code_sandboxes import CodeServer, PlainProcess, ScriptedCodeSandbox
from tests.web_server import small_web

from fathom.core.config import Environment
from fathom.core.errors import ConfigError, ProviderFault, ToolError, WorldUnavailableFault
from fathom.core.task import Task
from fathom.recipes.tool_config import ToolsConfig
from fathom.recipes.tool_ports import LazyEngine, LazySandbox, ToolPorts, tool_ports
from fathom.recipes.web_config import WebConfig
from fathom.sandbox.code.config import CodeSandboxConfig
from fathom.sandbox.code.gated import GatedSandbox, code_service
from fathom.sandbox.code.protocol import CodeResult
from fathom.sandbox.gateway.calls import read_calls
from fathom.sandbox.gateway.gateway import Gateway
from fathom.tools.mcp.config import McpServerConfig
from fathom.tools.mcp.gated import GatedMcp, mcp_service
from fathom.tools.mcp.protocol import McpOffer, McpReply
from fathom.tools.protocol import ToolContext
from fathom.tools.python import PythonConfig, PythonInterpreter
from fathom.world.recorded import RecordedWorld
from fathom.world.search.protocol import SearchQuery

OK = CodeResult(end="ok")
NOWHERE = {"backends": ("wasm",), "start_s": 0.001}


class Part:
    """Something to be closed, which may fail at it."""

    def __init__(self, closed: list[str], name: str, error: BaseException | None = None) -> None:
        self.closed, self.name, self.error = closed, name, error

    async def close(self) -> None:
        self.closed.append(self.name)
        if self.error is not None:
            raise self.error


async def test_two_runs_that_come_at_once_open_one_sandbox() -> None:
    found: list[GatedSandbox] = []

    async def opener() -> GatedSandbox:
        await asyncio.sleep(0.01)
        found.append(GatedSandbox(Gateway(), [ScriptedCodeSandbox(OK, OK, OK)], code_service(5.0)))
        return found[-1]

    sandbox = LazySandbox(opener)
    await asyncio.gather(sandbox.run("1"), sandbox.run("2"), sandbox.run("3"))
    assert len(found) == 1
    await sandbox.close()


@pytest.mark.parametrize("error", [OSError("no"), asyncio.CancelledError()])
async def test_all_is_closed_the_gateway_first_whatever_becomes_of_one(error: BaseException) -> None:
    closed: list[str] = []
    engine = LazyEngine("x", lambda: Part(closed, "engine"))  # type: ignore[arg-type, return-value]
    engine.open()
    ports = ToolPorts(
        catalogues=(engine,), gateway=Part(closed, "gateway", error), way_out=Part(closed, "way out")
    )  # fmt: skip
    with pytest.raises(type(error)):
        await ports.close()
    assert closed == ["gateway", "engine", "way out"]


async def test_a_session_that_moved_is_forgotten_where_it_was() -> None:
    full = ProviderFault("full", kind="saturated")
    first = ScriptedCodeSandbox(OK, full, full)
    second = ScriptedCodeSandbox(OK, OK)
    sandbox = GatedSandbox(Gateway(), [first, second], code_service(1.0))
    for code in ("x = 1", "x = 2", "print(x)"):
        await sandbox.run(code, "s")
    assert first.ended == ["s"] and second.ended == []
    assert [code for code, _ in second.asked] == ["x = 2", "print(x)"]
    await sandbox.close()


async def test_a_server_runs_the_code_where_this_machine_cannot_even_be_tested(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "code").mkdir()
    nowhere = {"backends": ("wasm",), "wasm_folder": str(tmp_path / "file" / "inside")}
    async with CodeServer(PlainProcess(tmp_path / "code")) as server:
        config = ToolsConfig.model_validate({"use": ["python"], "sandbox": nowhere, "code_url": server.url})
        ports = tool_ports(config, WebConfig(), Environment(home=tmp_path))
        await ports.ready()
        assert ports.sandbox is not None and (await ports.sandbox.run("print(1)")).stdout == "1\n"
        await ports.close()


async def test_offline_no_code_leaves_this_machine(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    async with CodeServer(PlainProcess(tmp_path / "code")) as server:
        config = ToolsConfig.model_validate({"use": ["python"], "sandbox": NOWHERE, "code_url": server.url})
        here = tool_ports(config, WebConfig(), Environment(home=tmp_path))
        assert here.sandbox is not None and (await here.sandbox.run("print(1)")).stdout == "1\n"
        await here.close()
        server.headers.clear()
        offline = tool_ports(config, WebConfig(scope="offline"), Environment(home=tmp_path))
        assert offline.sandbox is not None
        with pytest.raises((ProviderFault, ConfigError)):
            await asyncio.wait_for(offline.sandbox.run("print(1)"), 60)
        assert server.headers == {}
        await offline.close()


async def test_code_goes_to_a_server_by_the_api_it_speaks(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    async with CodeServer(PlainProcess(tmp_path / "code")) as server:
        asked: list[str] = []
        server.script = lambda path, said: asked.append(path)  # type: ignore[func-returns-value]
        for api, path in (("sandbox_fusion", "/run_code"), ("swe_rex", "/execute")):
            given = {"use": ["python"], "sandbox": NOWHERE, "code_url": server.url, "code_api": api}
            ports = tool_ports(ToolsConfig.model_validate(given), WebConfig(), Environment(home=tmp_path))
            assert ports.sandbox is not None and (await ports.sandbox.run("print(1)")).stdout == "1\n"
            assert asked == [path]
            asked.clear()
            await ports.close()
    with pytest.raises(ValueError, match="code_api"):
        ToolsConfig.model_validate({"code_api": "e2b"})


async def test_catalogues_of_one_kind_have_lanes_of_their_own_and_limits_as_set(tmp_path: Path) -> None:
    async with small_web() as first, small_web() as second:
        first.search = lambda query: Answer({}, 429, {"retry-after": "60"})
        limits = {"searxng": {"rate_per_s": 4, "burst": 1}}
        config = ToolsConfig.model_validate(
            {"use": ["scholar"], "catalogues": f"{first.base},{second.base}", "engines": limits}
        )
        ports = tool_ports(config, WebConfig(attempts=1), Environment(home=tmp_path))
        busy, free = ports.catalogues
        with pytest.raises(WorldUnavailableFault):
            await busy.search(SearchQuery(text="lighthouse"))
        began = time.monotonic()
        await asyncio.gather(*(free.search(SearchQuery(text=f"lighthouse {word}")) for word in ("a", "b", "c")))
        assert 0.5 <= time.monotonic() - began < 30
        await ports.close()
    calls = list(read_calls(tmp_path / "gateway" / "calls.jsonl"))
    assert {(call.service, call.status) for call in calls} == {("search searxng", "fault"), ("search searxng 2", "ok")}
    with pytest.raises(ConfigError, match="named twice"):
        tool_ports(ToolsConfig(use=("scholar",), catalogues="arxiv,arxiv"), WebConfig(), Environment(home=tmp_path))


async def test_a_server_of_others_gets_no_code_of_a_run_with_private_text(tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text("")
    context = ToolContext(task=Task(id="1", question="x"), world=RecordedWorld(tmp_path / "none.jsonl"))
    sandbox = ScriptedCodeSandbox(OK)
    python = PythonInterpreter(sandbox, PythonConfig(public=True))
    await python.run({"code": "print(1)"}, context)
    context.boundary.show("the salary is 4711", private=True)
    with pytest.raises(ToolError) as refused:
        await python.run({"code": "print(4711)"}, context)
    assert refused.value.kind == "denied" and len(sandbox.asked) == 1


async def test_servers_are_looked_at_before_a_run_begins(tmp_path: Path) -> None:
    config = ToolsConfig(mcp=(McpServerConfig(name="gone", command=("/no/such/program",), allow=("*",)),))
    ports = tool_ports(config, WebConfig(), Environment(home=tmp_path))
    with pytest.raises(ConfigError, match="the MCP server 'gone' cannot be used"):
        await ports.ready()
    await ports.close()
    real = McpServerConfig(name="real", command=(sys.executable, mcp_program.__file__, "sdk"), allow=("echo",))
    ports = tool_ports(ToolsConfig(mcp=(real,)), WebConfig(), Environment(home=tmp_path))
    await ports.ready()
    assert [offer.name for offer in await ports.servers[0].offers()] == ["echo"]
    assert (await ports.servers[0].call("echo", {"text": "a"})).text == "a"
    await ports.close()


async def test_a_server_at_an_address_is_reached_through_the_guard(tmp_path: Path) -> None:
    at = McpServerConfig(name="at", url="http://127.0.0.1:9/mcp", allow=("*",), connect_timeout_s=5, timeout_s=5)
    for scope, said in (("offline", "may not be opened"), ("private", "ConnectError")):
        web = WebConfig.model_validate({"scope": scope})
        ports = tool_ports(ToolsConfig(mcp=(at,)), web, Environment(home=tmp_path))
        with pytest.raises(ConfigError, match=said):
            await ports.ready()
        await ports.close()


class CountingPort:
    """A server of tools that sees how many calls there are at once."""

    name, public = "counting", False

    def __init__(self) -> None:
        self.running = self.most = 0

    async def offers(self) -> tuple[McpOffer, ...]:
        return ()

    async def call(self, name: str, arguments: dict[str, Any]) -> McpReply:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.02)
        self.running -= 1
        return McpReply()

    async def close(self) -> None:
        return None


async def test_how_many_calls_a_server_of_tools_takes_at_once_is_a_setting(tmp_path: Path) -> None:
    for settings, most in (({}, 16), ({"slots": 3}, 3), ({"slots": 40}, 40)):
        config = McpServerConfig.model_validate({"name": "a", "url": "http://127.0.0.1:9", "allow": ("*",), **settings})
        port = CountingPort()
        server = GatedMcp(Gateway(), port, mcp_service(30.0, config.slots))
        await asyncio.gather(*(server.call(str(number), {}) for number in range(50)))
        assert port.most == most


def test_two_servers_of_one_name_are_refused_at_once() -> None:
    one = McpServerConfig(name="a", command=("x",), allow=("*",))
    with pytest.raises(ValueError, match="share a name"):
        ToolsConfig(mcp=(one, one))


def test_a_run_keeps_which_packages_its_code_can_import() -> None:
    some = CodeSandboxConfig(packages=("pytest", "no-such-package"))
    kept = ToolsConfig(use=("python",), sandbox=some).as_installed()
    assert kept.sandbox == some.model_copy(update={"packages": ("pytest",)})
    for unchanged in (
        ToolsConfig(sandbox=some),
        ToolsConfig(use=("python",), sandbox=some, code_url="http://there"),
        ToolsConfig(use=("python",), sandbox=CodeSandboxConfig(packages=("pytest",))),
    ):
        assert unchanged.as_installed() == unchanged
    guest = CodeSandboxConfig(packages=("pytest",), backends=("wasm",))
    assert ToolsConfig(use=("python",), sandbox=guest).as_installed().sandbox.packages == ()
