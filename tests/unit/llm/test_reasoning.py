"""Where the thought ends and the saying begins."""

import pytest

from fathom.llm.reasoning import reasoning_of, split_reasoning, with_think_tags


@pytest.mark.parametrize(
    ("text", "said", "thought"),
    [
        ("Paris.", "Paris.", None),
        (" kept as it is \n", " kept as it is \n", None),
        ("<think>hm</think>\n\nParis.", "Paris.", "hm"),
        ("hm</think>Paris.", "Paris.", "hm"),
        ("<think>hm", "", "hm"),
        ("<think>\n\n</think>\n\nParis.", "Paris.", None),
        ("<think>a</think>b</think>Paris.", "Paris.", "a\nb"),
        ("Well <think>hm</think> Paris.", "Well\nParis.", "hm"),
        ("<think>a</think>One.<think>b</think>Two.", "One.\nTwo.", "a\nb"),
        ("<THINK>hm</Think>Paris.", "Paris.", "hm"),
        ("<thinking>hm</thinking>Paris.", "Paris.", "hm"),
        ('<think>hm\n<tool_call>\n{"name": "s"}\n</tool_call>', '<tool_call>\n{"name": "s"}\n</tool_call>', "hm"),
        ("<think>hm\n<answer>Paris</answer>", "<answer>Paris</answer>", "hm"),
        ("<think>I could write <tool_call> but", "", "I could write <tool_call> but"),
        ("", "", None),
        ("</think>", "", None),
        ("<think>", "", None),
        ("<think>a<think>b</think>c</think>Paris.", "Paris.", "a\nb\nc"),
    ],
)
def test_thought_and_text(text: str, said: str, thought: str | None) -> None:
    assert split_reasoning(text) == (said, thought)


def test_fields_and_tags_are_joined_once() -> None:
    assert reasoning_of({"content": "Yes", "reasoning_content": "hm", "reasoning": "hm"}) == ("Yes", "hm")
    assert reasoning_of({"content": "<think>b</think>Yes", "reasoning": "a"}) == ("Yes", "a\nb")
    assert reasoning_of({"content": None, "reasoning": None}) == ("", None)
    assert reasoning_of({"content": [{"type": "text"}], "reasoning": 3}) == ("", None)


def test_tags_written_are_read_back() -> None:
    assert split_reasoning(with_think_tags("Paris.", "hm")) == ("Paris.", "hm")
    assert with_think_tags("Paris.", None) == "Paris."
