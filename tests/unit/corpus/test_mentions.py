"""Titles and their variants found in texts."""

from fathom.corpus.document import Document
from fathom.corpus.mentions import Finder, bare_title, find_surfaces, lower


def found(surfaces: list[str], text: str) -> list[str]:
    return [text[mention.start : mention.end] for mention in Finder(surfaces).find(text)]


def surfaces(*documents: Document) -> dict[str, set[tuple[int, str]]]:
    known = find_surfaces(documents, [lower(document.text) for document in documents])
    return {surface.text: set(surface.owners) for surface in known}


def page(title: str, text: str = "", aliases: tuple[str, ...] = ()) -> Document:
    return Document(url=title, title=title, text=text, aliases=aliases)


def test_the_longest_mention_wins_and_words_are_whole() -> None:
    assert found(["new", "new york", "york"], "new york, new yorkers, york-born") == ["new york", "new", "york"]


def test_a_longer_match_that_ends_within_a_word_does_not_hide_a_shorter_one() -> None:
    assert found(["art", "art of war"], "the art of warfare") == ["art"]


def test_ends_of_the_text_are_boundaries() -> None:
    assert found(["oslo"], "oslo") == ["oslo"]
    assert found(["oslo"], "oslos") == []
    assert found(["oslo"], "") == []
    assert found([], "oslo") == []


def test_between_cjk_characters_every_place_is_a_boundary() -> None:
    assert found(["北京", "北京大学", "大学"], "他在北京大学读书,后来去北京") == ["北京大学", "北京"]
    assert found(["nato"], "加入nato的国家") == ["nato"]


def test_lower_case_keeps_offsets_and_knows_no_surrogates() -> None:
    for text in ("İstanbul", "ǅ", "plain", "a\ud800b", ""):
        assert len(lower(text)) == len(text)
    assert lower("ÀB") == "àb"
    assert found(["b"], lower("a \ud800 b")) == ["b"]


def test_qualifiers_are_no_part_of_the_name() -> None:
    assert bare_title("Mercury (planet)") == "Mercury"
    assert bare_title("水星（行星）") == "水星"
    assert bare_title("(1) Ceres") == "(1) Ceres"
    assert bare_title("(film)") == "(film)"


def test_titles_aliases_bare_names_and_numbers_of_them_are_looked_for() -> None:
    known = surfaces(page("Mercury (planet)"), page("Mercury (element)", aliases=("Quicksilver",)), page("City"))
    assert known["mercury"] == {(0, "bare"), (1, "bare")}
    assert known["mercury (planet)"] == {(0, "title")}
    assert known["quicksilver"] == {(1, "title")}
    assert known["cities"] == {(2, "plural")}


def test_numbers_and_single_characters_name_nothing() -> None:
    assert surfaces(page("1984"), page("X"), page("1984 (novel)")) == {"1984 (novel)": {(2, "title")}}


def test_parts_and_cognates_are_learnt_where_their_page_uses_them_most() -> None:
    einstein = page("Albert Einstein", "Einstein was born in Ulm. " * 8)
    japan = page("Japan", "The Japanese islands. " * 8)
    others = [page(f"Page {chr(97 + n)}x", "Albert said that it was raining on the hills. " * 40) for n in range(20)]
    known = surfaces(einstein, japan, *others)
    assert known["einstein"] == {(0, "part")}
    assert known["japanese"] == {(1, "cognate")}
    assert "albert" not in known


def test_what_a_page_hardly_uses_is_not_learnt() -> None:
    others = [page(f"Page {chr(97 + n)}x", "Something else entirely. " * 40) for n in range(20)]
    assert "einstein" not in surfaces(page("Albert Einstein", "Einstein was born in Ulm. " * 2), *others)
