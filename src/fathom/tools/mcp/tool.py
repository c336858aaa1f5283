"""Tools of servers as tools of an agent: named after their server, their replies cited like pages.

Reference: Model Context Protocol, tools. Differs from it: the agent is not told what a server says of itself, and of a
long reply it sees what is nearest to the question.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import AccessDeniedError, ProviderFault, ToolError
from fathom.core.message import ToolSpec
from fathom.core.model import Frozen
from fathom.tools.boundary import Boundary
from fathom.tools.mcp.offers import UnfitOfferError, spec_of, tool_names
from fathom.tools.mcp.protocol import McpOffer, McpPart, McpPort, McpReply
from fathom.tools.protocol import ToolContext, ToolResult
from fathom.tools.window import windows

_FAILURES: dict[str, ToolError.Kind] = {"tool": "failed", "arguments": "arguments", "unknown_tool": "unknown_tool"}
_UNREACHED: dict[ProviderFault.Kind, tuple[ToolError.Kind, str]] = {
    "timeout": ("timeout", "did not answer in time. This says nothing about what was asked."),
    "saturated": (
        "saturated",
        "cannot be asked just now. This says nothing about what was asked, and is no evidence; try again later.",
    ),
    "refused": ("upstream", "could not be reached. This says nothing about what was asked."),
}
_MESSAGE_CHARS = 2000
_CALL_CHARS = 400


class McpToolConfig(Config):
    """Settings of tools of servers."""

    reply_chars: int = Field(default=12_000, ge=400, description="characters of one reply shown, chosen by relevance")
    window_chars: int = Field(default=800, ge=100, description="size of one span of evidence, in characters")


class LeftOut(Frozen):
    """A server, or one tool of it, that is not offered, and why. For the user, not for the model."""

    server: str
    tool: str = ""
    reason: str


class McpTool:
    """One tool of a server. A reply becomes evidence; that the server cannot be reached, does not answer in time or has
    no room is an error of kind `upstream`, `timeout` or `saturated` that says nothing about what was asked; that the
    tool says it failed is one of kind `failed`."""

    def __init__(self, port: McpPort, name: str, spec: ToolSpec, config: McpToolConfig = McpToolConfig()) -> None:
        self._port, self._name, self._config = port, name, config
        self.spec = spec

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> ToolResult:
        if self._port.public:
            arguments = _cleared(arguments, context.boundary, frozenset(_names(self.spec.parameters)))
        try:
            reply = await self._port.call(self._name, arguments)
        except AccessDeniedError as error:
            raise ToolError("denied", f"Refused: {error}.") from None
        except ProviderFault as fault:
            kind, said = _UNREACHED.get(fault.kind, _UNREACHED["refused"])
            raise ToolError(kind, f"{self.spec.name} {said}") from None
        if reply.failure:
            words = reply.text[:_MESSAGE_CHARS] or "no reason was given"
            context.boundary.show(words, private=not self._port.public)
            raise ToolError(_FAILURES[reply.failure], f"{self.spec.name} failed and says: {words}")
        return await self._result(reply, arguments, context)

    async def _result(self, reply: McpReply, arguments: dict[str, Any], context: ToolContext) -> ToolResult:
        page = reply.page(self._port.name, self._name)
        asked = json.dumps(arguments, ensure_ascii=False)[:_CALL_CHARS]
        limit, size = self._config.reply_chars, self._config.window_chars
        goal = f"{context.task.question}\n{asked}"
        spans = await asyncio.to_thread(windows, page.text, goal, limit=limit, size=size)
        evidence = [context.cite(page, start, end) for start, end in spans]
        context.boundary.show("\n".join(item.text for item in evidence), private=not self._port.public)
        shown = sum(end - start for start, end in spans)
        lines = [f"What {page.title} gives:", *(f"[{item.id}] {item.text}" for item in evidence)]
        if shown < len(page.text.strip()) * 0.98:
            lines.append(f"({shown:,} of {len(page.text):,} characters are shown, those nearest to the question)")
        unseen = [part for part in reply.parts if not part.text]
        lines += [f"({_said_of(part)}, which cannot be shown here)" for part in unseen]
        if not evidence and not unseen:
            lines.append("(nothing)")
        return ToolResult(
            text="\n".join(lines),
            urls=(page.url,) if evidence else (),
            titles=(page.title,) if evidence else (),
            evidence=tuple(item.id for item in evidence),
        )


async def mcp_tools(
    ports: Sequence[McpPort], config: McpToolConfig = McpToolConfig()
) -> tuple[tuple[McpTool, ...], tuple[LeftOut, ...]]:
    """The tools of all servers, in the order of these, and what had to be left out. A server that cannot be reached
    does not keep the others from being used. Raises `ValueError` when two servers share a name."""
    if len({port.name for port in ports}) != len(ports):
        raise ValueError("two MCP servers share a name")
    found = await asyncio.gather(*(port.offers() for port in ports), return_exceptions=True)
    left_out: list[LeftOut] = []
    offered: list[tuple[McpPort, McpOffer]] = []
    for port, offers in zip(ports, found, strict=True):
        if isinstance(offers, ProviderFault):
            left_out.append(LeftOut(server=port.name, reason=str(offers)))
        elif isinstance(offers, BaseException):
            raise offers
        else:
            offered += [(port, offer) for offer in offers]
    names = tool_names([(port.name, offer.name) for port, offer in offered])
    tools: list[McpTool] = []
    for name, (port, offer) in zip(names, offered, strict=True):
        try:
            tools.append(McpTool(port, offer.name, spec_of(port.name, name, offer), config))
        except UnfitOfferError as error:
            left_out.append(LeftOut(server=port.name, tool=offer.name, reason=str(error)))
    return tuple(tools), tuple(left_out)


def _names(schema: Any) -> Iterator[str]:
    """The names of arguments in a schema, which are the server's own words."""
    if isinstance(schema, dict):
        properties = schema.get("properties")
        yield from properties if isinstance(properties, dict) else ()
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _names(inner)


def _cleared(value: Any, boundary: Boundary, names: frozenset[str], *, listed: bool = False) -> Any:
    """Arguments as they may go out; `listed` says that the value is in a list. Raises `ToolError` of kind `denied`."""
    bare = isinstance(value, list | bool | None) or value == {} or (isinstance(value, str) and not value.strip())
    if listed and bare and boundary.private:
        # A row of these is a row of bits.
        raise ToolError("denied", "Not sent: this run holds private text, so lists may hold only words and numbers.")
    if isinstance(value, dict):
        cleared = {}
        for key, inner in value.items():
            cleared[key if key in names else boundary.check_words(key)] = _cleared(
                inner, boundary, names, listed=listed
            )
        return cleared
    if isinstance(value, list):
        return [_cleared(item, boundary, names, listed=True) for item in value]
    if isinstance(value, str):
        words = value.split()
        addresses = {word: boundary.check_address(word, outgoing=True) for word in words if "://" in word}
        rest = boundary.check_words(" ".join(word for word in words if word not in addresses))
        return " ".join(filter(None, (rest, *addresses.values()))) if boundary.private else value
    if isinstance(value, int | float) and not isinstance(value, bool):
        boundary.check_words(str(value))
    return value


def _said_of(part: McpPart) -> str:
    facts = ", ".join(filter(None, (part.media_type, f"{part.size:,} bytes" if part.size else "")))
    return f"with it came: {part.kind}" + (f", {facts}" if facts else "")
