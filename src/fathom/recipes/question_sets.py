"""Question sets and the corpora they are about, by benchmark name or from files of the same shape."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fathom.core.assets import Progress, quiet
from fathom.core.errors import ConfigError
from fathom.core.model import content_hash
from fathom.corpus.snapshot import Snapshot
from fathom.evals.benchmarks import twowiki
from fathom.evals.protocol import QuestionSet
from fathom.evals.questions import read_questions
from fathom.recipes.corpora import CorpusSources, add_corpus, corpus_folder, ensure_corpus, exists


class Benchmark(NamedTuple):
    """A published question set: its questions and the file of its corpus, both from the folder of data sets."""

    questions: Callable[[Path], QuestionSet]
    corpus: Callable[[Path], Path]
    corpus_licence: str


BENCHMARKS = {twowiki.NAME: Benchmark(twowiki.questions, twowiki.corpus, twowiki.CORPUS_LICENCE)}


def load_questions(name: str, data: Path | None, file: Path | None = None) -> QuestionSet:
    """The questions of `file` under `name`, or those of the benchmark `name` in the folder `data` of data sets.

    Raises `ConfigError` where there is neither and `InputError` where they cannot be read.
    """
    if file is not None:
        return read_questions(file, name)
    if name not in BENCHMARKS:
        raise ConfigError(
            f"there is no benchmark {name!r}; there is {', '.join(BENCHMARKS)}",
            hint="--questions FILE --corpus DIR_OR_NAME takes a question set of your own",
        )
    return BENCHMARKS[name].questions(_existing(name, data))


def open_benchmark_corpus(name: str, data: Path | None, home: Path, on_progress: Progress = quiet) -> Snapshot:
    """The corpus of the benchmark `name`, made from its data on first use."""
    if exists(corpus_folder(name, home)):
        return ensure_corpus(name, home)
    benchmark = BENCHMARKS[name]
    sources = CorpusSources(paths=(benchmark.corpus(_existing(name, data)),), licence=benchmark.corpus_licence)
    return add_corpus(name, home, sources, on_progress).snapshot


def open_named_corpus(spec: str, home: Path, on_progress: Progress = quiet) -> Snapshot:
    """The corpus of that name, or one made of the file or folder of that path: anew when the files have changed."""
    path = Path(spec)
    if not path.exists():
        return ensure_corpus(spec, home, on_progress)
    name = _name(path)
    if exists(corpus_folder(name, home)):
        return ensure_corpus(name, home)
    return add_corpus(name, home, CorpusSources(paths=(path,)), on_progress).snapshot


def _existing(name: str, data: Path | None) -> Path:
    if data is None:
        raise ConfigError(f"the data of {name} is not there", hint="name the folder of data sets with --data")
    return data


def _name(path: Path) -> str:
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    state = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    stem = re.sub(r"[^A-Za-z0-9]+", "-", path.stem).strip("-")[:40] or "files"
    return f"{stem}-{content_hash(state)[:10]}"
