"""What a catalogue tells of a scholarly work, read without trust into a `Work`.

Whatever is missing, of another type or beyond belief is left out, and the rest stays: a bad field spoils no hit.
"""

import re
from collections.abc import Iterable
from typing import Any

from fathom.world.protocol import Work
from fathom.world.search.addresses import host_of, is_page
from fathom.world.search.markup import one_line
from fathom.world.search.rows import text

MAX_AUTHORS = 50  # collaborations sign by the thousand, and nobody reads on
_AUTHOR_CHARS = 100
_VENUE_CHARS = 200
_MAX_CITED_BY = 100_000_000  # no work has a hundredth of it
_YEARS = range(1000, 2101)

_YEAR = re.compile(r"\s*(\d{4})(?!\d)", re.ASCII)
_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:\s?)?(10\.\d{4,9}/\S{1,200})", re.ASCII)
_ARXIV_ID = r"((?:[a-z-]+(?:\.[a-z]{2})?/\d{7})|\d{4}\.\d{4,5})"
_ARXIV = re.compile(rf"(?:arxiv:)?{_ARXIV_ID}(?:v\d+)?", re.ASCII | re.IGNORECASE)
_ARXIV_ADDRESS = re.compile(rf"arxiv\.org/(?:abs|pdf|html)/{_ARXIV_ID}", re.ASCII | re.IGNORECASE)


def work_of(
    *,
    authors: Iterable[str] = (),
    venue: str = "",
    year: str = "",
    cited_by: Any = None,
    doi: str = "",
    arxiv_id: str = "",
    pdf_url: str = "",
) -> Work:
    """The work of what a catalogue says, each part clean and bounded. `year` may be a date that begins with it, `doi`
    and `arxiv_id` may be addresses. Total; at most `MAX_AUTHORS` of the authors are kept."""
    lines = (one_line(name, _AUTHOR_CHARS) for name in authors)
    address = pdf_url.strip() if len(pdf_url) < 4096 else ""
    return Work(
        authors=tuple(line for line in lines if line)[:MAX_AUTHORS],
        venue=one_line(venue, _VENUE_CHARS),
        year=_year(year),
        cited_by=_count(cited_by),
        doi=doi_of(doi),
        arxiv_id=arxiv_id_of(arxiv_id),
        # A DOI leads to a page about the work, whatever a catalogue calls it.
        pdf_url=address if is_page(address) and host_of(address) not in ("doi.org", "dx.doi.org") else "",
    )


def names(people: Any, *path: str) -> list[str]:
    """The texts at `path` of each person in a list; those of the first `MAX_AUTHORS`, none where it is no list."""
    return [text(person, *path) for person in people[:MAX_AUTHORS]] if isinstance(people, list) else []


def doi_of(words: str) -> str:
    """The bare DOI, in lower case, that `words` are, on their own or as an address; empty for anything else."""
    match = _DOI.fullmatch(words.strip().lower()) if len(words) < 1000 else None
    return match[1] if match and match[1].isprintable() else ""


def arxiv_id_of(words: str) -> str:
    """The arXiv number without version, in lower case, that `words` are or as an address hold; empty for anything
    else."""
    if len(words) >= 4096:
        return ""
    match = _ARXIV.fullmatch(words.strip()) or _ARXIV_ADDRESS.search(words)
    return match[1].lower() if match else ""


def _year(words: str) -> int | None:
    match = _YEAR.match(words[:64])
    return int(match[1]) if match and int(match[1]) in _YEARS else None


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MAX_CITED_BY else None
