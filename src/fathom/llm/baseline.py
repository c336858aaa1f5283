"""`FirstChoiceChat`: no model at all. It fills every form with the first thing the form allows.

Put in a model's place it shows how much of a result is the harness's own work.
"""

import json
from collections.abc import Sequence
from typing import Any

from fathom.core.errors import ModelRequestError
from fathom.core.message import Message, ToolSpec
from fathom.llm.protocol import Completion, Sampling


class FirstChoiceChat:
    """Answers requests that carry a JSON schema; raises `ModelRequestError` for any other."""

    name = "first-choice"

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        if sampling.json_schema is None:
            raise ModelRequestError("first-choice only fills forms", hint="Use it with --agent guided.")
        reply = json.dumps(first_instance(sampling.json_schema), ensure_ascii=False)
        return Completion(message=Message(role="assistant", content=reply), model=self.name)

    async def close(self) -> None:
        return None


def first_instance(schema: dict[str, Any]) -> Any:
    """The first value a schema of our own forms allows: the first of an enumeration, required keys only, the shortest
    array, an empty text, the smallest number."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {key: first_instance(schema["properties"][key]) for key in schema.get("required", ())}
    if kind == "array":
        return [first_instance(schema["items"])] * schema.get("minItems", 0)
    if kind in ("integer", "number"):
        return schema.get("minimum", 0)
    return False if kind == "boolean" else ""
