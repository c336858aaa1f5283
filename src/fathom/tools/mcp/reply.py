"""From the client's result of a call to an `McpReply`: words as they are, of pictures and sound the type and size."""

import json
from typing import TYPE_CHECKING, Any

from fathom.tools.mcp.protocol import McpPart, McpReply

if TYPE_CHECKING:
    import mcp_types


def reply_of(result: "mcp_types.CallToolResult | mcp_types.InputRequiredResult", at: str) -> McpReply:
    """The reply that `result` is. A server that asks for input instead of answering gets none, which is a failure."""
    import mcp_types

    if isinstance(result, mcp_types.InputRequiredResult):
        said = "The tool asks for input from a person, which is not given here."
        return McpReply(parts=(McpPart(kind="text", text=said),), failure="tool", at=at)
    parts = [_part(block) for block in result.content]
    if result.structured_content is not None and not any(part.kind == "text" for part in parts):
        parts.append(McpPart(kind="text", text=_json(result.structured_content)))
    return McpReply(parts=tuple(parts), failure="tool" if result.is_error else "", at=at)


def _part(block: "mcp_types.ContentBlock") -> McpPart:
    import mcp_types

    if isinstance(block, mcp_types.TextContent):
        return McpPart(kind="text", text=block.text)
    if isinstance(block, mcp_types.ImageContent | mcp_types.AudioContent):
        return McpPart(kind=block.type, media_type=block.mime_type, size=_decoded_size(block.data))
    if isinstance(block, mcp_types.ResourceLink):
        words = ": ".join(filter(None, (block.title or block.name, block.description)))
        return McpPart(
            kind="link", text=f"{words} ({block.uri})", media_type=block.mime_type or "", size=block.size or 0
        )
    resource = block.resource
    if isinstance(resource, mcp_types.TextResourceContents):
        return McpPart(kind="file", text=f"{resource.uri}\n{resource.text}", media_type=resource.mime_type or "")
    size = _decoded_size(resource.blob)
    return McpPart(kind="file", media_type=resource.mime_type or "application/octet-stream", size=size)


def _decoded_size(data: str) -> int:
    """Bytes that base64 text stands for."""
    return len(data) * 3 // 4 - data[-2:].count("=")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)
