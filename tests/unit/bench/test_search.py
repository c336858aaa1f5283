import random
from pathlib import Path

import numpy as np

from fathom.bench.search import PaddedEncoder, take_turns
from fathom.bench.search_rivals import Bm25s, Engine, Fts5, Fts5Or, RawTantivy
from fathom.bench.search_sets import Question, hostile_queries, known_item_queries, other_script, part
from fathom.corpus.document import Document
from fathom.corpus.encoders import FakeEncoder

TEXTS = [f"title {n}\nword{n} other{n % 5} shared plenty more letters here for everyone" for n in range(30)]


class FakeEngine:
    """Counts what it is asked."""

    def __init__(self, name: str, share: float) -> None:
        self.name, self.share, self.asked = name, share, 0

    def search(self, query: str) -> list[tuple[int, str]]:
        self.asked += 1
        return []


def test_every_rival_finds_the_passage_a_word_is_in(tmp_path: Path) -> None:
    rows = list(enumerate(TEXTS))
    fts5 = Fts5(rows, tmp_path / "fts5.sqlite")
    engines: list[Engine] = [RawTantivy(rows, tmp_path / "tantivy"), Bm25s(rows), fts5, Fts5Or(fts5)]
    for engine in engines:
        assert engine.search("word17")[0] == (17, TEXTS[17])
        assert len(engine.search("shared everyone")) == 10
        assert isinstance(engine.search('NEAR( "*'), list)


def test_engines_take_turns_over_the_same_queries() -> None:
    engines = [FakeEngine("all", 1.0), FakeEngine("few", 0.1)]
    seconds = take_turns(engines, [f"query {n}" for n in range(120)], lambda line: None)
    assert {name: len(times) for name, times in seconds.items()} == {"all": 120, "few": 12}
    assert [engine.asked for engine in engines] == [360, 36]


def test_padding_keeps_the_first_vectors_and_invents_the_rest() -> None:
    encoder = FakeEncoder()
    padded = PaddedEncoder(encoder, real=7)
    vectors = np.concatenate([padded.encode(TEXTS[:5]), padded.encode(TEXTS[5:20]), padded.encode(TEXTS[20:])])
    assert encoder.encoded == 7
    assert np.array_equal(vectors[:7], FakeEncoder().encode(TEXTS[:7]))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_a_part_of_a_collection_holds_the_support_of_its_questions() -> None:
    documents = [Document(url=f"u/{n}", title=f"Page {n}", text="text") for n in range(50)]
    questions = [Question(f"q{n}", frozenset({f"page {n}", f"page {49 - n}"})) for n in range(20)]
    some, asked = part(documents, questions, 5, 20)
    assert len(some) == 20 and asked == questions[:5]
    assert {key for question in asked for key in question.support} <= {document.title.casefold() for document in some}


def test_queries_are_as_many_as_asked_for_and_the_same_for_a_seed() -> None:
    assert known_item_queries(TEXTS, 40, random.Random(1)) == known_item_queries(TEXTS, 40, random.Random(1))
    hostile = hostile_queries(1000, random.Random(1))
    assert len(hostile) == 1000 and "" in hostile and max(map(len, hostile)) == 1_000_000


def test_the_other_script() -> None:
    assert other_script("東富山站") == "东富山站"
    assert other_script("东富山站") == "東富山站"
