"""What a server offers, what it replies, and whoever can be asked."""

from typing import Any, Literal, Protocol

from fathom.core.evidence import Page
from fathom.core.model import Frozen, content_hash


class McpOffer(Frozen):
    """A tool as its server describes it, unchecked. `parameters` is its JSON schema."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}


class McpPart(Frozen):
    """A part of a reply. `text` is what it says; of pictures and sound only the type and the size in bytes are kept."""

    kind: Literal["text", "image", "audio", "file", "link"]
    text: str = ""
    media_type: str = ""
    size: int = 0


class McpReply(Frozen):
    """What a tool gave. `failure` says that the call failed and whose word that is: the tool's, or the server's about
    the arguments or the name; the text is then its message. `at` is UTC, ISO 8601."""

    parts: tuple[McpPart, ...] = ()
    failure: Literal["", "tool", "arguments", "unknown_tool"] = ""
    at: str = ""

    @property
    def text(self) -> str:
        """All that the reply says in words."""
        return "\n\n".join(part.text for part in self.parts if part.kind in ("text", "file", "link") and part.text)

    def page(self, server: str, tool: str) -> Page:
        """The reply as a page that can be cited."""
        text = self.text
        return Page(
            url=f"mcp:{server}/{tool}",
            title=f"{tool} of {server}",
            text=text,
            text_hash=content_hash(text),
            fetched_at=self.at,
        )


class McpPort(Protocol):
    """One server. Raises `ProviderFault` with its kind where there is no whole reply, and `AccessDeniedError` for a
    tool that may not be called. That a tool says it failed is a reply."""

    @property
    def name(self) -> str: ...

    @property
    def public(self) -> bool:
        """Whether what it is asked leaves this machine; what it says is then public too."""
        ...

    async def offers(self) -> tuple[McpOffer, ...]:
        """The tools that may be called, in the server's order; the same for as long as the port lives."""
        ...

    async def call(self, name: str, arguments: dict[str, Any]) -> McpReply:
        """What the tool `name` of the server gives for `arguments`."""
        ...

    async def close(self) -> None: ...
