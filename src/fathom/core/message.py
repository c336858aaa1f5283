"""Messages and tool calls, as they travel between agents and models."""

from typing import Any, Literal

from fathom.core.model import Frozen

Role = Literal["system", "user", "assistant", "tool"]


class ToolCall(Frozen):
    """One call the model asked for. `id` ties the observation to it and is unique within a trajectory."""

    id: str
    name: str
    arguments: dict[str, Any] = {}


class Message(Frozen):
    """One message. `reasoning` is the model's thought, kept apart from what it says (`content`)."""

    role: Role
    content: str = ""
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


class ToolSpec(Frozen):
    """What the model is told about a tool. `parameters` is a JSON schema of type object."""

    name: str
    description: str
    parameters: dict[str, Any]
