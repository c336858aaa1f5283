"""Works that several catalogues know are one, by DOI, arXiv number or title."""

import itertools

import pytest

from fathom.world.protocol import Hit, Work
from fathom.world.search.works import identified, merged

PREPRINT = Hit(
    url="https://arxiv.org/abs/2401.01234v2",
    title="Lighthouses of the northern coast: a survey",
    snippet="short",
    date="2024-01-03",
    source="arxiv",
    work=Work(authors=("A. Lind",), pdf_url="https://arxiv.org/pdf/2401.01234"),
)
PRINT = Hit(
    url="https://doi.org/10.1000/JCR.77",
    title="Lighthouses of the Northern Coast - A Survey",
    snippet="a longer snippet",
    source="crossref",
    work=Work(venue="Journal of Coasts", year=2025, cited_by=3, authors=("Ada Lind", "B. Rossi")),
)
OTHER = Hit(url="https://example.org/x", title="Tides", snippet="", source="openalex")


@pytest.mark.parametrize(
    ("hit", "doi", "arxiv_id"),
    [
        (PREPRINT, "", "2401.01234"),
        (PRINT, "10.1000/jcr.77", ""),
        (Hit(url="https://arxiv.org/abs/hep-th/9901001v1", title="", snippet=""), "", "hep-th/9901001"),
        (
            Hit(url="x", title="", snippet="", work=Work(doi="https://doi.org/10.48550/arXiv.2401.01234")),
            "",
            "2401.01234",
        ),
        (
            Hit(url="x", title="", snippet="", work=Work(doi="10.1000/a", arxiv_id="arXiv:2401.01234v3")),
            "10.1000/a",
            "2401.01234",
        ),
        (
            Hit(url="https://doi.org/10.1000/A(1)%3C2", title="", snippet="", work=Work(doi="10.1000/a(1)<2>3(b)")),
            "10.1000/a(1)<2>3(b)",
            "",
        ),
        (Hit(url="x", title="", snippet="", work=Work(pdf_url="https://a.org/pdf/10.1007/s1-2.pdf")), "", ""),
        (OTHER, "", ""),
    ],
)
def test_numbers_are_read_out_of_addresses_too(hit: Hit, doi: str, arxiv_id: str) -> None:
    work = identified(hit)
    assert (work.doi, work.arxiv_id) == (doi, arxiv_id)


def test_a_preprint_and_its_print_are_one_work_with_what_both_say() -> None:
    both, other = merged([[PREPRINT], [PRINT, OTHER]], 10)
    assert other.url == OTHER.url
    assert (both.url, both.snippet, both.date, both.source) == (
        PREPRINT.url,
        PRINT.snippet,
        "2024-01-03",
        "arxiv+crossref",
    )
    assert both.work == Work(
        authors=("A. Lind",), venue="Journal of Coasts", year=2025, cited_by=3, doi="10.1000/jcr.77",
        arxiv_id="2401.01234", pdf_url="https://arxiv.org/pdf/2401.01234",
    )  # fmt: skip


def test_venue_and_year_are_those_of_one_catalogue() -> None:
    assert PREPRINT.work is not None
    early = PREPRINT.model_copy(update={"work": PREPRINT.work.model_copy(update={"year": 2024})})
    (both,) = merged([[early], [PRINT]], 10)
    assert both.work is not None and (both.work.venue, both.work.year) == ("Journal of Coasts", 2025)
    (alone,) = merged([[early]], 10)
    assert alone.work is not None and (alone.work.venue, alone.work.year) == ("", 2024)


def test_a_hit_may_show_that_two_works_are_one() -> None:
    by_doi = Hit(url="https://a.example/1", title="One", snippet="", work=Work(doi="10.1000/1"))
    by_number = Hit(url="https://b.example/1", title="Uno", snippet="", work=Work(arxiv_id="2401.00001"))
    bridge = Hit(url="https://c.example/1", title="Eins", snippet="", work=Work(doi="10.1000/1", arxiv_id="2401.00001"))
    for order in itertools.permutations([[by_doi], [by_number], [bridge]]):
        (one,) = merged(order, 10)
        assert one.work is not None and (one.work.doi, one.work.arxiv_id) == ("10.1000/1", "2401.00001")
    (one,) = merged([[by_doi, by_number, bridge]], 10)
    assert one.url == by_doi.url


def test_short_titles_that_agree_are_no_proof() -> None:
    hits = [Hit(url=f"https://{name}.example", title="Deep Learning", snippet="") for name in "ab"]
    assert len(merged([hits[:1], hits[1:]], 10)) == 2


def test_what_more_catalogues_rank_high_comes_first() -> None:
    hits = {name: Hit(url=f"https://{name}.example", title=name, snippet="") for name in "abcd"}
    lists = [[hits["a"], hits["b"]], [hits["b"], hits["c"]], [hits["b"], hits["d"]]]
    assert [hit.title for hit in merged(lists, 3)] == ["b", "a", "c"]
    assert merged([], 3) == () and merged([[], []], 3) == ()
