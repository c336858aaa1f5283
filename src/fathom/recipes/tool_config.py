"""Which tools an agent has besides search and visit, and what they talk to."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator

from fathom.core.config import Config
from fathom.sandbox.code.config import CodeSandboxConfig
from fathom.sandbox.code.interpreter import installed
from fathom.sandbox.egress.policy import is_own
from fathom.sandbox.gateway.service import LaneChanges
from fathom.tools.mcp.config import McpServerConfig

ToolName = Literal["python", "scholar"]
TOOL_NAMES: tuple[ToolName, ...] = ("python", "scholar")


class ToolsConfig(Config):
    """Tools that are off unless they are named: each needs something of its machine or sends something out."""

    use: tuple[ToolName, ...] = Field(default=(), description="python: isolated code; scholar: catalogues of works")
    catalogues: str = Field(
        default="openalex,semantic_scholar,crossref,arxiv", description="engines that scholar asks, all at once"
    )
    engines: Mapping[str, LaneChanges] = Field(
        default={}, description="limits of catalogues by name, in place of those of `web.engines`"
    )
    python_sessions: bool = Field(default=False, description="code of one attempt sees its earlier variables and files")
    sandbox: CodeSandboxConfig = CodeSandboxConfig()
    code_url: str = Field(
        default="",
        description="server that runs code where this machine's sandbox cannot; key in FATHOM_CODE_KEY",
    )
    code_api: Literal["sandbox_fusion", "swe_rex"] = Field(
        default="sandbox_fusion", description="whose API that server speaks: SandboxFusion's or SWE-ReX's"
    )
    code_public: bool | None = Field(
        default=None,
        description="that server is not one's own, so a run that holds private text gives it no code; None: so it is "
        "where the address is not of this machine or a private network, as far as its text tells",
    )
    mcp: tuple[McpServerConfig, ...] = Field(default=(), description="MCP servers whose tools the agent has")

    @field_validator("mcp")
    @classmethod
    def _named_apart(cls, servers: tuple[McpServerConfig, ...]) -> tuple[McpServerConfig, ...]:
        if len({server.name for server in servers}) < len(servers):
            raise ValueError("two MCP servers share a name")
        return servers

    def as_installed(self) -> "ToolsConfig":
        """The same with those packages of isolated code alone that are installed, for a run to keep: what the model is
        told of them then does not change where its record is read. As it is where another machine may run the code."""
        if "python" not in self.use or self.code_url:
            return self
        # A guest in WebAssembly has none at all.
        found: tuple[str, ...] = () if self.sandbox.backends == ("wasm",) else installed(self.sandbox.packages)
        return self.model_copy(update={"sandbox": self.sandbox.model_copy(update={"packages": found})})

    @property
    def code_is_public(self) -> bool:
        """Whether code may get to a server that is not the user's own."""
        return self.code_public if self.code_public is not None else bool(self.code_url) and not is_own(self.code_url)

    @property
    def any(self) -> bool:
        """Whether there is a tool besides search and visit."""
        return bool(self.use or self.mcp)
