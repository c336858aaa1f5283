"""Whatever a catalogue puts in the place of what it tells of a work: hits with a sound work, or the one typed fault."""

import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.search_services import CASES, ServiceCase

from fathom.core.errors import WorldUnavailableFault
from fathom.sandbox.egress.protocol import WebReply
from fathom.sandbox.egress.scripted import ScriptedWeb
from fathom.world.protocol import Hit, Work
from fathom.world.search.addresses import is_page
from fathom.world.search.bibliography import MAX_AUTHORS, arxiv_id_of, doi_of, work_of
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.works import merged

FIELDS = {
    "openalex": "authorships primary_location best_oa_location publication_year cited_by_count doi",
    "crossref": "author container-title issued is-referenced-by-count DOI",
    "semantic_scholar": "authors venue year citationCount externalIds openAccessPdf",
    "pubmed": "authors source fulljournalname pubdate sortpubdate articleids",
}
CATALOGUES = [case for case in CASES if case.name in FIELDS]
ARXIV = next(case for case in CASES if case.name == "arxiv")

ANY = st.characters()  # lone surrogates too
TEXTS = st.text(ANY, max_size=12) | st.sampled_from(
    ["10.1000/182", "https://doi.org/10.1000/X", "2403.01884v9", "https://a.org/x.pdf", "2024", "\x00", "x" * 5000]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
NAMES = st.sampled_from(
    "author display_name name given family source pdf_url landing_page_url url date-parts DOI ArXiv idtype value"
    " title".split()
)
INNER = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)
JSON = INNER | INNER.map(lambda item: [item] * (2 * MAX_AUTHORS))


def sound(work: Work | None) -> bool:
    """Whether a work keeps what it promises and can be stored."""
    assert work is not None and Work.model_validate_json(work.model_dump_json()) == work
    assert len(work.authors) <= MAX_AUTHORS and all(0 < len(author) <= 100 for author in work.authors)
    assert len(work.venue) <= 200 and "\n" not in "".join((*work.authors, work.venue))
    assert work.year is None or 1000 <= work.year <= 2100
    assert work.cited_by is None or 0 <= work.cited_by <= 10**8
    assert doi_of(work.doi) == work.doi and arxiv_id_of(work.arxiv_id) == work.arxiv_id
    return not work.pdf_url or is_page(work.pdf_url)


def read(case: ServiceCase, body: bytes) -> tuple[Hit, ...]:
    """The hits of a reply, none for a fault. Anything else is an error of this test."""
    engine = case.engine(ScriptedWeb(lambda request: WebReply(200, request.url, {}, body)))
    try:
        engine.search(SearchQuery(text=case.query)).send(None)
    except StopIteration as done:
        hits: tuple[Hit, ...] = done.value
        assert hits and all(sound(hit.work) for hit in hits)
        assert all(sound(hit.work) for hit in merged([hits, hits[::-1]], 10))
        return hits
    except WorldUnavailableFault:
        return ()
    raise AssertionError("a scripted reply is there at once")


def works_in(value: Any, wanted: set[str], change: Callable[[dict[str, Any]], None]) -> None:
    """Change every object of a reply that has most of the fields of a work."""
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        works_in(inner, wanted, change)
    if isinstance(value, dict) and 2 * len(wanted & value.keys()) > len(wanted):
        change(value)


@pytest.mark.parametrize("case", CATALOGUES, ids=lambda case: case.name)
@given(st.data())
@settings(max_examples=60)
def test_garbage_in_the_fields_of_a_work_spoils_no_hit(case: ServiceCase, data: st.DataObject) -> None:
    wanted = FIELDS[case.name].split()
    garbage = data.draw(st.dictionaries(st.sampled_from(wanted), JSON, min_size=1))
    missing = data.draw(st.sets(st.sampled_from(wanted), max_size=2))
    reply = json.loads(case.content(case.found[-1]))
    changed: list[dict[str, Any]] = []

    def spoil(row: dict[str, Any]) -> None:
        row.update(garbage)
        for field in missing:
            row.pop(field, None)
        changed.append(row)

    works_in(reply, set(wanted), spoil)
    assert changed
    assert read(case, json.dumps(reply).encode())


@given(st.data())
@settings(max_examples=60)
def test_garbage_in_a_feed_spoils_no_hit(data: st.DataObject) -> None:
    feed = ElementTree.fromstring(ARXIV.content("found.xml"))
    texts = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.just("\n"), max_size=12) | st.sampled_from(
        ["10.1000/182", "2024", "x" * 5000, "https://a.org/x.pdf"]
    )
    for element in list(feed.iter()):
        name = element.tag.rpartition("}")[2]
        if name in ("name", "author", "journal_ref", "doi", "published") and data.draw(st.booleans()):
            element.text = data.draw(texts)
        if name == "link" and data.draw(st.booleans()):
            element.attrib = data.draw(st.dictionaries(st.sampled_from(["href", "title"]), texts | st.just("pdf")))
        if name in ("entry", "author") and data.draw(st.booleans()):
            element.extend(list(element)[:3] * data.draw(st.sampled_from([1, 40])))
    assert read(ARXIV, ElementTree.tostring(feed))


@given(st.lists(TEXTS, max_size=80), TEXTS, TEXTS, JSON, TEXTS, TEXTS, TEXTS)
def test_any_words_make_a_sound_work(
    authors: list[str], venue: str, year: str, cited_by: Any, doi: str, arxiv_id: str, pdf_url: str
) -> None:
    assert sound(
        work_of(authors=authors, venue=venue, year=year, cited_by=cited_by, doi=doi, arxiv_id=arxiv_id, pdf_url=pdf_url)
    )
