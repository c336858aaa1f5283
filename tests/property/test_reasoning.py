"""The thought never stays in what is said, whatever the tags."""

from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.llm.reasoning import split_reasoning

PIECES = st.sampled_from(
    [
        "<think>",
        "</think>",
        "<THINKING>",
        "</thinking>",
        "<think",
        "</thi",
        "nk>",
        "a",
        " ",
        "\n",
        "<tool_call>",
        "<answer>",
    ]
)


@settings(max_examples=400)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_what_is_said_holds_no_tag_and_splits_no_further(text: str) -> None:
    said, thought = split_reasoning(text)
    assert split_reasoning(said) == (said, None)
    assert "<think>" not in said.lower() and "</think>" not in said.lower()
    assert thought is None or thought.strip()


@settings(max_examples=200)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_no_text_is_lost(text: str) -> None:
    said, thought = split_reasoning(text)
    kept = (said + (thought or "")).count("a")
    assert kept == text.count("a")
