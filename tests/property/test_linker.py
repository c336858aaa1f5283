"""Laws of linking that hold for any text."""

from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.corpus.document import Document
from fathom.corpus.linker import LinkConfig, link_documents
from fathom.corpus.mentions import Finder

TEXTS = st.text(alphabet=" abAB北京.-\n", max_size=40)
SURFACES = st.lists(st.text(alphabet="ab 北", min_size=1, max_size=4), min_size=1, max_size=5, unique=True)


def whole(text: str, start: int, end: int) -> bool:
    def joined(place: int) -> bool:
        pair = text[place - 1 : place + 1]
        return len(pair) == 2 and pair.isalnum() and pair.isascii()

    return not (start > 0 and joined(start)) and not joined(end)


def leftmost_longest(surfaces: list[str], text: str) -> list[tuple[int, int]]:
    """Every place is tried with every surface."""
    found, place = [], 0
    while place < len(text):
        ends = [place + len(s) for s in surfaces if text.startswith(s, place) and whole(text, place, place + len(s))]
        if ends:
            found.append((place, max(ends)))
        place = max(ends, default=place + 1)
    return found


@given(SURFACES, st.text(alphabet="ab 北.", max_size=30))
def test_the_finder_agrees_with_trying_every_place(surfaces: list[str], text: str) -> None:
    assert [(start, end) for start, end, _ in Finder(surfaces).find(text)] == leftmost_longest(surfaces, text)


@settings(max_examples=60)
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=6))
def test_links_stand_where_they_say_and_lead_to_other_pages(pages: list[tuple[str, str]]) -> None:
    documents = [Document(url=str(number), title=title, text=text) for number, (title, text) in enumerate(pages)]
    linked = list(link_documents(documents, LinkConfig(min_probability=0.0)))
    assert [document.model_copy(update={"links": ()}) for document in linked] == documents
    for document in linked:
        targets = [link.target for link in document.links]
        assert len(set(targets)) == len(targets)
        assert document.url not in targets
        offsets = [link.offset for link in document.links]
        assert offsets == sorted(offsets)
        assert all(document.text.startswith(link.anchor, link.offset) and link.anchor for link in document.links)
