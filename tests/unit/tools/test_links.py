"""Which links of a page are shown."""

import pytest

from fathom.core.evidence import Page, PageLink
from fathom.core.model import content_hash
from fathom.tools.links import links_in

TEXT = "The lamp was made by Lindqvist. The pier is older. See https://a.example/told too."


def page(*links: PageLink) -> Page:
    return Page(
        url="https://a.example/", title="A", text=TEXT, text_hash=content_hash(TEXT), fetched_at="", links=links
    )


def link(number: int, anchor: str = "pier", start: int = TEXT.index("pier")) -> PageLink:
    return PageLink(url=f"https://a.example/{number}", anchor=anchor, start=start)


def test_links_are_those_in_the_spans_each_once_in_the_order_of_the_page() -> None:
    lamp, pier = link(1, "lamp", TEXT.index("lamp")), link(2)
    shown = page(lamp, pier, pier, link(3, "told", TEXT.index("told")))
    whole = [(0, len(TEXT))]
    assert [found.url[-1] for found in links_in(shown, whole, "x", most=9, chars=9999)] == ["1", "2", "3"]
    assert links_in(shown, [(0, 30)], "x", most=9, chars=9999) == [lamp]
    assert links_in(shown, [(0, 30)], "x", most=0, chars=9999) == []
    assert links_in(shown, [], "x", most=9, chars=9999) == []


def test_of_many_those_nearest_to_the_goal_are_kept() -> None:
    shown = page(*(link(number) for number in range(30)), link(30, "Lindqvist", TEXT.index("Lindqvist")))
    whole = [(0, len(TEXT))]
    assert [found.url[18:] for found in links_in(shown, whole, "Who was Lindqvist?", most=3, chars=9999)] == [
        "0",
        "1",
        "30",
    ]


@pytest.mark.parametrize(
    "unfit",
    [
        PageLink(url="https://a.example/told", anchor="told", start=TEXT.index("told")),
        PageLink(url="ftp://a.example/", anchor="pier", start=TEXT.index("pier")),
        PageLink(url="https://a.example/x y", anchor="pier", start=TEXT.index("pier")),
        PageLink(url="https://a.example/\u202ex", anchor="pier", start=TEXT.index("pier")),
        PageLink(url="https://a.example/x", anchor="", start=TEXT.index("pier")),
        PageLink(url="https://a.example/x", anchor="elsewhere"),
    ],
    ids=["printed", "scheme", "blank", "unseen sign", "no anchor", "not there"],
)
def test_what_is_shown_already_or_is_no_address_is_left_out(unfit: PageLink) -> None:
    assert links_in(page(unfit), [(0, len(TEXT))], "x", most=9, chars=9999) == []


def test_a_link_without_a_place_is_where_its_anchor_stands() -> None:
    assert links_in(page(link(1, start=-1)), [(0, len(TEXT))], "x", most=9, chars=9999) == [link(1, start=-1)]


def test_links_take_no_more_room_than_they_are_given() -> None:
    links = [
        link(number, start=-1).model_copy(update={"anchor": "lamp", "url": f"https://a.example/{number}"})
        for number in range(9)
    ]
    found = links_in(page(*links).model_copy(update={"text": "lamp"}), [(0, 4)], "x", most=9, chars=50)
    assert found == links[:2]  # 23 characters each
