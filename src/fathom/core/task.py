"""A task: one question, with what is known about its answer."""

from typing import Any

from pydantic import Field

from fathom.core.model import Frozen


class Task(Frozen):
    """`id` is stable across runs (never derived from position). `answers` holds the gold answer and its aliases, best
    first, empty where unknown; `support` names the pages (urls or titles) that prove it."""

    id: str
    question: str
    answers: tuple[str, ...] = ()
    support: tuple[str, ...] = ()
    files: tuple[str, ...] = Field(default=(), description="names of the files that came with the question")
    lang: str = ""
    date: str = Field(default="", description="the task's 'today', ISO 8601; empty means the run's own date")
    meta: dict[str, Any] = {}
