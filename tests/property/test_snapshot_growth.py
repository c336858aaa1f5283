"""A corpus that grew in steps is the corpus built from nothing: same hash, ids, scores, vectors."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.corpus.dense import DenseConfig
from fathom.corpus.document import Document
from fathom.corpus.encoders import EncoderConfig, FakeEncoder
from fathom.corpus.passages import PassageConfig
from fathom.corpus.snapshot import Snapshot, add_documents, build_snapshot
from fathom.corpus.versions import CorpusConfig

WORDS = ("river", "capital", "queen", "bridge", "museum", "island", "编码", "song")
CONFIG = CorpusConfig(
    passages=PassageConfig(target_words=3, max_words=5),
    dense=DenseConfig(encoder=EncoderConfig(kind="endpoint", url="http://fake/v1", model="fake")),
    index_heap_mb=16,
)

documents = st.builds(
    lambda name, words: Document(url=f"u/{name}", title=f"page {name}", text=". ".join(words)),
    st.integers(0, 6),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=20),
)
batches = st.lists(st.lists(documents, min_size=1, max_size=5), min_size=2, max_size=3)


def state(snapshot: Snapshot) -> tuple[object, ...]:
    answers = [
        [(match.passage, match.score) for match in snapshot.search(query, 10, mode)]
        for query in ("river queen", "编码 song page", "bridge")
        for mode in ("lexical", "dense", "fused")
    ]
    manifest = snapshot.manifest
    return snapshot.hash, manifest.index_hash, manifest.counts, manifest.version, list(snapshot.documents()), answers


@settings(max_examples=8, deadline=None)
@given(batches)
def test_growing_equals_building(steps: list[list[Document]]) -> None:
    encoder = FakeEncoder()
    with tempfile.TemporaryDirectory() as folder:
        grown = build_snapshot(Path(folder) / "a", "x", steps[0], CONFIG, encoder=encoder)
        for step in steps[1:]:
            grown.close()
            grown = add_documents(Path(folder) / "a", step, encoder=encoder)
        every = [document for step in steps for document in step]
        built = build_snapshot(Path(folder) / "b", "x", every, CONFIG, encoder=encoder)
        assert state(grown) == state(built)
        grown.close()
        built.close()
