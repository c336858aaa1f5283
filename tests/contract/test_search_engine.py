"""What every search engine must do, whatever service it asks: against a server on this machine that speaks as the
service does, in good days and bad. All of it goes through `EgressClient`, as in earnest: its addresses, bodies, limits
and faults are what an engine meets."""

import asyncio
import json
import traceback
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from tests.chat_server import Answer
from tests.search_services import CASES, KEY, QUERY, Fault, SearchServer, ServiceCase, hostile, key_of
from tests.worlds import small_world

from fathom.core.errors import ProviderFault, WorldUnavailableFault
from fathom.sandbox.egress.client import EgressClient, EgressConfig
from fathom.world.protocol import Hit
from fathom.world.search.addresses import in_domain, is_page
from fathom.world.search.engine import HttpEngine
from fathom.world.search.local import LocalEngine
from fathom.world.search.protocol import SearchEngine, SearchQuery
from fathom.world.search.registry import SERVICES
from fathom.world.search.rows import SNIPPET_CHARS, TITLE_CHARS

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def client() -> EgressClient:
    """What requests of a run to servers named by its user go through, with the operating system's own sockets."""
    return EgressClient(EgressConfig(scope="private"))


@asynccontextmanager
async def serving(
    case: ServiceCase, *script: Answer, **settings: Any
) -> AsyncIterator[tuple[HttpEngine[Any], SearchServer]]:
    web = client()
    async with SearchServer(case, *script) as server:
        try:
            yield case.engine(web, server.base, **settings), server
        finally:
            await web.close()


async def search(case: ServiceCase, *script: Answer, query: SearchQuery | None = None, **settings: Any) -> Any:
    async with serving(case, *script, **settings) as (engine, _):
        return await engine.search(query or SearchQuery(text=case.query))


async def fault_of(case: ServiceCase, *script: Answer, **settings: Any) -> WorldUnavailableFault:
    with pytest.raises(WorldUnavailableFault) as raised:
        await search(case, *script, **settings)
    assert KEY not in "".join(traceback.format_exception(raised.value)) + raised.value.hint
    assert str(raised.value).startswith(f"{case.name}: "), "a log must say whose fault it is"
    return raised.value


def test_every_service_has_a_case() -> None:
    assert [case.name for case in CASES] == list(SERVICES)


@each_case
async def test_what_is_found_comes_best_first_and_clean(case: ServiceCase) -> None:
    async with serving(case) as (engine, server):
        hits = await engine.search(SearchQuery(text=case.query))
        await engine.close()
    assert (hits[0].url, hits[0].title, hits[0].date) == case.first
    assert 1 < len(hits) <= 10 and len({hit.url for hit in hits}) == len(hits)
    for hit in hits:
        assert hit.url.startswith("https://") and hit.title and hit.source
        assert "<" not in hit.snippet.replace("<and>", "") and "&amp;" not in hit.snippet and "\n" not in hit.title
    assert len(server.requests) == len(case.found)
    assert server.requests[0].fields[case.query_in] == case.asked


@each_case
async def test_the_key_goes_where_the_service_wants_it_and_into_no_address(case: ServiceCase) -> None:
    async with serving(case) as (engine, server):
        await engine.search(SearchQuery(text=case.query))
        shown = f"{engine!r} {vars(engine)!r} {case.config()!r} {case.config().model_dump_json()}"
    for asked in server.requests:
        assert bool(case.key_in) == (key_of(case, asked) == KEY)
        assert not any(form in asked.path for form in (KEY, quote(KEY, safe=""), quote_plus(KEY)))
    assert KEY not in shown


