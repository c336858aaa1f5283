"""What a server is taken for where its settings do not say it."""

from typing import Any

import pytest

from fathom.recipes.tool_config import ToolsConfig
from fathom.tools.mcp.config import McpServerConfig
from fathom.tools.mcp.server import McpServer

OWN = ("http://127.0.0.1:8931/mcp", "http://[::1]/mcp", "http://10.1.2.3/mcp", "http://192.168.7.1:80/mcp",
       "https://localhost/mcp", "http://LOCALHOST./mcp", "http://box.local/mcp", "http://[fd00::1]/mcp")  # fmt: skip
ELSEWHERE = ("https://papers.example/mcp", "http://93.184.215.14/mcp", "http://box/mcp", "http://localhost.evil.example/",
             "http://127.0.0.1.evil.example/", "http://127.1/", "http://0x7f000001/", "http://user@localhost/mcp",
             "http://169.254.169.254/mcp", "http://127.0.0.1@evil.example/")  # fmt: skip


def public(**settings: Any) -> bool:
    config = McpServerConfig.model_validate({"name": "s", "allow": ["*"], **settings})
    server = McpServer(config, variables={})
    assert server.public is config.is_public
    return server.public


@pytest.mark.parametrize("url", OWN)
def test_addresses_of_this_machine_and_of_private_networks_are_own(url: str) -> None:
    assert not public(url=url) and public(url=url, public=True)
    assert not ToolsConfig(code_url=url).code_is_public and ToolsConfig(code_url=url, code_public=True).code_is_public


@pytest.mark.parametrize("url", ELSEWHERE)
def test_all_other_addresses_are_public(url: str) -> None:
    assert public(url=url) and not public(url=url, public=False)
    assert ToolsConfig(code_url=url).code_is_public and not ToolsConfig(code_url=url, code_public=False).code_is_public


def test_programs_are_own() -> None:
    assert not public(command=["server"]) and public(command=["server"], public=True)
    assert not ToolsConfig().code_is_public
