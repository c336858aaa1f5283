"""The data sets beside the checkout are read whole."""

from pathlib import Path

import pytest

from fathom.core.errors import InputError
from fathom.corpus.ingest.reader import read_documents


@pytest.mark.parametrize(
    ("path", "documents", "links", "placed"),
    [
        ("twowiki/corpus.json", 6_119, 0, 0),
        ("wikispeedia/docs.jsonl.gz", 4_598, 119_879, 102_481),
        ("zhwiki/docs.jsonl.gz", 12_000, 0, 0),
    ],
)
def test_set_is_read_whole(shared_data: Path, path: str, documents: int, links: int, placed: int) -> None:
    problems: list[InputError] = []
    urls = set()
    found = [0, 0]
    for document in read_documents(shared_data / path, on_problem=problems.append):
        urls.add(document.url)
        found[0] += len(document.links)
        found[1] += sum(link.offset >= 0 for link in document.links)
    assert (problems, len(urls), found) == ([], documents, [links, placed])