@pytest.mark.parametrize("case", [case for case in CASES if case.key_in], ids=lambda case: case.name)
async def test_a_key_that_comes_back_goes_no_further(case: ServiceCase) -> None:
    said = json.dumps({"error": "x" * 190 + KEY, "message": f"your key {KEY}", "detail": quote(KEY, safe="")}).encode()
    for status in (200, 400, 401, 500):
        fault = await fault_of(case, Answer(said, status))
        assert not any(KEY[:length] in str(fault) for length in range(8, len(KEY))), "not even the beginning of it"
    *before, last = (case.answer(file) for file in case.found)
    echoed = replace(last, body=last.body.replace(b"Ostra", KEY.encode()))
    hits = await search(case, *before, echoed)
    assert hits and KEY not in "".join(hit.model_dump_json() for hit in hits)


@each_case
async def test_no_more_hits_than_asked_for(case: ServiceCase) -> None:
    assert len(await search(case, query=SearchQuery(text=case.query, k=1))) == 1


@each_case
async def test_only_an_empty_list_says_that_nothing_was_found(case: ServiceCase) -> None:
    assert await search(case, case.answer(case.none)) == ()


@each_case
async def test_a_query_of_nothing_asks_nobody_and_finds_nothing_out(case: ServiceCase) -> None:
    async with serving(case) as (engine, server):
        for query in (
            SearchQuery(text=""),
            SearchQuery(text="  \n"),
            SearchQuery(text="\x00\x01"),
            SearchQuery(text="", since="2024-01-01", without_domains=("x.com",)),
        ):
            with pytest.raises(WorldUnavailableFault) as raised:
                await engine.search(query)
            assert raised.value.kind == "rejected"
    assert server.requests == []


@each_case
async def test_the_pages_of_a_domain_are_asked_for_where_that_can_be_done(case: ServiceCase) -> None:
    async with serving(case, case.answer(case.none)) as (engine, server):
        query = SearchQuery(text="", domains=("harbours.example",))
        if engine.traits.domains_alone:
            assert await engine.search(query) == () and len(server.requests) == 1
        else:
            with pytest.raises(WorldUnavailableFault) as raised:
                await engine.search(query)
            assert raised.value.kind == "rejected" and server.requests == []


@each_case
async def test_a_used_up_quota_is_a_limit_with_the_wait_it_asks_for(case: ServiceCase) -> None:
    fault = await fault_of(case, case.answer(case.quota.file, case.quota.status, case.quota.headers))
    assert (fault.kind, fault.retry_after_s) == (case.quota.kind, case.quota.retry_after_s)


@pytest.mark.parametrize("case", [case for case in CASES if case.refused], ids=lambda case: case.name)
async def test_a_wrong_key_is_said_to_be_that(case: ServiceCase) -> None:
    assert case.refused is not None
    async with serving(case, api_key="another-key") as (engine, server):
        with pytest.raises(WorldUnavailableFault) as raised:
            await engine.search(SearchQuery(text=case.query))
    assert raised.value.kind == "unauthorised" and len(server.requests) == 1
    assert raised.value.hint == f"check {SERVICES[case.name].key_variable}"
    assert "another-key" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    ("case", "error"),
    [(case, error) for case in CASES for error in case.errors],
    ids=lambda value: value.name if isinstance(value, ServiceCase) else f"{value.file}-{value.status}",
)
async def test_the_services_own_errors(case: ServiceCase, error: Fault) -> None:
    assert (await fault_of(case, case.answer(error.file, error.status))).kind == error.kind


PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body><p>Please wait ...</p></body></html>"
STATUSES: list[tuple[int, ProviderFault.Kind]] = [
    (401, "unauthorised"), (403, "unauthorised"), (402, "rate_limited"), (429, "rate_limited"), (404, "rejected"),
    (408, "timeout"), (500, "server"), (502, "server"), (503, "server"), (302, "garbage"), (202, "garbage"),
]  # fmt: skip


@each_case
async def test_statuses_mean_the_same_everywhere(case: ServiceCase) -> None:
    for status, kind in STATUSES:
        fault = await fault_of(
            case, Answer(PAGE, status, {"content-type": "text/html", "retry-after": "7"} if status >= 500 else {})
        )
        assert (status, fault.kind) == (status, kind)
        assert fault.retry_after_s == (7.0 if status >= 500 else None)


