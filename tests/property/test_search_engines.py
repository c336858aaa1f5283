"""Whatever a service sends and whatever is asked: hits that are some, or the one typed fault."""

import json
import random
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.mutations import mutate
from tests.search_services import CASES, KEY, NOW, ServiceCase

from fathom.core.errors import WorldUnavailableFault
from fathom.sandbox.egress.protocol import WebReply
from fathom.sandbox.egress.scripted import ScriptedWeb
from fathom.world.protocol import Hit
from fathom.world.search.addresses import canonical_url, host_of, in_domain, is_page
from fathom.world.search.dates import iso_day, within
from fathom.world.search.duplicates import TidyConfig, clusters, tidy
from fathom.world.search.locale import locale_of
from fathom.world.search.markup import one_line, plain, tags
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.query import parse_query, with_operators
from fathom.world.search.reply import content_of
from fathom.world.search.rows import SNIPPET_CHARS, TITLE_CHARS

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)

ANY = st.characters()  # lone surrogates too
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(ANY, max_size=20)
NAMES = st.sampled_from(
    "results organic web data items message query search esearchresult idlist result uids error errors url link title"
    " content type total count original timestamp meta q".split()
) | st.text(max_size=5)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4))
PATHS = ["/", "/a", "/amp", ".amp", ".html", "/%41", "/%zz", "/c/s/b.org", "/%63/s/b.org", "/amp/s/b.org", "/\u00e4"]
ADDRESSES = st.builds(
    "{}://{}{}{}{}{}".format,
    st.sampled_from(["http", "https", "HTTPS"]),
    st.sampled_from(["a.org", "www.a.org", "m.www.a.org", "en.m.b.org", "GOOGLE.com", "x.cdn.ampproject.org", "[::1]"]),
    st.sampled_from(["", ":80", ":443", ":8443", ":x"]),
    st.lists(
        st.sampled_from(["/", "/a", "/amp", ".amp", ".html", "/%41", "/%zz", "/c/s/b.org", "/\u00e4"]), max_size=4
    ).map("".join),
    st.sampled_from(["", "?", "?a=1&b", "?utm_id=2&a=+", "?amp", "?%ff=\u00e4"]),
    st.sampled_from(["", "#", "#part", "#!/x"]),
)


