"""Settings of one MCP server."""

from typing import Self

from pydantic import Field, model_validator

from fathom.core.config import Config
from fathom.sandbox.egress.policy import is_own

ALL = "*"


class McpServerConfig(Config):
    """One server: `command` starts it here and speaks by standard input and output, `url` is where it listens. Secrets
    are named by the environment variables that hold them, so that no record of a run has them."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,23}$", description="the prefix of its tools' names")
    allow: tuple[str, ...] = Field(description="names of the tools that may be called; * for all of them")
    command: tuple[str, ...] = Field(default=(), description="program and arguments of a server that runs here")
    folder: str = Field(default="", description="folder the program is started in; empty for the present one")
    variables: tuple[str, ...] = Field(default=(), description="environment variables passed on to the program")
    url: str = Field(default="", pattern=r"^(https?://.+)?$", description="address of a server over HTTP")
    bearer: str = Field(default="", description="environment variable that holds the token sent to `url`")
    public: bool | None = Field(
        default=None,
        description="what it is asked leaves this machine and what it says is public, else neither; None: so it is for "
        "a `url` that is not of this machine or a private network, as far as its text tells",
    )
    timeout_s: float = Field(default=60.0, gt=0, description="seconds for one call")
    connect_timeout_s: float = Field(default=30.0, gt=0, description="seconds to start, shake hands and list tools")
    slots: int = Field(default=16, ge=1, description="calls at once; others wait")
    max_bytes: int = Field(default=4_000_000, ge=1024, description="bytes of one message of the server")
    max_tools: int = Field(default=64, ge=1, description="tools of one server; a longer list is refused")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError(f"server {self.name}: give either a command or a url")
        return self

    @property
    def is_public(self) -> bool:
        """Whether what the server is asked leaves this machine."""
        return self.public if self.public is not None else bool(self.url) and not is_own(self.url)

    def allows(self, tool: str) -> bool:
        """Whether the tool may be called."""
        return ALL in self.allow or tool in self.allow