@each_case
async def test_a_page_in_place_of_a_reply_is_garbage(case: ServiceCase) -> None:
    assert (await fault_of(case, Answer(PAGE, 200, {"content-type": "text/html"}))).kind == "garbage"
    assert (await fault_of(case, Answer(b"", 200))).kind == "garbage"
    assert (await fault_of(case, Answer(b"{}", 200))).kind == "garbage"


@each_case
async def test_a_reply_that_drips_is_not_waited_for(case: ServiceCase) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert (await fault_of(case, case.answer(case.found[0], drip_s=0.05), timeout_s=0.3)).kind == "timeout"
    assert loop.time() - began < 5


@each_case
async def test_half_a_reply_is_known_for_it(case: ServiceCase) -> None:
    whole = case.content(case.found[0])
    assert (await fault_of(case, case.answer(case.found[0], cut=len(whole) // 2))).kind == "truncated"
    # A connection that closes where the length was never told looks whole.
    for share in (0.3, 0.6, 0.95):
        half = case.answer(case.found[0])
        assert (await fault_of(case, replace(half, body=whole[: int(len(whole) * share)]))).kind == "truncated"


@each_case
async def test_a_reply_that_is_too_large_is_not_read(case: ServiceCase) -> None:
    assert (await fault_of(case, max_bytes=100)).kind == "oversized"


@each_case
async def test_encodings_are_read_or_refused(case: ServiceCase) -> None:
    text = case.content(case.found[-1]).decode().replace("UTF-8", "utf-8")
    text = text.replace("northern", "n\u00f6rdlich").replace("Journal", "J\u00f6rnal").replace("Keeper", "K\u00f6per")
    before = [case.answer(file) for file in case.found[:-1]]
    given = case.answer(case.found[-1])
    media_type = given.headers["content-type"].partition(";")[0]
    for encoding, named in (("utf-8-sig", "utf-8"), ("utf-16-le", "utf-16-le"), ("iso-8859-1", "iso-8859-1")):
        typed = {"content-type": f"{media_type}; charset={named}"}
        hits = await search(case, *before, replace(given, body=text.encode(encoding), headers=typed))
        assert (hits[0].url, hits[0].title) == case.first[:2], encoding
    broken = text.encode().replace(b"a", b"\xff\xfe\x81")
    fault = await fault_of(case, *before, replace(given, body=broken))
    assert fault.kind == "garbage"


@each_case
async def test_nobody_there_and_nobody_let_through(case: ServiceCase) -> None:
    web = client()
    async with SearchServer(case) as server:
        gone = server.base
    with pytest.raises(WorldUnavailableFault) as raised:
        await case.engine(web, gone).search(SearchQuery(text=case.query))
    assert raised.value.kind == "refused"
    with pytest.raises(WorldUnavailableFault) as raised:
        await case.engine(web, "https://169.254.169.254/api").search(SearchQuery(text=case.query))
    assert raised.value.kind == "refused" and "169.254" not in str(raised.value) and raised.value.hint
    await web.close()


HOSTILE: list[Any] = [
    None,
    3,
    -1.5,
    True,
    [],
    {},
    "",
    "\ud800 \x00\u202e",
    "x" * 100_000,
    "1" * 5000,
    10**4000,
    "<b" * 5000,
]


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.found[0].endswith(".json")], ids=lambda case: case.name
)
async def test_hostile_values_make_a_fault_or_a_hit_that_is_one(case: ServiceCase) -> None:
    for value in HOSTILE:
        body = json.dumps(hostile(value)(json.loads(case.content(case.found[0])))).encode()
        try:
            hits = await search(case, Answer(body, 200), max_bytes=50_000_000)
        except WorldUnavailableFault as fault:
            assert fault.kind in ("garbage", "mismatch", "rate_limited", "unauthorised", "server")
        else:
            assert hits, "rows came, so it is not that nothing was found"
            for hit in hits:
                assert is_page(hit.url) and 0 < len(hit.title) <= TITLE_CHARS and len(hit.snippet) <= SNIPPET_CHARS


@each_case
async def test_many_searches_at_once_stay_apart(case: ServiceCase) -> None:
    async with serving(case, case.answer(case.found[-1])) as (engine, server):
        queries = [SearchQuery(text=case.query, k=1 + number % 2) for number in range(12)]
        if len(case.found) > 1:  # the first request of each search has an answer of its own
            server.answers = [case.answer(file) for file in case.found for _ in queries]
        found = await asyncio.gather(*(engine.search(query) for query in queries))
    assert [len(hits) for hits in found] == [query.k for query in queries]


@each_case
async def test_a_cancelled_search_ends_at_once(case: ServiceCase) -> None:
    async with serving(case, case.answer(case.found[0], wait_s=3.0)) as (engine, _):
        task = asyncio.create_task(engine.search(SearchQuery(text=case.query)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


ECHOING = {"searxng", "serper", "tavily", "brave", "duckduckgo", "crossref"}


@pytest.mark.parametrize("case", [case for case in CASES if case.name in ECHOING], ids=lambda case: case.name)
async def test_the_reply_to_another_query_is_not_taken(case: ServiceCase) -> None:
    for file in (case.found[0], case.none):
        other = case.content(file).replace(QUERY.encode(), b"another question")
        assert (await fault_of(case, replace(case.answer(file), body=other))).kind == "mismatch"


@asynccontextmanager
async def any_engine(name: str, folder: Path) -> AsyncIterator[tuple[SearchEngine, str]]:
    """An engine with something to find, and the query that finds it."""
    async with AsyncExitStack() as stack:
        if name == "local":
            engine: SearchEngine = LocalEngine(small_world(folder))
            stack.push_async_callback(engine.close)
            yield engine, "film director"
        else:
            case = next(case for case in CASES if case.name == name)
            made, _ = await stack.enter_async_context(serving(case))
            yield made, case.query


@pytest.mark.parametrize("name", [*SERVICES, "local"])
async def test_filters_leave_what_fits_and_never_pretend_that_nothing_is_there(name: str, tmp_path: Path) -> None:
    async with any_engine(name, tmp_path) as (engine, text):
        hits: tuple[Hit, ...] = await engine.search(SearchQuery(text=text))
    assert hits and engine.name
    domain = hits[0].url.split("/")[2] if "://" in hits[0].url else ""
    async with any_engine(name, tmp_path) as (engine, text):
        if domain and name != "wayback":
            kept = await engine.search(SearchQuery(text=text, domains=(domain,)))
            assert kept == tuple(hit for hit in hits if in_domain(hit.url, domain))
    for narrowed in (
        SearchQuery(text=text, domains=("nowhere.example",)),
        SearchQuery(text=text, without_domains=(domain or "x", "example", "org", "com")),
    ):
        async with any_engine(name, tmp_path) as (engine, text):
            if name == "local" and narrowed.without_domains:
                assert await engine.search(narrowed) == hits, "pages of a corpus have no domain"
                continue
            with pytest.raises(WorldUnavailableFault) as raised:
                await engine.search(narrowed)
        assert raised.value.kind in ("rejected", "mismatch")


@pytest.mark.parametrize("name", [*SERVICES, "local"])
async def test_dates_are_passed_on_or_looked_for_in_the_hits(name: str, tmp_path: Path) -> None:
    passed = name != "local" and "dates" in SERVICES[name].passes
    async with any_engine(name, tmp_path) as (engine, text):
        query = SearchQuery(text=text, since="2024-01-01", until="2024-12-31")
        if passed:
            hits = await engine.search(query)
            assert len(hits) > 1, "who was told the dates is believed"
        elif name == "local":
            with pytest.raises(WorldUnavailableFault):
                await engine.search(query)
        else:
            assert [hit.date for hit in await engine.search(query)] == ["2024-03-05"]
