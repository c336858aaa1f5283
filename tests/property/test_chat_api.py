"""Replies of endpoints are read without trust: any JSON gives a completion or an error of ours."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.core.errors import FathomError, ModelFault, ModelRequestError
from fathom.llm.chat_api import completion_of, error_of
from fathom.llm.protocol import Completion

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
NAMES = st.sampled_from(
    ["choices", "message", "content", "tool_calls", "function", "name", "arguments", "id", "finish_reason", "usage",
     "prompt_tokens", "reasoning", "error", "code", "model"]
)  # fmt: skip
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=25
)


def wrapped(message: Any, finish: Any, usage: Any) -> dict[str, Any]:
    return {"choices": [{"message": message, "finish_reason": finish}], "usage": usage}


@settings(max_examples=300)
@given(ANY_JSON | st.builds(wrapped, ANY_JSON, SCALARS, ANY_JSON))
def test_any_json_is_a_completion_or_an_error_of_ours(reply: Any) -> None:
    try:
        completion = completion_of(reply, turn=3)
    except FathomError as error:
        assert isinstance(error, (ModelFault, ModelRequestError))
        return
    assert Completion.model_validate_json(completion.model_dump_json()) == completion
    assert completion.message.role == "assistant"
    assert len({call.id for call in completion.message.tool_calls}) == len(completion.message.tool_calls)


@settings(max_examples=200)
@given(st.integers(400, 599), ANY_JSON | st.text())
def test_any_error_body_gives_one_line(status: int, body: Any) -> None:
    error = error_of(status, body)
    assert "\n" not in str(error) and len(str(error)) < 400
