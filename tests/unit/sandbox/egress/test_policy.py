"""What addresses mean, and which are refused."""

import pytest

from fathom.bench.ssrf_forms import HOST, good, hostile
from fathom.core.errors import AccessDeniedError
from fathom.sandbox.egress.policy import join, target_of


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("http://a.example", "http://a.example/"),
        ("HTTPS://A.Example:443/B?C#d", "https://a.example/B?C"),
        ("http://a.example.:8080/", "http://a.example:8080/"),
        ("http://a.example:/x", "http://a.example/x"),
        ("http://a.example?q", "http://a.example/?q"),
        ("http://a.example/a b/ü?ß=1 2", "http://a.example/a%20b/%C3%BC?%C3%9F=1%202"),
        ("http://a.example/a/./b/../c/%2E%2e/d/..", "http://a.example/a/"),
        ("http://a.example/../../x", "http://a.example/x"),
        ("http://a.example/%zz%41", "http://a.example/%zz%41"),
        ("https://MÜNCHEN.example/", "https://xn--mnchen-3ya.example/"),
        ("https://ｅｘ。example/", "https://ex.example/"),
        ("http://[2606:4700:0:0::1111]:8080/", "http://[2606:4700::1111]:8080/"),
    ],
)
def test_an_address_is_read_into_its_one_form(url: str, read: str) -> None:
    assert target_of(url, "public").url == read


def test_parameters_join_the_query() -> None:
    target = target_of("http://a.example/s?x=1", "public", {"q": "ü &", "n": "2"})
    assert target.path == "/s?x=1&q=%C3%BC+%26&n=2"


def test_hostile_addresses_are_refused_or_left_to_what_their_host_resolves_to() -> None:
    for form in hostile():
        try:
            target = target_of(form.url, form.scope)
        except AccessDeniedError as error:
            assert str(error).startswith("this address may not be opened: ") and len(str(error)) < 200
        else:
            assert target.host == HOST and target.address is None, form


def test_ordinary_addresses_are_read() -> None:
    for form in good():
        target = target_of(form.url, form.scope)
        assert target_of(target.url, form.scope) == target, form


def test_a_refusal_names_no_host() -> None:
    for url in ("http://10.9.8.7/", "http://secret.internal/", "http://user:word@secret.example/"):
        with pytest.raises(AccessDeniedError) as caught:
            target_of(url, "public")
        assert "10.9" not in str(caught.value) and "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "leads"),
    [
        ("/x", "http://a.example/x"),
        ("?y", "http://a.example/b/c?y"),
        ("//b.example/", "http://b.example/"),
        ("https://b.example/", "https://b.example/"),
    ],
)
def test_locations_are_seen_from_the_page(location: str, leads: str) -> None:
    assert join("http://a.example/b/c", location) == leads


@pytest.mark.parametrize("location", ["http://[", "ht\ttp://b.example/", "/a\r\nX: y", "/\ud800", "/" + "a" * 9000])
def test_locations_that_lead_nowhere(location: str) -> None:
    with pytest.raises(AccessDeniedError):
        join("http://a.example/", location)
