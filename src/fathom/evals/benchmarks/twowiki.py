"""twowiki: 300 questions over 6,119 Wikipedia passages, each needing two to four of them.

Compositional, comparison, bridge comparison and inference questions of 2WikiMultihopQA, in the sample HippoRAG uses;
the other 700 of its 1,000 questions are kept back. The answers are Wikidata's, without aliases, so a right answer in
other words ("American" for "United States") counts as wrong.

Reference: Ho et al. 2020, Constructing A Multi-hop QA Dataset (2WikiMultihopQA, Apache-2.0); passages CC BY-SA.
"""

from pathlib import Path

from fathom.core.errors import InputError
from fathom.evals.protocol import QuestionSet
from fathom.evals.questions import read_questions

NAME = "twowiki"
LICENCE = "Apache-2.0"
CORPUS_LICENCE = "CC-BY-SA-4.0"


def questions(data: Path) -> QuestionSet:
    """The questions, from the folder `data` of data sets. Raises `InputError` where they are not there."""
    return read_questions(_file(data, "questions_dev.json"), NAME, licence=LICENCE)


def corpus(data: Path) -> Path:
    """The file with the passages."""
    return _file(data, "corpus.json")


def _file(data: Path, name: str) -> Path:
    path = data / NAME / name
    if not path.is_file():
        raise InputError(path, "missing", "the twowiki data set is not there", hint="name its folder with --data")
    return path
