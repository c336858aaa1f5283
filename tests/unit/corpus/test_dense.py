from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fathom.core.errors import ConfigError, InputError, ModelFault
from fathom.corpus.dense import DenseConfig, DenseIndex, VectorCache, write_vectors
from fathom.corpus.document import Document
from fathom.corpus.encoders import EncoderConfig, FakeEncoder
from fathom.corpus.fusion import fuse
from fathom.corpus.snapshot import add_documents, add_vectors, build_snapshot
from fathom.corpus.versions import CorpusConfig

ENCODER = EncoderConfig(kind="endpoint", url="http://fake/v1", model="fake")
CONFIG = CorpusConfig(dense=DenseConfig(encoder=ENCODER), mode="fused")
PAGES = [
    Document(url=f"u/{n}", title=f"Page {n}", text=f"The number {n} and its words: w{n} w{n * 7 % 50}.")
    for n in range(50)
]


class RandomEncoder(FakeEncoder):
    """Vectors drawn from a seed, as many as the texts ask for: `text` is the row's number."""

    def encode(self, texts: Sequence[str]) -> Any:
        rows = np.stack([np.random.default_rng(int(text)).normal(size=self.dim) for text in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _index(folder: Path, count: int, exact_up_to: int) -> DenseIndex:
    encoder = RandomEncoder()
    cache = VectorCache(folder / "cache", encoder.dim)
    config = DenseConfig(encoder=ENCODER, exact_up_to=exact_up_to)
    write_vectors(folder / "vectors", map(str, range(count)), count, encoder, config, cache)
    cache.close()
    return DenseIndex(folder / "vectors")


def _truth(query: Any, count: int) -> list[int]:
    vectors = RandomEncoder().encode([str(row) for row in range(count)]).astype(np.float16).astype(np.float64)
    scores = vectors @ query.astype(np.float64)
    return [int(row) for row in np.argsort(-scores, kind="stable")[:10]]


def test_the_scan_is_exact(tmp_path: Path) -> None:
    index = _index(tmp_path, 700, exact_up_to=1000)
    for query in RandomEncoder().encode([str(row) for row in range(5000, 5030)]):
        assert [number for number, _ in index.search(query, 10)] == _truth(query, 700)


def test_above_the_threshold_a_graph_finds_nearly_the_same(tmp_path: Path) -> None:
    index = _index(tmp_path, 1500, exact_up_to=1000)
    queries = RandomEncoder().encode([str(row) for row in range(5000, 5040)])
    shared = [len({number for number, _ in index.search(query, 10)} & set(_truth(query, 1500))) for query in queries]
    assert sum(shared) >= 0.97 * 10 * len(queries)
    (tmp_path / "again").mkdir()
    again = _index(tmp_path / "again", 1500, exact_up_to=1000)
    assert all(index.search(query, 10) == again.search(query, 10) for query in queries)


def test_fusion_adds_reciprocal_ranks() -> None:
    assert fuse([[1, 2, 3], [3, 1]], 2) == [(1, 1 / 61 + 1 / 62), (3, 1 / 63 + 1 / 61)]
    assert fuse([[7, 5], [5, 7]], 9) == [(5, 1 / 61 + 1 / 62), (7, 1 / 61 + 1 / 62)]
    assert fuse([[], []], 5) == []


def test_a_snapshot_searches_in_the_mode_it_was_built_for(tmp_path: Path) -> None:
    snapshot = build_snapshot(tmp_path / "c", "pages", PAGES, CONFIG, encoder=FakeEncoder())
    for mode in ("lexical", "dense", "fused"):
        assert snapshot.search("page 31 with w31", 3, mode)[0].passage.url == "u/31"
    assert snapshot.search("page 31 with w31") == snapshot.search("page 31 with w31", mode="fused")
    for query in ("", "  ", "\ud800", "(" * 2000):
        assert len(snapshot.search(query, 3)) <= 3


def test_any_number_of_passages_may_be_asked_for(tmp_path: Path) -> None:
    snapshot = build_snapshot(tmp_path / "c", "pages", PAGES, CONFIG, encoder=FakeEncoder())
    blank = build_snapshot(
        tmp_path / "d", "blank", [PAGES[0].model_copy(update={"text": " "})], CONFIG, encoder=FakeEncoder()
    )
    for mode in ("lexical", "dense", "fused"):
        assert len(snapshot.search("page number", 10**9, mode)) == 50
        assert snapshot.search("page number", 0, mode) == ()
        assert blank.search("page number", 10, mode) == ()


def test_without_vectors_dense_search_says_so(tmp_path: Path) -> None:
    snapshot = build_snapshot(tmp_path / "c", "pages", PAGES)
    with pytest.raises(ConfigError, match="no vectors"):
        snapshot.search("w31", mode="dense")


def test_growing_encodes_only_what_is_new(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    build_snapshot(tmp_path / "c", "pages", PAGES[:40], CONFIG, encoder=encoder)
    assert encoder.encoded == 40
    changed = PAGES[3].model_copy(update={"text": "Something else."})
    add_documents(tmp_path / "c", [*PAGES[35:], changed], encoder=encoder)
    assert encoder.encoded == 40 + 10 + 1


def test_vectors_can_be_added_to_a_corpus_that_has_none(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    assert CONFIG.dense is not None
    build_snapshot(tmp_path / "c", "pages", PAGES)
    with_vectors = add_vectors(tmp_path / "c", CONFIG.dense, encoder=encoder)
    built = build_snapshot(tmp_path / "d", "pages", PAGES, CONFIG, encoder=encoder)
    assert with_vectors.manifest.version == built.manifest.version
    assert with_vectors.search("page 7") == built.search("page 7") == built.search("page 7", mode="fused")
    again = add_vectors(tmp_path / "c", CONFIG.dense, mode="lexical", encoder=encoder)
    assert encoder.encoded == 2 * len(PAGES) + 3
    assert again.search("page 7") == built.search("page 7", mode="lexical")


def test_a_build_that_died_goes_on_where_it_was(tmp_path: Path) -> None:
    class Dying(FakeEncoder):
        def encode(self, texts: Sequence[str]) -> Any:
            if self.encoded >= 64:
                raise ModelFault("the server went away")
            return super().encode(texts)

    pages = [page.model_copy(update={"url": f"{page.url}/{n}", "title": f"{n}"}) for n in range(4) for page in PAGES]
    with pytest.raises(ModelFault):
        build_snapshot(tmp_path / "c", "pages", pages, CONFIG, encoder=Dying())
    (cache,) = (tmp_path / "c").glob(".encoding-*")
    cache.write_bytes(cache.read_bytes() + b"torn")
    encoder = FakeEncoder()
    resumed = build_snapshot(tmp_path / "c", "pages", pages, CONFIG, encoder=encoder)
    assert encoder.encoded == 200 - 64
    whole = build_snapshot(tmp_path / "d", "pages", pages, CONFIG, encoder=FakeEncoder())
    assert resumed.search("page w7 w21", mode="dense") == whole.search("page w7 w21", mode="dense")
    assert not list((tmp_path / "c").glob(".encoding-*"))


def test_a_damaged_vector_file_is_one_clear_error(tmp_path: Path) -> None:
    built = build_snapshot(tmp_path / "c", "pages", PAGES, CONFIG, encoder=FakeEncoder())
    path = built.folder / "vectors.faiss"
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(InputError, match=r"vectors\.faiss: corrupt"):
        built.search("w1", mode="dense")
