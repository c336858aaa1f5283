"""The data of the search bench: two collections, queries over them, and queries nobody means well."""

import gzip
import json
import lzma
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from fathom.core.errors import ConfigError
from fathom.corpus.document import Document
from fathom.corpus.store import title_key


def encyclopaedia(shared: Path, wikispeedia: int | None, longtail: int | None) -> Iterator[Document]:
    """The first so many articles of wikispeedia and of longtail; None is all."""
    for folder, file, opener, most in (
        ("wikispeedia", "docs.jsonl.gz", gzip.open, wikispeedia),
        ("longtail", "docs.jsonl.xz", lzma.open, longtail),
    ):
        with opener(_existing(shared / folder / file), "rt", encoding="utf-8") as lines:
            for line in islice(lines, most):
                row = json.loads(line)
                yield Document(
                    url=row["url"],
                    title=row["title"],
                    text=row["text"],
                    lang="en",
                    licence="CC-BY-SA-3.0",
                    source=folder,
                )


@dataclass(frozen=True)
class Question:
    """`support`: title keys of the pages that prove the answer and are in the collection."""

    text: str
    support: frozenset[str]


def twowiki(shared: Path) -> tuple[list[Document], list[Question]]:
    """The passages, and the questions that have at least one supporting page among them.

    Support is the subjects of the evidence triples, as far as there is a passage of that title.
    """
    folder = shared / "twowiki"
    rows = json.loads(_existing(folder / "corpus.json").read_text(encoding="utf-8"))
    documents = [
        Document(url=f"twowiki:{row['title']}", title=row["title"], text=row["text"], lang="en") for row in rows
    ]
    titles = {title_key(document.title) for document in documents}
    questions = []
    for row in json.loads((folder / "questions_dev.json").read_text(encoding="utf-8")):
        support = frozenset(title_key(subject) for subject, _, _ in row["evidence"]) & titles
        if support:
            questions.append(Question(row["question"], support))
    return documents, questions


def chinese(shared: Path, most: int | None) -> list[Document]:
    """The first so many articles of zhwiki, in simplified and traditional script as they come."""
    with gzip.open(_existing(shared / "zhwiki" / "docs.jsonl.gz"), "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice(lines, most)]
    return [Document(url=row["url"], title=row["title"], text=row["text"], lang="zh") for row in rows]


def other_script(text: str) -> str:
    """`text` in simplified characters if it has traditional ones, else in traditional ones."""
    simplified = _converter("t2s")(text)
    return simplified if simplified != text else _converter("s2t")(text)


@cache
def _converter(name: str) -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC(name).convert
    return convert


def part(
    documents: Sequence[Document], questions: Sequence[Question], asked: int, size: int
) -> tuple[list[Document], list[Question]]:
    """The first `asked` questions and a collection of `size` that holds all their support."""
    chosen = list(questions[:asked])
    needed = {key for question in chosen for key in question.support}
    support = [document for document in documents if title_key(document.title) in needed]
    others = [document for document in documents if title_key(document.title) not in needed]
    return support + others[: max(0, size - len(support))], chosen


def known_item_queries(texts: Sequence[str], count: int, stream: random.Random) -> list[str]:
    """Four to eight words of four letters or more, each query out of one passage."""
    queries: list[str] = []
    while len(queries) < count:
        words = re.findall(r"[^\W\d_]{4,}", stream.choice(texts))
        if len(words) >= 8:
            queries.append(" ".join(stream.sample(words, stream.randint(4, 8))))
    return queries


SYNTAX = tuple("\"'()[]{}:*?~^+-!&|\\/<>=,;@#$%")
OPERATORS = ("AND", "OR", "NOT", "TO", "IN", "body:", "title:", "NEAR/3", "\x00")
ODD = ("\ud800", "\U000e0041", "\u202e", "\u200b", "e\u0301", "水", "東京", "🏳️‍🌈", "\ufeff", "ß", "İ", "\x1b[0m", "ﷺ")


def hostile_queries(count: int, stream: random.Random) -> list[str]:
    """Query syntax, stray Unicode, blanks, nothing, and much too much, mixed with plain words."""
    words = ("river", "the", "1914", "paris", *SYNTAX, *SYNTAX, *OPERATORS, *ODD)
    queries = ["", " ", "\n", "a" * 1_000_000, "a " * 200_000, "(" * 50_000, '"' * 999, "水" * 100_000, "\x00" * 600]
    while len(queries) < count:
        glue = stream.choice(("", " ", "\t"))
        queries.append(glue.join(stream.choices(words, k=stream.choice((1, 2, 3, 5, 8, 30, 400)))))
    return queries


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file", hint="say --data with the folder of the shared data sets")
    return path
