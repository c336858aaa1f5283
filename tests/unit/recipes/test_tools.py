"""Tools besides search and visit in whole runs: isolated code, catalogues, MCP servers, each behind the gateway and on
record."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests import mcp_program
from tests.code_sandboxes import CodeServer, PlainProcess
from tests.web_server import small_web
from tests.worlds import small_world

from fathom.cli.live import LiveView
from fathom.core.config import Environment
from fathom.core.errors import ConfigError
from fathom.core.task import Task
from fathom.recipes.ask import Outcome, ask, configure, repeat
from fathom.recipes.tool_config import ToolsConfig
from fathom.recipes.tool_ports import ToolPorts, tool_ports
from fathom.recipes.web_config import WebConfig
from fathom.sandbox.gateway.cache import ResultCache
from fathom.tools.protocol import ToolContext
from fathom.tools.scholar import Scholar
from fathom.world.search.gated import GatedEngine


@pytest.fixture
async def code_server(tmp_path: Path) -> AsyncIterator[CodeServer]:
    (tmp_path / "code").mkdir()
    async with CodeServer(PlainProcess(tmp_path / "code")) as server:
        yield server


def said(folder: Path, *calls: dict[str, object], answer: str) -> str:
    """The spec of a model that makes these calls and then answers."""
    replies = [f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in calls] + [f"<answer>{answer}</answer>"]
    path = folder / "agent.jsonl"
    path.write_text("".join(json.dumps({"content": reply}) + "\n" for reply in replies))
    return f"scripted:{path}"


async def asked(folder: Path, model: str, *settings: str, tools: tuple[str, ...] = ()) -> tuple[Outcome, Environment]:
    await small_world(folder / "corpora" / "small").close()
    environment = Environment(home=folder)
    research = configure(
        "react", model=model, world="small", tools=tools, environment=environment,
        overrides=["calling=tagged", *settings],
    )  # fmt: skip
    outcome = await ask("How much is it?", research, environment, view=LiveView(enabled=False))
    return outcome, environment


async def test_code_runs_elsewhere_where_this_machine_cannot(tmp_path: Path, code_server: CodeServer) -> None:
    call = {"name": "PythonInterpreter", "arguments": {"code": "print(6 * 7)"}}
    nowhere = "tools.sandbox.backends=['wasm']", "tools.sandbox.start_s=0.001"
    outcome, environment = await asked(
        tmp_path, said(tmp_path, call, answer="42"), *nowhere, f"tools.code_url={code_server.url}", tools=("python",)
    )
    assert outcome.report.answer.text.startswith("42")
    trajectory, steps = await repeat(outcome.folder, environment)
    assert steps == 3 and "stdout:\n42" in trajectory.segments[0].messages[-2].content


async def test_without_any_sandbox_a_run_does_not_begin(tmp_path: Path) -> None:
    nowhere = "tools.sandbox.backends=['wasm']", "tools.sandbox.start_s=0.001"
    with pytest.raises(ConfigError, match="code cannot be isolated"):
        await asked(tmp_path, said(tmp_path, answer="42"), *nowhere, tools=("python",))
    assert not list((tmp_path / "runs").glob("*/config.json"))


async def test_servers_out_of_a_file_are_called_and_their_replies_cited(tmp_path: Path) -> None:
    toml = tmp_path / "servers.toml"
    command = json.dumps([sys.executable, mcp_program.__file__, "sdk"])
    toml.write_text(f'[[tools.mcp]]\nname = "real"\nallow = ["echo"]\ncommand = {command}\n')
    call = {"name": "real__echo", "arguments": {"text": "It costs 12 crowns."}}
    await small_world(tmp_path / "corpora" / "small").close()
    environment = Environment(home=tmp_path)
    research = configure(
        "react", model=said(tmp_path, call, answer="It costs 12 crowns [E1]."), world="small", toml=toml,
        environment=environment, overrides=["calling=tagged"],
    )  # fmt: skip
    outcome = await ask("How much is it?", research, environment, view=LiveView(enabled=False))
    assert outcome.report.answer.supported == 1 and outcome.report.evidence[0].url == "mcp:real/echo"
    toml.unlink()
    trajectory, _ = await repeat(outcome.folder, environment)
    assert trajectory.answer == "It costs 12 crowns [E1]."


async def test_scholar_asks_its_catalogues_and_private_words_do_not_reach_them(tmp_path: Path) -> None:
    async with small_web() as server:
        outside = {"name": "google_scholar", "arguments": {"query": ["lighthouse"]}}
        private = {"name": "google_scholar", "arguments": {"query": ["Rossi"]}}
        visit = {"name": "visit", "arguments": {"url": ["wiki/Carla_Rossi"], "goal": "who"}}
        model = said(tmp_path, outside, visit, private, answer="12")
        catalogue = f"tools.catalogues=searxng:{server.base}"
        outcome, environment = await asked(tmp_path, model, catalogue, tools=("scholar",))
        before = list(server.visited)
        trajectory, _ = await repeat(outcome.folder, environment)
        assert server.visited == before
        texts = [m.content for m in trajectory.segments[0].messages if "<tool_response>" in m.content]
        assert '1 work for "lighthouse' in texts[-3] or 'works for "lighthouse' in texts[-3]
        assert 'Not among them: "rossi"' in texts[-1], "what a corpus of the user's own says is private"
        assert not [path for path in server.visited if "Rossi" in path]


def test_tools_go_to_agents_that_have_them(tmp_path: Path) -> None:
    environment = Environment(home=tmp_path, model_url="http://127.0.0.1:9/v1", model_name="qwen")
    with pytest.raises(ConfigError, match="no tools but search and visit"):
        configure("guided", tools=["python"], environment=environment)
    with pytest.raises(ConfigError, match="there is no tool 'browser'"):
        configure("react", tools=["browser"], environment=environment)
    both = configure("react", tools=["scholar", "python"], environment=environment)
    assert both.tools.use == ("python", "scholar")


async def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    environment = Environment(home=tmp_path)
    ports = tool_ports(ToolsConfig(), WebConfig(), environment)
    assert ports == ToolPorts() and not (tmp_path / "gateway").exists()
    named = tool_ports(ToolsConfig(use=("scholar",), catalogues="arxiv,serper"), WebConfig(), environment)
    assert [engine.name for engine in named.catalogues] == ["arxiv", "serper"]
    assert isinstance(named.catalogues[0].open(), GatedEngine)
    with pytest.raises(ConfigError, match="serper needs a key"):
        await named.ready()
    await named.close()


async def test_what_own_documents_say_is_private_among_catalogues_too(tmp_path: Path) -> None:
    await small_world(tmp_path / "notes").close()
    config = ToolsConfig(use=("scholar",), catalogues=f"local:{tmp_path / 'notes'}")
    ports = tool_ports(config, WebConfig(), Environment(home=tmp_path))
    context = ToolContext(task=Task(id="1", question="film"), world=small_world(tmp_path / "world"))
    result = await Scholar(ports.catalogues).run({"query": ["film director"]}, context)
    assert "Rossi" in result.text and context.boundary.private
    cache = ResultCache(tmp_path / "gateway" / "answers.sqlite")
    assert b"Rossi" not in (tmp_path / "gateway" / "answers.sqlite").read_bytes()
    assert (tmp_path / "gateway" / "answers.sqlite").stat().st_mode & 0o077 == 0
    cache.close()
    await ports.close()
