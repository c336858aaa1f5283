"""How fast and how good search is, beside raw tantivy, bm25s and SQLite FTS5 in the same run.

Speed: wikispeedia plus longtail (38k articles, over 150k passages), known-item queries, all engines taking turns block
by block so that a busy moment hits all of them. Quality: recall@10 of supporting passages on twowiki, every engine over
the same passages. Encoding 200,000 passages takes hours on a CPU, so at full size only the first vectors are the
encoder's own and the others are those with noise: an exact scan costs the same whatever the numbers are.
"""

import contextlib
import math
import random
import re
import resource
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fathom.bench.harness import BenchOptions, Figure, Goal
from fathom.bench.search_rivals import Bm25s, Engine, Fts5, Fts5Or, K, RawTantivy
from fathom.bench.search_sets import (
    Question,
    chinese,
    encyclopaedia,
    hostile_queries,
    known_item_queries,
    other_script,
    part,
    twowiki,
)
from fathom.core.config import Environment
from fathom.core.errors import ConfigError
from fathom.corpus.dense import DenseConfig, passage_text
from fathom.corpus.document import Document
from fathom.corpus.encoders import Encoder, EncoderConfig, load_encoder
from fathom.corpus.snapshot import Snapshot, build_snapshot
from fathom.corpus.store import title_key
from fathom.corpus.versions import CorpusConfig, Mode

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME = "search"
SUMMARY = "latency, throughput, recall and repeatability of search, beside tantivy, bm25s and SQLite FTS5"
GOALS: dict[str, Goal] = {
    "qps_to_raw_tantivy": (">=", 0.8),
    "recall_at_10_lexical": (">=", "recall_at_10_raw_tantivy"),
    "builds_differ": ("==", 0),
    "hostile_raised": ("==", 0),
    "open_ms": ("<=", 1000),
}
SEED = 11
_BLOCK = 50
_ROUNDS = 3
_MINILM = EncoderConfig(kind="minilm")
Say = Callable[[str], None]


