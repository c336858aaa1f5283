"""Operators in queries, locales, and dates as services write them."""

import pytest
from pydantic import ValidationError

from fathom.world.search.dates import iso_day, within
from fathom.world.search.locale import CHINESE, ENGLISH, Locale, locale_of
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.query import parse_query, with_operators


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("salt road", SearchQuery(text="salt road")),
        ("salt site:Example.COM road", SearchQuery(text="salt road", domains=("example.com",))),
        ("a -site:b.org SITE:*.c.de", SearchQuery(text="a", domains=("c.de",), without_domains=("b.org",))),
        ("a site:https://github.com/x/y", SearchQuery(text="a", domains=("github.com",))),
        ("a (site:b.org OR site:c.de) d", SearchQuery(text="a d", domains=("b.org", "c.de"))),
        ("tea OR coffee site:b.org", SearchQuery(text="tea OR coffee", domains=("b.org",))),
        ("a after:2024-02-03 before:2024-03-01", SearchQuery(text="a", since="2024-02-03", until="2024-02-29")),
        ("a after:2024 before:2025/6", SearchQuery(text="a", since="2024-01-01", until="2025-05-31")),
        ("after:2020 after:2022 before:2024 before:2023", SearchQuery(text="", since="2022-01-01", until="2022-12-31")),
        ('"site:b.org is" a', SearchQuery(text='"site:b.org is" a')),
        ("灯塔 site：b.org", SearchQuery(text="灯塔", domains=("b.org",))),
        ("site:münchen.de a", SearchQuery(text="a", domains=("münchen.de",))),
        ("site: after:soon before:2024-13 site:a,b", SearchQuery(text="site: after:soon before:2024-13 site:a,b")),
        ("-after:2020 x", SearchQuery(text="-after:2020 x")),
        ("before:0001 x", SearchQuery(text="before:0001 x")),
        ('a "never closed', SearchQuery(text='a "never closed')),
        ("", SearchQuery(text="")),
    ],
)  # fmt: skip
def test_operators_become_filters(text: str, expected: SearchQuery) -> None:
    assert parse_query(text) == expected


def test_filters_become_operators() -> None:
    query = SearchQuery(
        text="a", since="2024-02-03", until="2024-02-29", domains=("b.org", "c.de"), without_domains=("d.fr",)
    )
    assert with_operators(query) == "a (site:b.org OR site:c.de) -site:d.fr"
    assert with_operators(query, dates=True) == f"{with_operators(query)} after:2024-02-03 before:2024-03-01"
    assert parse_query(with_operators(query, dates=True)) == query
    assert with_operators(SearchQuery(text="", domains=("b.org",))) == "site:b.org"
    assert with_operators(SearchQuery(text="a", until="9999-12-31"), dates=True) == "a"


@pytest.mark.parametrize(
    "wrong",
    [
        {"since": "2024"},
        {"until": "20240101"},
        {"since": "yesterday"},
        {"domains": ("a/b",)},
        {"domains": ("",)},
        {"domains": ("\ud800.com",)},
        {"k": 0},
        {"without_domains": ("https://a.b",)},
    ],
)
def test_a_query_that_no_interface_could_be_told_is_none(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SearchQuery.model_validate({"text": "a", **wrong})
    assert SearchQuery(text="a", domains=(" Example.org. ",)).domains == ("example.org",)


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("salt road film", ENGLISH),
        ("", ENGLISH),
        ("1884 -- ?", ENGLISH),
        ("die Straße nach Köln", ENGLISH),
        ("Ostra 的灯塔", CHINESE),
        ("a long English question about one character 灯", CHINESE),
        ("\u4e00", CHINESE),
        ("\u9fff", CHINESE),
        ("ostra\u3400 lighthouse", ENGLISH),  # outside of the rule's range, and one of many letters
        ("オストラの灯台", Locale("ja", "JP")),
        ("오스트라 등대", Locale("ko", "KR")),
        ("маяк Остры", Locale("ru", "RU")),
        ("منارة أوسترا", Locale("ar", "SA")),
        ("the effect of β-carotene", ENGLISH),
        ("φάρος της Όστρα", Locale("el", "GR")),
    ],
)
def test_the_writing_tells_the_locale(text: str, locale: Locale) -> None:
    assert locale_of(SearchQuery(text=text)) == locale


@pytest.mark.parametrize(
    ("lang", "tag"),
    [
        ("de", "de-DE"),
        ("de-AT", "de-AT"),
        ("pt_BR", "pt-BR"),
        ("ZH", "zh-CN"),
        ("xx", "xx-US"),
        ("zz9!", "en-US"),
    ],
)
def test_a_language_that_was_asked_for_comes_first(lang: str, tag: str) -> None:
    assert locale_of(SearchQuery(text="salt road", lang=lang)).tag == tag


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-03-05T00:00:00Z", "2024-03-05"), ("2024-03-05", "2024-03-05"), ("2024-3", "2024-03"), ("2024", "2024"),
        ("2023/04/12 00:00", "2023-04-12"), ("20240305015032", "2024-03-05"), ("20240305", "2024-03-05"),
        ("2023 Apr 12", "2023-04-12"), ("2023 Apr", "2023-04"), ("2023 Apr-May", "2023-04"),
        ("Mar 5, 2024", "2024-03-05"), ("September 5, 2024", "2024-09-05"), ("5 Mar 2024", "2024-03-05"),
        ("Tue, 05 Mar 2024 10:00:00 GMT", "2024-03-05"), ("3 days ago", ""), ("2024-13-40", ""), ("20241340", ""),
        ("0000", ""), ("Foo 5, 2024", ""), ("", ""), ("202", ""),
        ("2024-02-30", ""), ("  2024-03-05  ", "2024-03-05"), ("١٢٣٤-٠١-٠١", "1234-01-01"),
    ],
)  # fmt: skip
def test_dates(text: str, day: str) -> None:
    assert iso_day(text) == day


def test_a_day_told_in_part_fits_where_it_can() -> None:
    assert within("2024", "2024-06-01", "2024-06-30") and within("2024-06", "2024-06-30", "")
    assert within("2024-06-01", "2024-06-01", "2024-06-01") and within("2024", "", "")
    assert not within("2023", "2024-06-01", "") and not within("2024-07", "", "2024-06-30")
    assert not within("2024-05", "2024-06-01", "") and not within("2025", "", "2024-12-31")
