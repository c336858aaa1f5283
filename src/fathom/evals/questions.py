"""Question files: a JSON list, or an object a line, with a question, its answers, and the pages that prove them.

Keys: `question`; `answer` or `answers` (a text or a list), `aliases`; `id` (else derived from the question's text);
`evidence` or `support` (titles, or triples and objects that begin with or hold a title); `question_type` or `type`;
`date`, `lang`. Other keys are ignored.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from fathom.core.errors import InputError
from fathom.core.jsonl import read_rows
from fathom.core.model import content_hash
from fathom.core.task import Task
from fathom.core.text import fold
from fathom.evals.protocol import QuestionSet


def read_questions(path: Path, name: str = "", *, licence: str = "") -> QuestionSet:
    """The questions of `path`, in its order. Raises `InputError` naming the row (from 1) that does not fit."""
    tasks = [_task(path, number, row) for number, row in enumerate(_rows(path), 1)]
    if not tasks:
        raise InputError(path, "empty", "no questions in it")
    seen: set[str] = set()
    for number, task in enumerate(tasks, 1):
        if task.id in seen:
            raise InputError(path, "corrupt", f"row {number}: the id {task.id!r} stands twice")
        seen.add(task.id)
    return QuestionSet(name=name or path.stem, tasks=tuple(tasks), source=path.name, licence=licence)


def resolve_support(questions: QuestionSet, titles: Iterable[str]) -> QuestionSet:
    """`questions` with each supporting page under the title it has among `titles`.

    A name fits a title that is equal but for case, accents and punctuation, else the only one that is so but for a
    bracketed addition ("John Anderson (musician)"). Names without such a page are left out of `support` and listed in
    `meta["support_missing"]`, so that recall is of pages that can be found.
    """
    exact: dict[str, str] = {}
    bare: defaultdict[str, set[str]] = defaultdict(set)
    for title in titles:
        exact.setdefault(_key(title), title)
        bare[_key(_without_brackets(title))].add(title)

    def find(name: str) -> str | None:
        if _key(name) in exact:
            return exact[_key(name)]
        near = bare[_key(_without_brackets(name))]
        return next(iter(near)) if len(near) == 1 else None

    return questions.model_copy(update={"tasks": tuple(_resolved(task, find) for task in questions.tasks)})


def _resolved(task: Task, find: Callable[[str], str | None]) -> Task:
    found = {name: find(name) for name in task.support}
    missing = [name for name, title in found.items() if title is None]
    support = tuple(dict.fromkeys(title for title in found.values() if title is not None))
    return task.model_copy(update={"support": support, "meta": {**task.meta, "support_missing": missing}})


def _key(title: str) -> str:
    return " ".join(re.findall(r"\w+", fold(title)))


def _without_brackets(title: str) -> str:
    return re.sub(r"\s*\([^()]*\)\s*$", "", title)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix in (".jsonl", ".ndjson"):
        yield from read_rows(path)
        return
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(path, "missing", error.strerror or "cannot be read") from None
    except (ValueError, RecursionError) as error:
        raise InputError(path, "corrupt", f"not JSON ({error})") from None
    if not isinstance(rows, list):
        raise InputError(path, "unsupported", "not a JSON list of questions")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise InputError(path, "corrupt", f"row {number}: not a JSON object")
        yield row


def _task(path: Path, number: int, row: dict[str, Any]) -> Task:
    question = row.get("question")
    if not isinstance(question, str) or not question.strip():
        raise InputError(path, "corrupt", f"row {number}: no question")
    answers = [*_texts(row.get("answer")), *_texts(row.get("answers")), *_texts(row.get("aliases"))]
    kind = row.get("question_type") or row.get("type")
    return Task(
        id=str(row["id"]) if row.get("id") not in (None, "") else content_hash(question.strip())[:16],
        question=question.strip(),
        answers=tuple(dict.fromkeys(answers)),
        support=tuple(dict.fromkeys(_titles(row.get("evidence") or row.get("support")))),
        lang=str(row.get("lang") or ""),
        date=str(row.get("date") or ""),
        meta={"type": kind} if isinstance(kind, str) and kind else {},
    )


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(item).strip() for item in values if isinstance(item, str | int | float) and str(item).strip()]


def _titles(value: Any) -> Iterator[str]:
    for item in value if isinstance(value, list) else []:
        if isinstance(item, list) and item:
            item = item[0]
        elif isinstance(item, dict):
            item = item.get("title") or item.get("url")
        if isinstance(item, str) and item.strip():
            yield item.strip()
