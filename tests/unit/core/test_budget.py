"""Budgets: which limit ends the search, and that there is always something left to answer with."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fathom.core.budget import FINAL_CALLS, Budget, Meter
from fathom.core.trajectory import Usage

FREE = Budget(llm_calls=None, tool_calls=None, seconds=None)


@pytest.mark.parametrize(
    ("limits", "spent", "context", "ends"),
    [
        ({}, {"llm_calls": 10**6, "tool_calls": 10**6, "seconds": 1e9}, 10**9, None),
        ({"llm_calls": 10}, {"llm_calls": 8}, 0, None),
        ({"llm_calls": 10}, {"llm_calls": 9}, 0, "llm_calls"),
        ({"llm_calls": 1}, {}, 0, "llm_calls"),
        ({"tool_calls": 3}, {"tool_calls": 2}, 0, None),
        ({"tool_calls": 3}, {"tool_calls": 3}, 0, "tool_calls"),
        ({"tool_calls": 0}, {}, 0, "tool_calls"),
        ({"tokens": 1000}, {"prompt_tokens": 800, "completion_tokens": 49}, 0, None),
        ({"tokens": 1000}, {"prompt_tokens": 800, "completion_tokens": 50}, 0, "tokens"),
        ({"context_tokens": 1000}, {"prompt_tokens": 10**6}, 849, None),
        ({"context_tokens": 1000}, {}, 850, "context"),
        ({"seconds": 100.0}, {"seconds": 84.9}, 0, None),
        ({"seconds": 100.0}, {"seconds": 85.0}, 0, "seconds"),
        ({"seconds": 100.0, "reserve": 0.0}, {"seconds": 99.9}, 0, None),
    ],
)
def test_limits(limits: dict[str, Any], spent: dict[str, Any], context: int, ends: str | None) -> None:
    budget = Budget.model_validate({**FREE.model_dump(), **limits})
    assert budget.exhausted(Usage.model_validate(spent), context) == ends


@given(st.integers(1, 500), st.floats(0, 0.99))
def test_one_call_or_two_are_kept_for_the_answer(limit: int, reserve: float) -> None:
    budget = Budget.model_validate({**FREE.model_dump(), "llm_calls": limit, "reserve": reserve})
    used = next(n for n in range(limit + 1) if budget.exhausted(Usage(llm_calls=n)) == "llm_calls")
    assert 1 <= limit - used <= FINAL_CALLS


@pytest.mark.parametrize(
    "wrong", [{"llm_calls": 0}, {"tool_calls": -1}, {"seconds": 0}, {"reserve": 1.0}, {"calls": 3}]
)
def test_limits_without_meaning_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Budget.model_validate(wrong)


def test_meter_adds_up() -> None:
    meter = Meter()
    meter.add(llm_calls=1, prompt_tokens=7, seconds=0.5)
    meter.add(tool_calls=2, seconds=0.25)
    assert meter.usage == Usage(llm_calls=1, tool_calls=2, prompt_tokens=7, seconds=0.75)
