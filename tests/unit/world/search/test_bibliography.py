"""What the catalogues tell of a work, and what is left out of it."""

import json
from typing import Any

import pytest
from tests.search_services import CASES, ServiceCase

from fathom.core.errors import WorldUnavailableFault
from fathom.sandbox.egress.protocol import WebReply, WebRequest
from fathom.sandbox.egress.scripted import ScriptedWeb
from fathom.world.protocol import Work
from fathom.world.search.bibliography import MAX_AUTHORS, arxiv_id_of, doi_of, names, work_of
from fathom.world.search.protocol import SearchQuery

BY_NAME = {case.name: case for case in CASES}
JOURNAL, DOI, NUMBER = "Journal of Coastal Light", "10.5555/ostra.1884", "2403.01884"
TOLD = {
    "openalex": (
        Work(
            authors=("Ivo Marek", "Carla Rossi"), venue=JOURNAL, year=2024, cited_by=1884, doi=DOI,
            pdf_url=f"https://arxiv.org/pdf/{NUMBER}",
        ),
        Work(year=2023, cited_by=0),
    ),
    "crossref": (
        Work(
            authors=("Ivo Marek", "Carla Rossi", "Keepers of Ostra"), venue=JOURNAL, year=2024, cited_by=1790, doi=DOI
        ),
        Work(venue="Annals of Ports & Harbours", year=2023, cited_by=0, doi="10.5555/port.2023"),
    ),
    "semantic_scholar": (
        Work(
            authors=("Ivo Marek", "C. Rossi"), venue=JOURNAL, year=2024, cited_by=1901, doi=DOI, arxiv_id=NUMBER,
            pdf_url=f"https://arxiv.org/pdf/{NUMBER}",
        ),
        Work(year=2023, cited_by=0),
    ),
    "arxiv": (
        Work(
            authors=("Ivo Marek", "Carla Rossi"), venue="J. Coast. Light 12 (2024) 1-9", year=2024, doi=DOI,
            arxiv_id=NUMBER, pdf_url=f"https://arxiv.org/pdf/{NUMBER}v2",
        ),
        Work(authors=("Ivo Marek",), year=2023, arxiv_id="2311.09300", pdf_url="https://arxiv.org/pdf/2311.09300v1"),
    ),
    "pubmed": (
        Work(authors=("Marek I", "Rossi C"), venue=JOURNAL, year=2024, doi=DOI),
        Work(venue="Ann Ports", year=2023),
    ),
}  # fmt: skip
PARAMETER = {"openalex": "select", "crossref": "select", "semantic_scholar": "fields"}


async def asked(case: ServiceCase, *bodies: bytes) -> tuple[list[Work | None], list[WebRequest]]:
    """The works of what a catalogue answers, and what it was asked."""
    replies = iter(bodies or [case.content(file) for file in case.found])
    web = ScriptedWeb(lambda request: WebReply(200, request.url, {}, next(replies)))
    hits = await case.engine(web).search(SearchQuery(text=case.query))
    return [hit.work for hit in hits], web.asked


@pytest.mark.parametrize("name", TOLD)
async def test_a_catalogue_tells_of_its_works(name: str) -> None:
    works, _ = await asked(BY_NAME[name])
    assert tuple(works[:2]) == TOLD[name]


@pytest.mark.parametrize("name", PARAMETER)
async def test_what_is_read_is_asked_for(name: str) -> None:
    _, (request,) = await asked(BY_NAME[name])
    rows: Any = json.loads(BY_NAME[name].content("found.json"))
    while not isinstance(rows, list):
        rows = next(rows[key] for key in ("results", "message", "items", "data") if key in rows)
    given = {field for row in rows for field in row} - {"paperId"}  # which comes unasked
    assert set(request.params[PARAMETER[name]].split(",")) == given


@pytest.mark.parametrize("name", [case.name for case in CASES if case.name not in TOLD])
async def test_who_is_no_catalogue_tells_of_no_work(name: str) -> None:
    works, _ = await asked(BY_NAME[name])
    assert works and not any(works)


