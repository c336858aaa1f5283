"""How well the linker finds the links that editors made: wikispeedia, 119,879 links between 4,598 articles.

Pages are halved by the hash of their title. The linker's weights come from the first half; this bench fits them there
again (so that the numbers in `fathom.corpus.linker` can be had anew) and judges on the second half, beside a naive
linker that takes every longest mention of a title as it is written.
"""

import gzip
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from fathom.bench.harness import BenchOptions, Figure, Goal
from fathom.core.errors import ConfigError
from fathom.core.model import content_hash
from fathom.corpus.document import Document
from fathom.corpus.link_features import FEATURES, Candidates, Floats, find_candidates
from fathom.corpus.linker import LinkConfig, choose, probability
from fathom.corpus.mentions import Finder

NAME = "linker"
SUMMARY = "precision and recall of linked title mentions against wikispeedia's editor links"
GOALS: dict[str, Goal] = {
    "precision": (">", "naive_precision"),
    "recall": (">", "naive_recall"),
    "f1": (">", "naive_f1"),
    "f1_best": (">", "naive_f1"),
}

Pairs = set[tuple[int, int]]
_QUICK_PAGES = 700


def run(options: BenchOptions) -> dict[str, Figure]:
    """Figures without prefix are the default linker's on the test half; `best_` at the threshold that is best on the
    other, `naive_` the naive linker's there, `naive_all_` on all pages. Speeds in MB of text per CPU second."""
    if options.shared_data is None:
        raise ConfigError("the bench linker needs the shared data", hint="--data FOLDER, which holds wikispeedia/")
    folder = options.shared_data / "wikispeedia"
    documents = _read_documents(folder / "docs.jsonl.gz")
    if options.quick:
        documents = documents[:: len(documents) // _QUICK_PAGES]
    gold = _read_links(folder / "links.tsv", documents)
    tune = {index for index, document in enumerate(documents) if int(content_hash(document.title), 16) % 2 == 0}
    options.progress(f"{len(documents)} pages, {len(gold)} links between them; {len(tune)} pages to tune on")
    megabytes = sum(len(document.text.encode()) for document in documents) / 1e6
    naive, naive_s = _timed(lambda: _naive(documents))
    options.progress(f"naive linker: {naive_s:.1f} s of CPU")
    candidates, linker_s = _timed(lambda: find_candidates(documents))
    options.progress(f"linker: {linker_s:.1f} s of CPU, {len(candidates.source)} candidate pairs")

    figures: dict[str, Figure] = {"pages_tune": len(tune), "pages_test": len(documents) - len(tune)}
    test_gold = _of_others(gold, tune)
    figures["links_test"] = len(test_gold)
    figures |= _score("naive_", _of_others(naive, tune), test_gold)
    figures |= _score("naive_all_", naive, gold)
    threshold = LinkConfig().min_probability
    likely = probability(candidates.features)
    figures |= _score("", _of_others(_linked(candidates, likely, threshold), tune), test_gold)
    best = _best_threshold(candidates, likely, tune, gold)
    figures |= _score("best_", _of_others(_linked(candidates, likely, best), tune), test_gold)
    figures["f1_best"] = figures.pop("best_f1")
    figures["threshold"], figures["best_threshold"] = threshold, best
    figures |= _refit(candidates, tune, gold, threshold, options)
    figures["mb_per_s"] = round(megabytes / linker_s, 2)
    figures["naive_mb_per_s"] = round(megabytes / naive_s, 2)
    return figures


def _timed(work: Any) -> tuple[Any, float]:
    """What `work` gives and its CPU seconds, which say the same on a busy machine."""
    began = time.process_time()
    return work(), time.process_time() - began


def _read_documents(path: Path) -> list[Document]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Document(url=row["url"], title=row["title"], text=row["text"]) for row in rows]


def _read_links(path: Path, documents: Sequence[Document]) -> Pairs:
    index = {document.title: number for number, document in enumerate(documents)}
    pairs = set()
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            source, target = (index.get(unquote(name).replace("_", " ")) for name in line.split("\t"))
            if source is not None and target is not None and source != target:
                pairs.add((source, target))
    return pairs


def _naive(documents: Sequence[Document]) -> Pairs:
    """Every mention of a title exactly as it is written, longest first, at word boundaries."""
    finder = Finder([document.title for document in documents])
    return {
        (source, mention.surface)
        for source, document in enumerate(documents)
        for mention in finder.find(document.text)
        if mention.surface != source
    }


def _linked(candidates: Candidates, likely: Floats, threshold: float) -> Pairs:
    return {
        (source, target) for source, links in choose(candidates, likely, threshold).items() for _, _, target in links
    }


def _of_others(pairs: Pairs, pages: set[int]) -> Pairs:
    return {pair for pair in pairs if pair[0] not in pages}


def _score(prefix: str, found: Pairs, gold: Pairs) -> dict[str, Figure]:
    right = len(found & gold)
    precision, recall = right / max(1, len(found)), right / max(1, len(gold))
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    values = {"precision": precision, "recall": recall, "f1": f1}
    return {prefix + name: round(value, 4) for name, value in values.items()}


def _best_threshold(candidates: Candidates, likely: Floats, tune: set[int], gold: Pairs) -> float:
    """Best F1 on the pages to tune on."""
    tune_gold = {pair for pair in gold if pair[0] in tune}

    def f1(threshold: float) -> float:
        found = {pair for pair in _linked(candidates, likely, threshold) if pair[0] in tune}
        return float(_score("", found, tune_gold)["f1"])

    return max((round(0.2 + 0.02 * step, 2) for step in range(21)), key=f1)


def _refit(
    candidates: Candidates, tune: set[int], gold: Pairs, threshold: float, options: BenchOptions
) -> dict[str, Figure]:
    """Weights fitted anew on the pages to tune on, and what they score on the others."""
    pairs = list(zip(candidates.source.tolist(), candidates.target.tolist(), strict=True))
    chosen = np.array([source in tune for source, _ in pairs])
    linked = np.array([pair in gold for pair in pairs], dtype=np.float64)
    weights = _logistic_regression(candidates.features[chosen], linked[chosen])
    for name, weight in zip(FEATURES, weights, strict=True):
        options.progress(f"  fitted weight {weight:8.3f}  {name}")
    found = _linked(candidates, probability(candidates.features, weights.tolist()), threshold)
    return {"refit_f1": _score("", _of_others(found, tune), _of_others(gold, tune))["f1"]}


def _logistic_regression(features: Floats, linked: NDArray[np.float64], ridge: float = 1.0) -> Floats:
    """Weights of the likeliest model, by Newton's method."""
    weights = np.zeros(features.shape[1])
    for _ in range(30):
        likely = probability(features, weights.tolist())
        gradient = features.T @ (likely - linked) + ridge * weights
        curvature = (features * (likely * (1 - likely))[:, None]).T @ features + ridge * np.eye(len(weights))
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if float(np.abs(step).max()) < 1e-6:
            break
    return weights
