"""Short answers: how they are taken out of a text, and golden verdicts both ways on whether two are the same."""

from pathlib import Path

import pytest

from fathom.grading.answers import contains, f1, normalise, same, short_answer

GOLDEN = Path(__file__).parents[2] / "golden" / "answers.tsv"


def golden() -> list[tuple[str, str, str]]:
    rows = [line.split("\t") for line in GOLDEN.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [(verdict, given, gold) for verdict, given, gold in rows]


def test_there_are_enough_verdicts_of_both_kinds() -> None:
    verdicts = [verdict for verdict, _, _ in golden()]
    assert min(verdicts.count("same"), verdicts.count("different")) >= 40


@pytest.mark.parametrize(("verdict", "given", "gold"), golden())
def test_golden_verdicts(verdict: str, given: str, gold: str) -> None:
    assert same(given, gold) == (verdict == "same")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Apopka [E1]\n\nJohn Anderson was born in Apopka. [E1, E2]", "Apopka"),
        ("**Apopka** [E1]", "Apopka"),
        ("# Report\n\nApopka", "Apopka"),
        ("- Apopka\n- something", "Apopka"),
        ("First I looked.\n\n**Final answer:** Apopka [E3].", "Apopka ."),
        ("Answer: Paris\nOn second thought.\nAnswer: Apopka", "Apopka"),
        ("The answer is Apopka.", "Apopka."),
        ("The answer is: Apopka", "Apopka"),
        ("Explanation: he was born there.\nExact Answer: Apopka\nConfidence: 90%", "Apopka"),
        ("最终答案：阿波普卡", "阿波普卡"),
        ("答案是阿波普卡。", "阿波普卡。"),
        ("Réponse : Paris", "Paris"),
        ("The answers differ by source.", "The answers differ by source."),
        ("", ""),
        (" \n\n", ""),
    ],
)
def test_short_answer(text: str, expected: str) -> None:
    assert short_answer(text) == expected


def test_normal_form_is_stable() -> None:
    for _, given, gold in golden():
        for text in (given, gold):
            assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("given", "gold", "expected"),
    [
        ("Apopka", "Apopka", 1.0),
        ("Apopka Florida", "Apopka", 2 / 3),
        ("the cat sat", "a cat stood", 0.5),
        ("x", "y", 0.0),
        ("yes", "no", 0.0),
        ("yes it is", "yes", 0.0),
        ("毛泽民", "毛澤東", 2 / 3),
        ("", "y", 0.0),
    ],
)
def test_f1(given: str, gold: str, expected: float) -> None:
    assert f1(given, gold) == pytest.approx(expected)


def test_contains_looks_for_whole_words_in_a_row() -> None:
    assert contains("He was born in Apopka, Florida.", "Apopka")
    assert contains("生于湖南湘潭的毛泽东", "湘潭")
    assert not contains("He was born in Apopkaville", "Apopka")
    assert not contains("Anderson, John", "John Anderson")
    assert not contains("anything", "")
