"""Scholarly works found by several catalogues, as one list in which each stands once.

Two hits are the same work when a DOI or an arXiv number says so, or when their titles agree and are long enough to be
no accident; a preprint and its print are one. The merged hit carries what any of them knows, in the first one's words
where they differ; venue and year are of the same one where one tells both, since a preprint and its print may be years
apart. The order is that of reciprocal rank fusion.
"""

import re
from collections.abc import Iterator, Sequence

from fathom.core.text import terms
from fathom.corpus.fusion import fuse
from fathom.world.protocol import Hit, Work
from fathom.world.search.bibliography import arxiv_id_of, doi_of

_DOI = re.compile(r"\b10\.\d{4,9}/[^\s\"<>?#]+", re.IGNORECASE)
_ARXIV_DOI = "10.48550/arxiv."
_TELLING_TERMS = 4  # a title of fewer ("Introduction", "Deep learning") may be that of several works


def merged(rankings: Sequence[Sequence[Hit]], k: int) -> tuple[Hit, ...]:
    """At most `k` works, best first. Each of `rankings` is what one catalogue found, best first."""
    group_of: dict[str, int] = {}
    groups: list[list[Hit]] = []
    numbered: list[list[int]] = []
    for ranking in rankings:
        numbers: list[int] = []
        for hit in ranking:
            keys = list(_keys(hit))
            known = sorted({group_of[key] for key in keys if key in group_of})
            number = known[0] if known else len(groups)
            if not known:
                groups.append([])
            for other in known[1:]:
                # This hit shows that what was taken for two works is one.
                groups[number] += groups[other]
                groups[other] = []
                group_of.update({key: number for key, found in group_of.items() if found == other})
                numbers = [number if found == other else found for found in numbers]
                numbered = [[number if found == other else found for found in row] for row in numbered]
            groups[number].append(hit)
            group_of.update(dict.fromkeys(keys, number))
            numbers.append(number)
        numbered.append(numbers)
    once = [list(dict.fromkeys(row)) for row in numbered]
    return tuple(_joined(groups[number], score) for number, score in fuse(once, k))


def identified(hit: Hit) -> Work:
    """What is known of the work, with its DOI and arXiv number also where only its addresses tell them."""
    work = hit.work or Work()
    # A DOI told as such is whole, brackets and all; in an address it ends where the address may go on. Those of PDFs go
    # on in too many ways (`.pdf`, `/full`) to tell a DOI.
    dois = [doi_of(work.doi), *(match.group().lower().rstrip(".,;)") for match in _DOI.finditer(hit.url))]
    numbers = [arxiv_id_of(text) for text in (work.arxiv_id, hit.url, work.pdf_url)]
    numbers += [arxiv_id_of(doi.removeprefix(_ARXIV_DOI)) for doi in dois if doi.startswith(_ARXIV_DOI)]
    doi = next((doi for doi in dois if doi and not doi.startswith(_ARXIV_DOI)), "")
    return work.model_copy(update={"doi": doi, "arxiv_id": next(filter(None, numbers), "")})


def _keys(hit: Hit) -> Iterator[str]:
    work = identified(hit)
    yield f"url:{hit.url}"
    if work.doi:
        yield f"doi:{work.doi}"
    if work.arxiv_id:
        yield f"arxiv:{work.arxiv_id}"
    title = terms(hit.title, stopwords=True)
    if len(title) >= _TELLING_TERMS:
        yield "title:" + " ".join(title)


def _joined(hits: Sequence[Hit], score: float) -> Hit:
    works = [identified(hit) for hit in hits]
    best = {
        field: next((value for work in works if (value := getattr(work, field)) not in ("", (), None)), default)
        for field, default in Work()
    }
    print_of = next((work for work in works if work.venue and work.year), None)
    if print_of:
        best |= {"venue": print_of.venue, "year": print_of.year}
    counts = [work.cited_by for work in works if work.cited_by is not None]
    work = Work.model_validate({**best, "cited_by": max(counts) if counts else None})
    snippet = max((hit.snippet for hit in hits), key=len)
    date = next((hit.date for hit in hits if hit.date), "")
    return hits[0].model_copy(
        update={
            "work": work,
            "snippet": snippet,
            "date": date,
            "score": score,
            "private": any(hit.private for hit in hits),
            "note": hits[0].note if len({hit.note for hit in hits}) == 1 else "",
            "source": "+".join(dict.fromkeys(hit.source for hit in hits if hit.source)),
            # The snippet may be another hit's, so it is no span of a page any more.
            "start": -1,
            "end": -1,
            "text_hash": "",
        }
    )