class PaddedEncoder:
    """The first `real` passages as `encoder` sees them; the others are drawn from those, with noise."""

    query_prefix = passage_prefix = ""

    def __init__(self, encoder: Encoder, real: int) -> None:
        self.name, self.dim = f"{encoder.name}-padded", encoder.dim
        self._encoder, self._real = encoder, real
        self._vectors = np.empty((0, encoder.dim), np.float32)
        self._stream = np.random.default_rng(SEED)

    def encode(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        own = list(texts[: max(0, self._real - len(self._vectors))])
        encoded = self._encoder.encode(own) if own else self._vectors[:0]
        self._vectors = np.concatenate([self._vectors, encoded])
        drawn = self._vectors[self._stream.integers(0, len(self._vectors), len(texts) - len(own))]
        noisy = drawn + self._stream.normal(0, 0.02, drawn.shape).astype(np.float32)
        noisy /= np.linalg.norm(noisy, axis=1, keepdims=True)
        return np.concatenate([encoded, noisy.astype(np.float32)])


class Fathom:
    """fathom's own search as one of the engines."""

    share = 1.0

    def __init__(self, snapshot: Snapshot, mode: Mode = "lexical", share: float = 1.0) -> None:
        self.name: str = mode
        self.share = share
        self._snapshot, self._mode = snapshot, mode

    def search(self, query: str) -> list[tuple[int, str]]:
        return [(hit.passage.id, hit.passage.text) for hit in self._snapshot.search(query, K, self._mode)]


def run(options: BenchOptions) -> dict[str, Figure]:
    """All figures. Raises `ConfigError` without the shared data, and `AssetFault` if the encoder cannot be had."""
    if options.shared_data is None:
        raise ConfigError("bench search needs the shared data sets", hint="say --data FOLDER")
    stream = random.Random(SEED)
    sizes = (150, 1500) if options.quick else (None, None)
    figures: dict[str, Figure] = {}
    snapshot = _build(encyclopaedia(options.shared_data, *sizes), options, figures)
    rows = _rows(snapshot)
    queries = known_item_queries([text for _, text in rows], 1000, stream)
    options.progress("loading the encoder")
    encoder = load_encoder(_MINILM, Environment.read().model_copy(update={"home": options.home}))
    padded = _build_padded(encyclopaedia(options.shared_data, *sizes), encoder, options, figures)
    figures |= _repeatability(snapshot, padded, queries, stream, options.progress)
    figures |= _speed(snapshot, padded, rows, queries[:300] if options.quick else queries, options)
    figures |= _quality(options, options.shared_data, encoder)
    figures |= _chinese(options, options.shared_data, stream)
    return figures


def _build(documents: Iterable[Document], options: BenchOptions, figures: dict[str, Figure]) -> Snapshot:
    say = options.progress
    began = time.perf_counter()
    built = build_snapshot(options.scratch / "plain", "bench", documents, on_progress=_steps(say))
    figures["build_seconds"] = round(time.perf_counter() - began, 2)
    figures["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    built.close()
    began = time.perf_counter()
    snapshot = Snapshot.open(options.scratch / "plain")
    snapshot.search("first query")
    figures["open_ms"] = round((time.perf_counter() - began) * 1000, 1)
    counts = snapshot.manifest.counts
    figures |= {"documents": counts.documents, "passages": counts.passages}
    figures["disk_mb"] = sum(snapshot.manifest.files.values()) >> 20
    return snapshot


def _build_padded(
    documents: Iterable[Document], encoder: Encoder, options: BenchOptions, figures: dict[str, Figure]
) -> Snapshot:
    """The second build of the same documents, this time with vectors."""
    real = 24 if options.quick else 2000
    config = CorpusConfig(dense=DenseConfig(encoder=_MINILM))
    padding = PaddedEncoder(encoder, real)
    build_snapshot(
        options.scratch / "padded", "bench", documents, config, _steps(options.progress), encoder=padding
    ).close()
    figures["vectors_encoded"] = real
    return Snapshot.open(options.scratch / "padded", encoder)


def _repeatability(
    one: Snapshot, two: Snapshot, queries: Sequence[str], stream: random.Random, say: Say
) -> dict[str, Figure]:
    say(f"comparing two builds over {len(queries)} queries")
    differ = sum(one.search(query, K) != two.search(query, K, "lexical") for query in queries)
    hostile = hostile_queries(1000, stream)
    say(f"putting {len(hostile)} hostile queries")
    survived = 0
    for place, query in enumerate(hostile):
        # To count what is raised is the purpose; each is a defect, whatever its class.
        with contextlib.suppress(Exception):
            one.search(query, K)
            if place % 50 == 0:
                two.search(query, K, "fused")
            survived += 1
    return {"builds_differ": differ, "hostile_queries": len(hostile), "hostile_raised": len(hostile) - survived}


def _rows(snapshot: Snapshot) -> list[tuple[int, str]]:
    """What every engine indexes: (passage id, title and text)."""
    return [(number, passage_text(title, text)) for number, title, text in snapshot.passages()]


def _speed(
    snapshot: Snapshot, padded: Snapshot, rows: Sequence[tuple[int, str]], queries: Sequence[str], options: BenchOptions
) -> dict[str, Figure]:
    engines: list[Engine] = [Fathom(snapshot)]
    figures: dict[str, Figure] = {}
    engines += _rivals(rows, options.scratch / "speed", options.progress, figures)
    slow = 0.05 if options.quick else 0.2
    engines += [Fathom(padded, "dense", slow), Fathom(padded, "fused", slow)]
    options.progress(f"timing {', '.join(engine.name for engine in engines)}")
    seconds = take_turns(engines, queries, options.progress)
    for name, times in seconds.items():
        figures[f"qps_{name}"] = round(len(times) / sum(times), 1)
        figures[f"p50_ms_{name}"] = round(float(np.percentile(times, 50)) * 1000, 2)
        figures[f"p99_ms_{name}"] = round(float(np.percentile(times, 99)) * 1000, 2)
    figures["qps_to_raw_tantivy"] = round(sum(seconds["raw_tantivy"]) / sum(seconds["lexical"]), 3)
    return figures


def take_turns(engines: Sequence[Engine], queries: Sequence[str], say: Say) -> dict[str, list[float]]:
    """Seconds of each query by engine, the best of the rounds, so that what else the machine does drops out.

    Blocks of queries go to one engine after the other, in rotating order."""
    best: dict[str, dict[str, float]] = {engine.name: {} for engine in engines}
    for turn in range(_ROUNDS):
        for start in range(0, len(queries), _BLOCK):
            block = queries[start : start + _BLOCK]
            first = (start // _BLOCK + turn) % len(engines)
            for engine in (*engines[first:], *engines[:first]):
                known = best[engine.name]
                for query in block[: max(1, round(len(block) * engine.share))]:
                    began = time.perf_counter()
                    engine.search(query)
                    known[query] = min(known.get(query, math.inf), time.perf_counter() - began)
        say(f"round {turn + 1} of {_ROUNDS}")
    return {name: list(known.values()) for name, known in best.items()}


def _rivals(
    rows: Sequence[tuple[int, str]], folder: Path, say: Say, figures: dict[str, Figure] | None = None
) -> list[Engine]:
    folder.mkdir(parents=True)
    makers: tuple[Callable[[], Engine], ...] = (
        lambda: RawTantivy(rows, folder / "tantivy"),
        lambda: Bm25s(rows),
        lambda: Fts5(rows, folder / "fts5.sqlite"),
    )
    engines: list[Engine] = []
    for make in makers:
        began = time.perf_counter()
        engine = make()
        engines.append(engine)
        say(f"built {engine.name} over {len(rows)} passages")
        if figures is not None:
            figures[f"build_seconds_{engine.name}"] = round(time.perf_counter() - began, 2)
        if isinstance(engine, Fts5):
            engines.append(Fts5Or(engine))
    return engines


def _quality(options: BenchOptions, shared: Path, encoder: Encoder) -> dict[str, Figure]:
    """Recall@10 on twowiki: lexical engines over all of it; with --quick the dense ones over a part."""
    documents, questions = twowiki(shared)
    snapshot = build_snapshot(options.scratch / "twowiki", "twowiki", documents)
    rows = _rows(snapshot)
    engines: list[Engine] = [Fathom(snapshot), *_rivals(rows, options.scratch / "quality", options.progress)]
    figures: dict[str, Figure] = {"questions": len(questions)}
    for engine in engines:
        if options.quick and isinstance(engine, Fts5 | Fts5Or):
            continue  # 12 ms a question, a fifth of all the time there is
        figures[f"recall_at_10_{engine.name}"] = _recall(engine, rows, questions)
        options.progress(f"recall@10 of {engine.name}: {figures[f'recall_at_10_{engine.name}']}")
    if options.quick:
        documents, questions = part(documents, questions, 15, 80)
    config = CorpusConfig(dense=DenseConfig(encoder=_MINILM))
    folder = options.scratch / "dense"
    dense = build_snapshot(folder, "twowiki", documents, config, _steps(options.progress), encoder=encoder)
    rows = _rows(dense)
    figures |= {"dense_questions": len(questions), "dense_passages": len(rows)}
    modes: tuple[Mode, ...] = ("lexical", "dense", "fused")
    for mode in modes:
        name = f"recall_at_10_{mode}" if mode != "lexical" else "recall_at_10_lexical_same_part"
        figures[name] = _recall(Fathom(dense, mode), rows, questions)
    return figures


def _chinese(options: BenchOptions, shared: Path, stream: random.Random) -> dict[str, Figure]:
    """Share of titles and of known items of zhwiki that are among the first ten, and with the query in the other
    script. A known item is two pieces of three to six characters out of one passage."""
    documents = chinese(shared, 300 if options.quick else None)
    snapshot = build_snapshot(options.scratch / "zhwiki", "zhwiki", documents)
    asked = stream.sample(documents, min(len(documents), 800))
    titles = [(document.title, document.url) for document in asked]
    items = []
    for document in asked:
        runs = re.findall(r"[\u4e00-\u9fff]{6,}", document.text)
        pieces = [run[:6][: stream.randint(3, 6)] for run in stream.sample(runs, min(2, len(runs)))]
        items.append((" ".join(pieces), document.url))
    figures: dict[str, Figure] = {"zh_passages": snapshot.manifest.counts.passages}
    for name, queries in (("titles", titles), ("items", items)):
        for suffix, turn in (("", str), ("_other_script", other_script)):
            found = sum(url in {hit.passage.url for hit in snapshot.search(turn(text), K)} for text, url in queries)
            figures[f"zh_{name}_found{suffix}"] = round(found / len(queries), 4)
    return figures


def _recall(engine: Engine, rows: Sequence[tuple[int, str]], questions: Sequence[Question]) -> float:
    """Mean share of a question's supporting pages of which a passage is among the first ten."""
    pages = [title_key(text.partition("\n")[0]) for _, text in rows]
    shares = []
    for question in questions:
        found = {pages[number] for number, _ in engine.search(question.text)}
        shares.append(len(found & question.support) / len(question.support))
    return round(sum(shares) / len(shares), 4)


def _steps(say: Say) -> Callable[[str, int, int], None]:
    """Progress lines of a build, at most one every two seconds."""
    last = time.monotonic()

    def report(label: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > 2:
            last = time.monotonic()
            say(f"{label}: {done}" + (f" of {total}" if total else ""))

    return report
