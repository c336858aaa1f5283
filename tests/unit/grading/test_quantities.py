import pytest

from fathom.grading.quantities import quantities


def agrees(claim: str, page: str, lang: str = "en", page_lang: str = "") -> bool:
    mine, theirs = quantities(claim, lang), quantities(page, page_lang or lang)
    assert mine, f"nothing read in {claim!r}"
    return all(any(one.agrees(other) for other in theirs) for one in mine)


@pytest.mark.parametrize(
    ("claim", "page"),
    [
        ("in 875", "died 11 November 875"),
        ("November 875", "11 November 875"),
        ("May 5, 1821", "5 May 1821"),
        ("1821-05-05", "on the 5th of May, 1821"),
        ("03/05/2021", "3 May 2021"),
        ("May 3, 2021", "03/05/2021"),
        ("the 1990s", "in 1995"),
        ("the nineteenth century", "in 1880"),
        ("19th-century", "the 19th century"),
        ("44 BC", "15 March 44 BC"),
        ("1914 and 1918", "1914–18"),
        ("8849 m", "8,849 metres"),
        ("1.2 million", "1,200,000"),
        ("$5 million", "5,000,000 dollars"),
        ("12 percent", "12%"),
        ("twenty-one men", "21 men"),
        ("three hundred and five", "305"),
        ("the 2nd son", "the second son"),
        ("about 8,800 m", "8,848.86 m"),
        ("2,000 people", "2000 people"),
        ("10 000 km", "10,000 km"),
        ("5 km2", "5 square kilometres"),
        ("12-year", "12 years"),
    ],
)
def test_forms_of_the_same_figure_agree(claim: str, page: str) -> None:
    assert agrees(claim, page)


@pytest.mark.parametrize(
    ("claim", "page"),
    [
        ("12 November 875", "11 November 875"),
        ("11 November 875", "in 875"),
        ("44 BC", "in 44"),
        ("1996", "the 1990s"),
        ("the 18th century", "in 1880"),
        ("8,849 ft", "8,849 m"),
        ("8,848 m", "8,849 m"),
        ("about 8,700 m", "8,849 m"),
        ("6.5 million", "65 million"),
        ("65 percent", "aged 65"),
        ("€5 million", "$5 million"),
        ("21 men", "twenty-two men"),
        ("third son", "three sons"),
        ("11 men", "11 November 875"),
        ("3 years", "3 days"),
    ],
)
def test_different_figures_do_not_agree(claim: str, page: str) -> None:
    assert not agrees(claim, page)


@pytest.mark.parametrize(
    ("claim", "page", "lang", "page_lang"),
    [
        ("1821年5月5日", "5 May 1821", "zh", "en"),
        ("一八二一年五月五日", "1821年5月5日", "zh", "zh"),
        ("公元前44年", "44 BC", "zh", "en"),
        ("三十五个人", "35人", "zh", "zh"),
        ("１２００人", "1,200 people", "zh", "en"),
        ("180万人", "1,800,000", "zh", "en"),
        ("第三", "the third", "zh", "en"),
        ("19世纪", "the 19th century", "zh", "en"),
        ("zwei Söhne", "two sons", "de", "en"),
        ("11. November 1875", "11 November 1875", "de", "en"),
        ("1,08 Millionen", "1.080.000", "de", "de"),
        ("5 de mayo de 1821", "5 May 1821", "es", "en"),
        ("le 26 février 1802", "26 February 1802", "fr", "en"),
        ("1821년 5월 5일", "5 May 1821", "ko", "en"),
    ],
)
def test_figures_of_other_languages_agree(claim: str, page: str, lang: str, page_lang: str) -> None:
    assert agrees(claim, page, lang, page_lang)


@pytest.mark.parametrize(("text", "lang"), [("CO2 and covid19", "en"), ("统一三国十分", "zh"), ("no one knows", "en")])
def test_words_are_no_figures(text: str, lang: str) -> None:
    assert quantities(text, lang) == []
