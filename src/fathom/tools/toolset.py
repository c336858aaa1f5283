"""`Toolset`: the tools of one agent; checks names and arguments before anything runs."""

from collections.abc import Sequence
from typing import Any

from fathom.core.errors import ToolError
from fathom.core.message import ToolCall, ToolSpec
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


def checked_arguments(spec: ToolSpec, arguments: dict[str, Any]) -> dict[str, Any]:
    """`arguments` checked against the subset of JSON schema that tools use: required keys, strings, non-empty arrays of
    strings. One string is taken where a list of them is asked for (models do that); keys unknown are an error."""
    properties: dict[str, Any] = spec.parameters["properties"]
    missing = [key for key in spec.parameters.get("required", ()) if key not in arguments]
    if missing:
        raise ToolError("arguments", f"{spec.name} needs the argument {missing[0]!r}.")
    checked: dict[str, Any] = {}
    for key, value in arguments.items():
        if key not in properties:
            raise ToolError("arguments", f"{spec.name} takes no argument {key!r}, only {', '.join(properties)}.")
        checked[key] = _checked(spec.name, key, value, properties[key])
    return checked


def _checked(tool: str, key: str, value: Any, schema: dict[str, Any]) -> Any:
    if schema["type"] == "array":
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not values or not all(isinstance(item, str) for item in values):
            raise ToolError("arguments", f"{tool}: {key!r} must be a list of one or more strings.")
        return values
    if not isinstance(value, str):
        raise ToolError("arguments", f"{tool}: {key!r} must be a string.")
    return value
