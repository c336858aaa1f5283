"""The engines fathom's search is measured beside, each as its own documentation would have one use it.

All index the same rows (title, line break, passage text) and give back the same thing: ids and texts of ten passages.
"""

import re
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

K = 10
Rows = Sequence[tuple[int, str]]
"""(id, text), ids 0, 1, 2, ..."""


class Engine(Protocol):
    """A search engine under measurement. `share` of the queries are put to it; slow ones get fewer."""

    name: str
    share: float

    def search(self, query: str) -> list[tuple[int, str]]:
        """(id, text) of the best ten passages."""
        ...


class RawTantivy:
    """tantivy with its English analyser, its lenient query parser and the texts in its document store."""

    name, share = "raw_tantivy", 1.0

    def __init__(self, rows: Rows, folder: Path) -> None:
        import tantivy

        folder.mkdir(parents=True)
        builder = tantivy.SchemaBuilder()
        builder.add_integer_field("id", stored=True)
        builder.add_text_field("text", stored=True, tokenizer_name="en_stem")
        self._index = tantivy.Index(builder.build(), path=str(folder))
        # As many segments as fathom's own index: one.
        writer = self._index.writer(heap_size=2 << 30, num_threads=1)
        for number, text in rows:
            document = tantivy.Document()
            document.add_integer("id", number)
            document.add_text("text", text)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()

    def search(self, query: str) -> list[tuple[int, str]]:
        parsed, _ = self._index.parse_query_lenient(query, ["text"])
        found = [self._searcher.doc(address) for _, address in self._searcher.search(parsed, K, count=False).hits]
        return [(document["id"][0], document["text"][0]) for document in found]


class Bm25s:
    """bm25s with its Lucene scoring, English stems and stop words, on numpy: its faster numba is no dependency."""

    name, share = "bm25s", 0.2

    def __init__(self, rows: Rows) -> None:
        import bm25s
        import Stemmer

        self._tokenize, self._stemmer = bm25s.tokenize, Stemmer.Stemmer("english")
        self._texts = [text for _, text in rows]
        tokens = self._tokenize(self._texts, stopwords="en", stemmer=self._stemmer, show_progress=False)
        self._model: Any = bm25s.BM25(method="lucene")
        self._model.index(tokens, show_progress=False)

    def search(self, query: str) -> list[tuple[int, str]]:
        tokens = self._tokenize([query], stopwords="en", stemmer=self._stemmer, show_progress=False)
        found = self._model.retrieve(tokens, k=min(K, len(self._texts)), show_progress=False).documents[0]
        return [(int(number), self._texts[number]) for number in found]


class Fts5:
    """SQLite FTS5 with Porter stems: all words must match, and where no passage has them all any may."""

    name, share = "fts5", 0.2

    def __init__(self, rows: Iterable[tuple[int, str]], path: Path) -> None:
        self._db = sqlite3.connect(path)
        self._db.execute("CREATE VIRTUAL TABLE passages USING fts5(text, tokenize='porter unicode61')")
        self._db.executemany("INSERT INTO passages (rowid, text) VALUES (?, ?)", rows)
        self._db.execute("INSERT INTO passages (passages) VALUES ('optimize')")
        self._db.commit()

    def search(self, query: str) -> list[tuple[int, str]]:
        return self.match(query, " ") or self.match(query, " OR ")

    def match(self, query: str, operator: str) -> list[tuple[int, str]]:
        """(id, text) of the best ten for the words of `query` joined by `operator`."""
        words = [f'"{word}"' for word in re.findall(r"\w+", query)]
        if not words:
            return []
        return self._db.execute(
            "SELECT rowid, text FROM passages WHERE passages MATCH ? ORDER BY rank LIMIT ?", (operator.join(words), K)
        ).fetchall()


class Fts5Or:
    """The same index, any word may match from the start."""

    name, share = "fts5_or", 0.02

    def __init__(self, fts5: Fts5) -> None:
        self._fts5 = fts5

    def search(self, query: str) -> list[tuple[int, str]]:
        return self._fts5.match(query, " OR ")
