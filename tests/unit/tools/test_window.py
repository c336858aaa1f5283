import itertools

from hypothesis import given
from hypothesis import strategies as st

from fathom.tools.window import pieces, relevance, windows


@given(st.text(alphabet="ab .!?\n。东京A", max_size=400), st.integers(min_value=5, max_value=80))
def test_pieces_cover_all_that_is_not_blank_in_order(text: str, size: int) -> None:
    spans = pieces(text, size)
    assert all(start < end and end - start <= size for start, end in spans)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())


@given(st.text(alphabet="ab .\n", max_size=600), st.text(alphabet="ab ", max_size=20), st.integers(20, 200))
def test_windows_stay_within_the_limit_and_in_order(text: str, goal: str, limit: int) -> None:
    spans = windows(text, goal, limit=limit, size=50)
    assert sum(end - start for start, end in spans) <= limit
    assert spans == sorted(spans)


def test_what_matters_is_shown_even_from_the_very_end_of_a_long_page() -> None:
    filler = "\n\n".join(f"Paragraph {n} tells of the harvest and the weather of that year." for n in range(500))
    text = f"{filler}\n\nThe lighthouse of Ostra was built in 1884 by Anna Holm."
    shown = [text[a:b] for a, b in windows(text, "Who built the lighthouse of Ostra?", limit=1000)]
    assert any("Anna Holm" in part for part in shown)


def test_a_goal_that_matches_nothing_gives_the_beginning() -> None:
    text = "\n\n".join(f"Paragraph number {n} is here. " * 3 for n in range(50))
    spans = windows(text, "zzz", limit=400, size=100)
    assert spans[0][0] == 0


def test_a_text_that_fits_is_shown_whole() -> None:
    assert windows("One. Two.", "x", limit=100) == [(0, 9)]


def test_relevance_is_bm25_with_the_parts_as_corpus() -> None:
    import math

    parts = ["red red fox", "blue fox", "green tree house"]
    average = 8 / 3
    idf = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    expected = idf * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / average))
    assert relevance("red", parts) == [expected, 0.0, 0.0]


def test_chinese_is_matched_without_blanks() -> None:
    text = "第一段讲的是天气和收成。" * 40 + "灯塔建于1884年，由安娜设计。"
    shown = [text[a:b] for a, b in windows(text, "灯塔是谁设计的", limit=120, size=60)]
    assert any("安娜" in part for part in shown)
