"""When two addresses are one page, when two hits are one text, and how a list is made short and varied."""

import pytest

from fathom.world.protocol import Hit
from fathom.world.search.addresses import canonical_url, host_of, in_domain, is_page
from fathom.world.search.duplicates import TidyConfig, clusters, tidy

NEWS = (
    "The oil lamp of the lighthouse of Ostra went out for the last time on Monday after 139 years of service, the"
    " harbour office said, and was replaced by an electric one."
)

OTHER = "Another text that has nothing in common with the first one at all, hardly a word of it."


@pytest.mark.parametrize(
    "url",
    [
        "http://www.example.org/a/b?x=1&y=2",
        "https://example.org:443/a/b/?y=2&x=1#part",
        "https://m.example.org/a/b?x=1&utm_source=news&y=2&gclid=7&fbclid=z",
        "https://EXAMPLE.org/a/b?x=1&y=2&utm_medium=mail&mc_eid=3",
        "https://example.org/a/b/amp?x=1&y=2",
        "https://example.org/a/b.amp?x=1&y=2",
        "https://amp.example.org/a/b/amp/?x=1&y=2&amp=1",
        "https://www.google.com/amp/s/example.org/a/b?x=1&y=2",
        "https://example-org.cdn.ampproject.org/c/s/example.org/a/b?x=1&y=2",
        "https://example.org/a/%62?x=1&y=2",
        "http://example.org:80/a/b/?y=2&x=1&msclkid=1&_ga=2",
    ],
)
def test_forms_of_one_address(url: str) -> None:
    assert canonical_url(url) == "https://example.org/a/b?x=1&y=2"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.org/a", "https://example.org/b"),
        ("https://example.org/a?id=1", "https://example.org/a?id=2"),
        ("https://example.org/a?gid=1", "https://example.org/a"),
        ("https://example.org/a?page=", "https://example.org/a"),
        ("https://example.org/A", "https://example.org/a"),
        ("https://example.org/a%2Fb", "https://example.org/a/c"),
        ("https://example.org/camp", "https://example.org/c"),
        ("https://de.wikipedia.org/wiki/A", "https://en.wikipedia.org/wiki/A"),
        ("https://example.org:8443/a", "https://example.org/a"),
        ("https://example.org/#!/a", "https://example.org/#!/b"),
        ("https://blog.example.org/", "https://example.org/"),
        ("https://m.com/a", "https://com/a"),
    ],
)
def test_addresses_that_lead_to_different_pages(one: str, other: str) -> None:
    assert canonical_url(one) != canonical_url(other)


def test_mobile_hosts_of_wikipedia_and_what_is_no_address() -> None:
    assert canonical_url("https://de.m.wikipedia.org/wiki/Ostra") == canonical_url(
        "http://de.wikipedia.org/wiki/Ostra/"
    )
    assert host_of("https://WWW.Example.org./a") == "example.org" and host_of("wiki/Ostra") == ""
    for same in ("wiki/Ostra", "", "https://[bad", "mailto:a@b.org", "ftp://a.org/x", "https://"):
        assert canonical_url(same) == same


def test_domains_stand_for_their_subdomains_and_for_archived_copies() -> None:
    assert in_domain("https://www.Example.org/a", "example.org") and in_domain("https://a.b.example.org", "example.org")
    assert in_domain("https://en.m.wikipedia.org/wiki/A", "en.wikipedia.org")
    assert in_domain("https://xn--mnchen-3ya.de/a", "m\u00fcnchen.de") and in_domain(
        "https://www.M\u00dcNCHEN.de", "xn--mnchen-3ya.de"
    )
    assert in_domain("https://web.archive.org/web/20240305015032/http://www.example.org:80/a", "example.org")
    assert in_domain("https://web.archive.org/web/20240305015032/example.org/a", "archive.org")
    for url in ("https://notexample.org/", "https://example.org.evil.net/", "wiki/Ostra"):
        assert not in_domain(url, "example.org") and not in_domain(url, "")


def test_addresses_of_pages() -> None:
    good = "https://example.org http://example.org:8080/a?b#c https://[2001:db8::1]/a https://m\u00fcnchen.de/\u00e4".split()
    assert all(is_page(url) for url in good)
    bad = ["", "https://example.org/a b", "https://example.org/\n", "https://example.org/" + "a" * 3000]
    bad += "example.org ftp://example.org https:// https://user:pass@example.org/ javascript:alert(1) https://[bad/".split()
    assert not any(is_page(url) for url in bad)


def hit(url: str, title: str = "", snippet: str = "") -> Hit:
    return Hit(url=url, title=title or url, snippet=snippet)


def test_clusters_hold_every_hit_once_in_the_order_of_their_first() -> None:
    hits = (
        hit("https://a.example/1", "Ostra's lamp", NEWS),
        hit("https://b.example/2", "Something else", OTHER),
        hit("http://www.a.example/1?utm_source=x", "Ostra's lamp (mobile)"),
        hit("https://agency.example/77", "Ostra's lamp", NEWS.replace("on Monday", "Monday")),
        hit("https://b.example/2#top", "Something else again"),
    )
    assert clusters(hits) == ((hits[0], hits[2], hits[3]), (hits[1], hits[4]))
    assert clusters(()) == ()


def test_one_hit_can_join_two_clusters() -> None:
    hits = (hit("https://a.example/1", "T", NEWS), hit("https://b.example/2"), hit("https://b.example/2/", "T", NEWS))
    assert clusters(hits) == (hits,)


def test_short_texts_are_not_compared_by_their_words() -> None:
    hits = (
        hit("https://a.example/", "Home", "Welcome to our page"),
        hit("https://b.example/", "Home", "Welcome to our page"),
    )
    assert len(clusters(hits)) == 2


def test_chinese_texts_are_compared_by_pairs_of_characters() -> None:
    text = "奥斯特拉灯塔的油灯在服役一百三十九年后于周一最后一次熄灭港务局表示已改用电灯"
    hits = (
        hit("https://a.example/1", "灯塔", text),
        hit("https://b.example/2", "灯塔", text + "。"),
        hit("https://c.example/3", "港口", text[::-1]),
    )
    assert [len(group) for group in clusters(hits)] == [2, 1]


def test_tidy_keeps_the_first_of_each_and_not_too_many_of_one_host() -> None:
    hits = tuple(hit(f"https://{host}.example/{number}") for number in range(3) for host in ("a", "www.a", "b"))
    assert tidy(hits, 10) == tuple(item for item in hits if "www" not in item.url)
    assert [item.url for item in tidy(hits, 3, TidyConfig(per_domain=1))] == [
        "https://a.example/0",
        "https://b.example/0",
    ]
    assert len(tidy(hits, 2)) == 2
    pages = (hit("wiki/A"), hit("wiki/B"))
    assert tidy(pages, 5, TidyConfig(per_domain=1)) == pages, "a corpus has no hosts"
