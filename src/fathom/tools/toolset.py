"""`Toolset`: the tools of one agent; checks names and arguments before anything runs."""

from collections.abc import Sequence

from fathom.core.errors import ToolError
from fathom.core.message import ToolCall, ToolSpec
from fathom.tools.arguments import checked_arguments
from fathom.tools.protocol import Tool, ToolContext, ToolResult


class Toolset:
    """Tools by name. Raises `ValueError` at construction when two share one."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.spec.name: tool for tool in tools}
        if len(self._tools) != len(tools):
            raise ValueError("two tools share a name")

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(tool.spec for tool in self._tools.values())

    async def run(self, call: ToolCall, context: ToolContext) -> ToolResult:
        """The result of `call`. Raises `ToolError`: of kind `unknown_tool` for a name that is not here, `arguments`
        for arguments that do not fit, else what the tool says."""
        tool = self._tools.get(call.name)
        if tool is None:
            raise ToolError("unknown_tool", f"There is no tool {call.name!r}. There are: {', '.join(self._tools)}.")
        return await tool.run(checked_arguments(tool.spec, call.arguments), context)