def done(coroutine: Coroutine[Any, Any, tuple[Hit, ...]]) -> tuple[Hit, ...]:
    """What a coroutine gives that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("a canned reply is there at once")


def read(case: ServiceCase, body: bytes, text: str = "", status: int = 200) -> tuple[Hit, ...] | str:
    """The hits of a reply of these bytes, or the kind of the fault. Anything else is an error of this test."""
    engine = case.engine(ScriptedWeb(lambda request: WebReply(status, request.url, {}, body)))
    try:
        hits = done(engine.search(SearchQuery(text=text or case.query)))
    except WorldUnavailableFault as fault:
        assert KEY not in str(fault) and "\n" not in str(fault)
        return fault.kind
    for hit in hits:
        assert is_page(hit.url) and 0 < len(hit.title) <= TITLE_CHARS and len(hit.snippet) <= SNIPPET_CHARS
        assert hit.date in ("", iso_day(hit.date)) and hit.model_dump_json()
    assert len({hit.url for hit in hits}) == len(hits) <= 10
    return hits


@each_case
@given(
    st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([200, 200, 200, 403, 429, 500]),
)
@settings(max_examples=60)
def test_any_reply_is_hits_or_the_fault(case: ServiceCase, body: bytes, status: int) -> None:
    read(case, body, status=status)


@each_case
@given(st.integers(0, 2**32), st.data())
@settings(max_examples=60)
def test_any_damage_to_a_real_reply_is_hits_or_the_fault(case: ServiceCase, seed: int, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from([*case.found, case.none]))
    read(case, mutate(case.content(file), random.Random(seed)))


@each_case
@given(st.data())
@settings(max_examples=40)
def test_no_beginning_of_a_reply_passes_for_one(case: ServiceCase, data: st.DataObject) -> None:
    for file in (case.found[-1], case.none):
        whole = case.content(file).rstrip()
        cut = data.draw(st.integers(1, max(1, len(whole) - 1)))
        assume(cut < len(whole))
        begun = whole[:cut]
        enough = case.name != "duckduckgo" or b"<html" in begun
        assert read(case, begun) == "truncated" or (not enough and read(case, begun) == "garbage")


@given(st.text(ANY, max_size=300), st.integers(1, 200), st.sampled_from(CASES))
@settings(max_examples=300)
def test_any_query_can_be_asked(text: str, k: int, case: ServiceCase) -> None:
    assert isinstance(read(case, b"", text or "x", status=500), str)
    query = parse_query(text, k=k)
    engine = case.engine(ScriptedWeb(lambda request: WebReply(503, request.url, {}, b"")))
    with pytest.raises(WorldUnavailableFault) as raised:
        done(engine.search(query))
    assert raised.value.kind in ("server", "rejected")


LIMITS = ["retry-after", "x-ratelimit-reset", "x-ratelimit-remaining", "content-type"]
HEADER = st.text(max_size=20) | st.lists(st.sampled_from(["0", "1", "1773686005", "-1", "x", "9" * 20])).map(", ".join)


@given(
    st.integers(100, 599),
    st.dictionaries(
        st.sampled_from(["retry-after", "x-ratelimit-reset", "x-ratelimit-remaining", "content-type"]),
        HEADER,
        max_size=4,
    ),
    st.binary(max_size=100),
    st.sampled_from(["json", "xml", "html"]),
)
def test_any_status_and_headers(status: int, headers: dict[str, str], body: bytes, form: Any) -> None:
    try:
        content_of(WebReply(status, "https://a.org", headers, body), form, now=lambda: NOW)
    except WorldUnavailableFault as fault:
        assert fault.retry_after_s is None or 0 <= fault.retry_after_s < float("inf")
    else:
        assert status == 200


WORDS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)
OPERATORS = st.sampled_from(
    'site: -site: after: before: OR ( ) " site:a.org after:2024 before:2024-02-30 -site:b.de (site:a.org'.split()
)


@given(st.lists(WORDS | OPERATORS, max_size=12).map(" ".join) | st.text(ANY, max_size=200))
@settings(max_examples=300)
def test_operators_are_read_from_any_text_and_written_back(text: str) -> None:
    query = parse_query(text)
    again = parse_query(query.text)
    if again.text == query.text and not again.domains:  # else taking one operator out has made another
        assert parse_query(with_operators(query, dates=True)) == query or '"' in query.text or query.text.endswith("OR")


HOSTS = st.sampled_from("a.org b.de c.co.uk m\u00fcnchen.de x-y.com d".split())
DAYS = st.dates().map(lambda day: day.isoformat())


@given(
    st.lists(st.text("ab09\u00e4\u706f", min_size=1, max_size=6), max_size=5).map(" ".join),
    st.lists(HOSTS, max_size=3, unique=True),
    st.lists(HOSTS, max_size=3, unique=True),
    st.just("") | DAYS,
    st.just("") | DAYS,
)
def test_a_query_survives_being_written(
    text: str, wanted: list[str], unwanted: list[str], since: str, until: str
) -> None:
    query = SearchQuery(text=text, domains=tuple(wanted), without_domains=tuple(unwanted), since=since, until=until)
    assume(until < "9999")
    assert parse_query(with_operators(query, dates=True)) == query


@given(st.text(ANY, max_size=80), st.text(ANY, max_size=8))
def test_locales_and_dates_of_any_text(text: str, lang: str) -> None:
    locale = locale_of(SearchQuery(text=text, lang=lang))
    assert len(locale.lang) == len(locale.country) == 2
    if any("\u4e00" <= char <= "\u9fff" for char in text) and locale_of(SearchQuery(text=text)).lang not in (
        "ja",
        "ko",
    ):
        assert locale_of(SearchQuery(text=text)).is_chinese
    day = iso_day(text)
    assert iso_day(day) == day and len(day) in (0, 4, 7, 10)


@given(DAYS, DAYS, st.sampled_from([4, 7, 10]))
def test_a_whole_day_is_within_its_own_parts(day: str, other: str, length: int) -> None:
    first, last = sorted((day, other))
    assert within(first[:length], first, last) and within(last[:length], first, last)


@given(
    st.text(ANY, max_size=60)
    | ADDRESSES
    | st.text(max_size=30).map(lambda rest: f"https://www.google.com/amp/s/{rest}")
)
@settings(max_examples=300)
def test_canonical_addresses_of_anything(url: str) -> None:
    once = canonical_url(url)
    assert canonical_url(once) == once
    assert isinstance(host_of(url), str) and isinstance(is_page(url), bool) and not in_domain(url, "")


WEB = ["https://a.org/1", "http://www.a.org/1?utm_id=2", "https://a.org/2", "https://b.org/1", "wiki/x"]
LONG = "one two three four five six seven eight nine ten eleven twelve"
SMALL = st.lists(
    st.builds(
        Hit,
        url=st.sampled_from(WEB) | ADDRESSES,
        title=st.sampled_from(["A lighthouse", "Another"]),
        snippet=st.sampled_from(["", LONG, f"{LONG} thirteen"]) | st.text(max_size=40),
    ),
    max_size=8,
)


@given(SMALL, st.integers(1, 9), st.integers(0, 3))
def test_tidying_invents_and_reorders_nothing(hits: list[Hit], k: int, per_domain: int) -> None:
    groups = clusters(hits)
    assert sorted(hit.model_dump_json() for group in groups for hit in group) == sorted(
        hit.model_dump_json() for hit in hits
    )
    kept = tidy(hits, k, TidyConfig(per_domain=per_domain))
    remaining = iter(hits)
    assert all(any(hit is item for item in remaining) for hit in kept), "in order, each from the list"
    assert len(kept) <= k and len({canonical_url(hit.url) for hit in kept}) == len(kept)
    assert bool(kept) == bool(hits)
    hosts = [host_of(hit.url) for hit in kept if host_of(hit.url)]
    assert not per_domain or all(hosts.count(host) <= per_domain for host in hosts)


@given(
    st.text(max_size=100)
    | st.lists(st.sampled_from(["<", ">", "a", " class=", '"x y"', "</", "&lt;", "'", "="])).map("".join)
)
def test_markup_of_any_text(text: str) -> None:
    for tag in tags(text):
        assert tag.name == tag.name.lower() and isinstance(tag.attribute("class"), str) and len(tag.classes) >= 0
    assert isinstance(plain(text), str)
    line = one_line(text, 20)
    assert len(line.encode().decode()) <= 20 and line.split() == [word for word in line.split(" ") if word]


def test_large_hostile_markup_is_read_in_linear_time() -> None:
    for piece in ("<", "<a ", "<a href='", '<a class="', "<div>", "&amp", "<a b=c ", "=\t"):
        page = piece * (200_000 // len(piece))
        for tag in tags(page):
            assert not tag.classes or tag.name
        plain(page)