async def test_a_work_of_thousands_fits_into_a_reply() -> None:
    for name in TOLD:
        limit = BY_NAME[name].config().asked().max_bytes
        assert limit >= 10_000_000, name
    case = BY_NAME["crossref"]
    reply = json.loads(case.content("found.json"))
    reply["message"]["items"][0]["author"] = [{"given": "A.", "family": f"Author{n}"} for n in range(5000)]
    works, _ = await asked(case, json.dumps(reply).encode())
    assert works[0] is not None and len(works[0].authors) == MAX_AUTHORS and works[0].authors[-1] == "A. Author49"


async def test_an_error_in_place_of_a_work_is_still_a_fault() -> None:
    with pytest.raises(WorldUnavailableFault):
        await asked(BY_NAME["openalex"], json.dumps({"results": [{"authorships": [], "cited_by_count": 3}]}).encode())


@pytest.mark.parametrize(
    ("words", "doi"),
    [
        ("10.1000/182", "10.1000/182"),
        (" https://doi.org/10.1000/ABC.7 ", "10.1000/abc.7"),
        ("http://dx.doi.org/10.1000/182", "10.1000/182"),
        ("doi: 10.1000/182", "10.1000/182"),
        ("10.1002/(SICI)1097(1999)50:1<1::AID1>3.0.CO;2-#", "10.1002/(sici)1097(1999)50:1<1::aid1>3.0.co;2-#"),
        ("10.1000/a b", ""),
        ("10.1000/a\u00a0b", ""),
        ("10.1000/" + "a" * 300, ""),
        ("see 10.1000/182", ""),
        ("https://example.org/10.1000/182", ""),
        ("11.1000/182", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_dois_are_bare_and_whole(words: str, doi: str) -> None:
    assert doi_of(words) == doi


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("2403.01884", "2403.01884"),
        ("arXiv:2403.01884v12", "2403.01884"),
        ("http://arxiv.org/abs/2403.01884v2", "2403.01884"),
        ("https://arxiv.org/pdf/hep-th/9901001v1", "hep-th/9901001"),
        ("math.GT/0309136", "math.gt/0309136"),
        ("240\u0663.01884", ""),
        ("1.2403.01884", ""),
        ("2403.018845", ""),
        ("https://example.org/abs/2403.01884", ""),
        ("", ""),
    ],
)
def test_arxiv_numbers_have_no_version(words: str, number: str) -> None:
    assert arxiv_id_of(words) == number


@pytest.mark.parametrize(
    ("words", "year"),
    [
        ("2024", 2024),
        ("2024-03-05T15:05:19Z", 2024),
        ("1998 Dec-1999 Jan", 1998),
        ("2024.0", 2024),
        ("20240305", None),
        ("Winter 1998", None),
        ("0000", None),
        ("9999", None),
        ("-2024", None),
        ("\u0662\u0660\u0662\u0664", None),
        ("", None),
    ],
)
def test_years_are_plausible(words: str, year: int | None) -> None:
    assert work_of(year=words).year == year


def test_counts_and_addresses_are_what_they_should_be() -> None:
    counts = [0, 7, True, -1, 3.0, "7", None, 10**30, [7]]
    assert [work_of(cited_by=count).cited_by for count in counts] == [0, 7, *[None] * 7]
    kept = "https://a.org/x.pdf"
    addresses = [
        f" {kept} ",
        "",
        "ftp://a.org/x.pdf",
        "x.pdf",
        "https://doi.org/10.1000/182",
        "https://a.org/" + "x" * 9999,
    ]
    assert [work_of(pdf_url=url).pdf_url for url in addresses] == [kept, *[""] * 5]


def test_names_are_lines_and_blank_ones_nobody() -> None:
    assert names("Ivo Marek", "name") == names(None, "name") == names({"name": "x"}, "name") == []
    people = [{"name": " Ivo\n Marek "}, {"name": ""}, {"name": None}, 7, {"name": ["x"]}, {"name": "x" * 1000}]
    assert work_of(authors=names(people, "name")).authors == ("Ivo Marek", "x" * 100)
    assert work_of() == Work()
