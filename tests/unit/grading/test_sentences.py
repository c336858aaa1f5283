import pytest

from fathom.grading.sentences import markers, split, split_plain


def sentences(text: str) -> list[str]:
    return [text[piece.start : piece.end] for piece in split(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. J. R. Smith paid $3.14. He left.", ["Dr. J. R. Smith paid $3.14.", "He left."]),
        ("He lives in the U.S. The end.", ["He lives in the U.S.", "The end."]),
        ("See fig. 3, e.g. this one. Next!", ["See fig. 3, e.g. this one.", "Next!"]),
        ("Am 11. November 875 starb er. Das war alles.", ["Am 11. November 875 starb er.", "Das war alles."]),
        ("It was 1990. The cat slept.", ["It was 1990.", "The cat slept."]),
        ('"Stop. Now." she said. He did.', ['"Stop. Now." she said.', "He did."]),
        ("given the J. C. Daniel Award for it. Next.", ["given the J. C. Daniel Award for it.", "Next."]),
        ("他走了。“你好。”她说！北京？", ["他走了。", "“你好。”", "她说！", "北京？"]),
        ("हाँ। नहीं।", ["हाँ।", "नहीं।"]),
    ],
)
def test_sentences_end_where_they_end(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A is b [E1]. C is d.", ["A is b [E1].", "C is d."]),
        ("A is b. [E1] C is d. [E2][E3]", ["A is b. [E1]", "C is d. [E2][E3]"]),
        ("[E1] A is b. [E2] C is d.", ["[E1] A is b.", "[E2] C is d."]),
        ("他走了。[E1]她来了【E2】。", ["他走了。[E1]", "她来了【E2】。"]),
        ("Dies in 1990.[E1] then more", ["Dies in 1990.[E1]", "then more"]),
    ],
)
def test_markers_belong_to_the_sentence_they_stand_at(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_blocks_of_markdown_are_pieces_of_their_own() -> None:
    text = (
        "# Title\nOne\ntwo.\n\n1. first\n2. second\n> quoted\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nx. y\n```\nEnd"
    )
    kinds = [(text[p.start : p.end], p.kind) for p in split(text)]
    assert kinds == [
        ("Title", "heading"),
        ("One\ntwo.", "text"),
        ("first", "text"),
        ("second", "text"),
        ("quoted", "text"),
        ("| a | b |", "header_row"),
        ("| 1 | 2 |", "row"),
        ("```\nx. y\n```", "code"),
        ("End", "text"),
    ]


def test_plain_text_knows_no_markdown() -> None:
    text = "# 1. One.\n| two |\n\nThree"
    assert [text[p.start : p.end] for p in split_plain(text)] == ["# 1.", "One.\n| two |", "Three"]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("[E1]", ("E1",)),
        ("[E1, E4]", ("E1", "E4")),
        ("[e2;E3]", ("E2", "E3")),
        ("【E1、E2】", ("E1", "E2")),
        ("[E2-E4]", ("E2", "E3", "E4")),
        ("[3]", ("E3",)),
        ("[^5]", ("E5",)),
        ("[1](https://x.example/a)", ("E1",)),
    ],
)
def test_markers_in_the_forms_models_write(text: str, ids: tuple[str, ...]) -> None:
    assert markers(f"A {text} b") == [(2, 2 + len(text), ids)]


@pytest.mark.parametrize("text", ["[1990]", "[sic]", "[Eve]", "array[x]", "[E1", "(E1)"])
def test_other_brackets_are_no_markers(text: str) -> None:
    assert markers(text) == []
