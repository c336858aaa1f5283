"""What each service is asked, and the replies that only it gives."""

import json
from typing import Any

import pytest
from tests.search_services import CASES, KEY, QUERY, Asked, ServiceCase

from fathom.core.errors import WorldUnavailableFault
from fathom.sandbox.egress.protocol import WebReply, WebRequest
from fathom.sandbox.egress.scripted import ScriptedWeb
from fathom.world.protocol import Hit
from fathom.world.search.protocol import SearchQuery

BY_NAME = {case.name: case for case in CASES}
NARROW = SearchQuery(
    text="salt road",
    k=7,
    since="2024-01-02",
    until="2024-03-04",
    domains=("a.org", "b.org"),
    without_domains=("c.org",),
)


def asked(name: str, query: SearchQuery, **settings: Any) -> tuple[WebRequest, dict[str, Any]]:
    """The request that a query makes and its fields, wherever they are."""
    requests: list[WebRequest] = []

    def answer(request: WebRequest) -> WebReply:
        requests.append(request)
        return WebReply(500, request.url, {}, b"")

    case = BY_NAME[name]
    url = settings.pop("url", "https://service.example/api")
    engine = case.engine(ScriptedWeb(answer), url, **settings)
    coroutine = engine.search(query)
    with pytest.raises(WorldUnavailableFault):
        coroutine.send(None)
    request = requests[0]
    seen = Asked(request.url, dict(request.headers), request.body)
    return request, {**request.params, **seen.fields}


def read(case: ServiceCase, content: Any, query: str = QUERY, **settings: Any) -> tuple[Hit, ...]:
    """The hits of a reply."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    engine = case.engine(ScriptedWeb(lambda request: WebReply(200, request.url, {}, body)), **settings)
    try:
        engine.search(SearchQuery(text=query)).send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("a canned reply is there at once")


def loaded(name: str, file: str = "found.json") -> Any:
    return json.loads(BY_NAME[name].content(file))


def test_searxng_is_asked_for_json_in_a_language_and_not_steered() -> None:
    request, fields = asked("searxng", SearchQuery(text="!!g :de <3 ?what 灯塔 !"), url="http://127.0.0.1:8080/")
    assert request.url == "http://127.0.0.1:8080/search" and request.method == "GET"
    assert fields == {"q": "g de 3 ?what 灯塔", "format": "json", "language": "zh-CN", "pageno": "1"}
    _, fields = asked("searxng", NARROW, categories="science")
    assert fields["q"] == "salt road (site:a.org OR site:b.org) -site:c.org" and fields["categories"] == "science"


def test_serper_has_the_released_systems_locales() -> None:
    _, fields = asked("serper", SearchQuery(text="salt road"))
    assert fields == {"q": "salt road", "gl": "us", "hl": "en", "location": "United States"}
    _, fields = asked("serper", SearchQuery(text="奥斯特拉 lighthouse"))
    assert (fields["gl"], fields["hl"], fields["location"]) == ("cn", "zh-cn", "China")
    _, fields = asked("serper", SearchQuery(text="маяк Остры", k=30))
    assert (fields["gl"], fields["hl"], fields["num"]) == ("ru", "ru", 30) and "location" not in fields
    request, fields = asked("serper", NARROW)
    assert request.method == "POST" and fields["tbs"] == "cdr:1,cd_min:1/2/2024,cd_max:3/4/2024" and "num" not in fields


def test_tavily_takes_filters_of_its_own() -> None:
    request, fields = asked("tavily", NARROW)
    assert request.method == "POST" and request.headers["authorization"] == f"Bearer {KEY}"
    assert fields == {
        "query": "salt road", "max_results": 7, "search_depth": "basic", "country": "united states",
        "include_domains": ["a.org", "b.org"], "exclude_domains": ["c.org"], "start_date": "2024-01-02",
        "end_date": "2024-03-04",
    }  # fmt: skip
    assert asked("tavily", SearchQuery(text="", domains=("a.org",), k=99))[1]["query"] == "a.org"
    assert asked("tavily", SearchQuery(text="x", k=99))[1]["max_results"] == 20


def test_brave_knows_some_countries_and_its_own_names_of_languages() -> None:
    _, fields = asked("brave", NARROW)
    assert fields["freshness"] == "2024-01-02to2024-03-04" and fields["count"] == "7"
    assert (fields["country"], fields["search_lang"]) == ("US", "en")
    _, fields = asked("brave", SearchQuery(text="灯塔 " + "w " * 80, since="2024-01-02"))
    assert (fields["country"], fields["search_lang"]) == ("CN", "zh-hans")
    assert len(fields["q"].split()) == 45 and fields["freshness"] == "2024-01-02to2099-12-31"
    _, fields = asked("brave", SearchQuery(text="オストラの灯台"))
    assert (fields["country"], fields["search_lang"]) == ("JP", "jp")
    _, fields = asked("brave", SearchQuery(text="φάρος της Όστρα"))
    assert fields["country"] == "ALL" and "search_lang" not in fields


def test_brave_leaves_out_what_found_nothing() -> None:
    none = loaded("brave", "none.json")
    assert read(BY_NAME["brave"], none) == ()
    for broken in (
        {**none, "type": "other"},
        {**none, "query": {}},
        {**none, "web": {}},
        {**none, "web": {"results": None}},
    ):
        with pytest.raises(WorldUnavailableFault):
            read(BY_NAME["brave"], broken)


def test_exa_is_asked_for_passages_and_whole_days() -> None:
    _, fields = asked("exa", NARROW)
    assert fields["startPublishedDate"] == "2024-01-02T00:00:00.000Z"
    assert fields["endPublishedDate"] == "2024-03-04T23:59:59.999Z"
    assert (fields["includeDomains"], fields["excludeDomains"]) == (["a.org", "b.org"], ["c.org"])
    assert fields["contents"] == {"highlights": {"maxCharacters": 800}} and fields["userLocation"] == "US"
    hits = read(BY_NAME["exa"], loaded("exa"))
    assert hits[0].snippet == "Built in 1884, it stands on the northern coast. ... Its light is seen for 18 miles."
    assert hits[0].score == pytest.approx(0.46001) and (hits[1].score, hits[1].date) == (0.0, "")


def test_duckduckgo_is_asked_as_its_form_asks() -> None:
    request, fields = asked("duckduckgo", NARROW, url="https://html.duckduckgo.com/html/")
    assert request.method == "POST" and request.headers["referer"] == "https://html.duckduckgo.com/html/"
    assert fields["df"] == "2024-01-02..2024-03-04" and fields["kl"] == "us-en" and "site:a.org" in fields["q"]
    assert asked("duckduckgo", SearchQuery(text="灯塔"))[1]["kl"] == "cn-zh"
    assert asked("duckduckgo", SearchQuery(text="x", lang="de"))[1]["kl"] == "de-de"
    assert asked("duckduckgo", SearchQuery(text="オストラの灯台"))[1]["kl"] == "jp-jp"


def test_duckduckgos_advertisements_are_no_hits() -> None:
    hits = read(BY_NAME["duckduckgo"], BY_NAME["duckduckgo"].content("found.html"))
    assert [hit.url for hit in hits] == [
        "https://harbours.example/ostra/lighthouse",
        "https://en.wikipedia.org/wiki/Ostra",
    ]
    assert hits[0].snippet == "Built in 1884, it stands on the northern coast & shines." and hits[1].date == ""


def test_wikipedia_has_an_edition_for_each_language() -> None:
    template = "https://{lang}.wikipedia.org/w/api.php"
    assert asked("wikipedia", SearchQuery(text="灯塔"), url=template)[0].url == "https://zh.wikipedia.org/w/api.php"
    assert asked("wikipedia", SearchQuery(text="x"), url=template)[0].url == "https://en.wikipedia.org/w/api.php"
    assert (
        asked("wikipedia", SearchQuery(text="x"), url=template, lang="de")[0].url
        == "https://de.wikipedia.org/w/api.php"
    )
    _, fields = asked("wikipedia", SearchQuery(text="w" * 200 + " " + "v" * 200, k=3))
    assert fields["srsearch"] == "w" * 200 and fields["srlimit"] == "3", "cut at a word before the limit of 300"
    hits = read(BY_NAME["wikipedia"], loaded("wikipedia"), lang="de")
    assert hits[0].url == "https://de.wikipedia.org/wiki/Ostra_(port)"
    assert hits[0].snippet == "Ostra is a port with 4,200 inhabitants and one lighthouse, built in 1884 & lit by oil"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("the optics of lighthouses", "all:optics AND all:lighthouses"),
        ('"salt road" OR (film: noir)', 'all:"salt road" AND all:film AND all:noir'),
        ("ti:lighthouse AND au:marek", "ti:lighthouse AND au:marek"),
        ("of the", "all:of AND all:the"),
        ("灯塔", "all:灯塔"),
    ],
)
def test_arxiv_joins_words_by_and(text: str, wanted: str) -> None:
    assert asked("arxiv", SearchQuery(text=text))[1]["search_query"] == wanted
    _, fields = asked("arxiv", SearchQuery(text=text, since="2024-01-02"))
    assert fields["search_query"] == f"({wanted}) AND submittedDate:[202401020000 TO 209912312359]"


def test_arxiv_believes_no_feed_that_contradicts_itself() -> None:
    none = BY_NAME["arxiv"].content("none.xml")
    assert read(BY_NAME["arxiv"], none) == ()
    for broken in (
        none.replace(b">0</opensearch:total", b">5</opensearch:total"),
        b"<feed/>",
        b"<feed xmlns='http://www.w3.org/2005/Atom'/>",
    ):
        with pytest.raises(WorldUnavailableFault) as raised:
            read(BY_NAME["arxiv"], broken)
        assert raised.value.kind == "garbage"


def test_entities_are_not_expanded() -> None:
    bomb = (
        b'<!DOCTYPE f [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><feed xmlns="http://www.w3.org/2005/Atom">&b;</feed>'
    )
    with pytest.raises(WorldUnavailableFault) as raised:
        read(BY_NAME["arxiv"], bomb)
    assert raised.value.kind == "garbage"


def test_openalex_abstracts_are_put_together_from_their_index() -> None:
    hits = read(BY_NAME["openalex"], loaded("openalex"))
    assert hits[0].snippet == "We measure the lens of a lighthouse the"
    assert hits[1].url == "https://openalex.org/W99" and hits[1].snippet == ""
    request, fields = asked("openalex", NARROW, contact="me@example.org")
    assert fields["filter"] == "from_publication_date:2024-01-02,to_publication_date:2024-03-04"
    assert fields["mailto"] == "me@example.org" and request.headers["authorization"] == f"Bearer {KEY}"


def test_semantic_scholar_takes_open_ranges_and_no_hyphens() -> None:
    _, fields = asked("semantic_scholar", SearchQuery(text="multi-hop search", until="2024-03-04"))
    assert fields["query"] == "multi hop search" and fields["publicationDateOrYear"] == ":2024-03-04"
    assert read(BY_NAME["semantic_scholar"], loaded("semantic_scholar"))[1].date == "2023"
    for broken in ({"total": 5, "offset": 0}, {"offset": 0}, {"total": False}, {"total": 0, "data": {}}):
        with pytest.raises(WorldUnavailableFault):
            read(BY_NAME["semantic_scholar"], broken)


def test_crossref_dates_may_be_years_and_abstracts_are_markup() -> None:
    hits = read(BY_NAME["crossref"], loaded("crossref"))
    assert [hit.date for hit in hits] == ["2024-03-05", "2023", ""]
    assert hits[0].snippet == "We measure the lens of a lighthouse." and hits[1].snippet == "Annals of Ports & Harbours"
    assert hits[2].title == "https://doi.org/10.5555/undated"
    _, fields = asked("crossref", NARROW)
    assert fields["filter"] == "from-pub-date:2024-01-02,until-pub-date:2024-03-04" and "mailto" not in fields


def test_pubmed_asks_for_ids_and_then_for_what_they_are() -> None:
    case = BY_NAME["pubmed"]
    replies = [case.content("found.json"), case.content("summary.json")]
    web = ScriptedWeb(lambda request: WebReply(200, request.url, {}, replies[len(web.asked) - 1]))
    with pytest.raises(StopIteration) as done:
        case.engine(web, "https://eutils.example/eutils", contact="me@example.org").search(
            NARROW.model_copy(update={"domains": ()})
        ).send(None)
    assert [request.url.rpartition("/")[2] for request in web.asked] == ["esearch.fcgi", "esummary.fcgi"]
    assert b"mindate=2024%2F01%2F02" in web.asked[0].body and b"datetype=pdat" in web.asked[0].body
    assert b"id=38441884%2C37961116" in web.asked[1].body and b"email=me%40example.org" in web.asked[1].body
    assert done.value.value[0].snippet == "Marek I, Rossi C. J Coast Light. 2024 Mar 5. doi: 10.5555/ostra.1884"


def test_pubmed_ids_that_lead_nowhere_and_loops() -> None:
    case = BY_NAME["pubmed"]
    with pytest.raises(WorldUnavailableFault) as raised:
        read(case, loaded("pubmed"))  # a search again in place of the summaries
    assert raised.value.kind == "garbage"
    for broken in ({"count": "5", "idlist": []}, {"count": "0", "idlist": ["x"]}, {"count": "0"}, {"idlist": []}):
        with pytest.raises(WorldUnavailableFault):
            read(case, {"esearchresult": broken})
    summary = loaded("pubmed", "summary.json")
    summary["result"]["38441884"] = {"uid": "38441884", "error": "cannot get document summary"}
    assert [hit.url for hit in read(case, summary)] == ["https://pubmed.ncbi.nlm.nih.gov/37961116/"]


def test_github_searches_repositories_or_code() -> None:
    request, fields = asked("github", SearchQuery(text="lamp " + "w" * 300), url="https://api.github.com/search")
    assert request.url == "https://api.github.com/search/repositories" and fields["q"] == "lamp"
    assert asked("github", SearchQuery(text="x"), kind="code")[0].url.endswith("/code")
    assert read(BY_NAME["github"], loaded("github"))[0].snippet == (
        "Keeper's log of the Ostra lighthouse · Python · 1884 stars · lighthouse, logs"
    )
    code = read(BY_NAME["github"], loaded("github", "code.json"), kind="code")
    assert code[0].title == "harbour/ostra-lighthouse: src/lamp.py"
    assert code[0].snippet == "def lighthouse(): return 'ostra'"


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (SearchQuery(text="example.org"), {"url": "example.org", "matchType": "domain"}),
        (SearchQuery(text="https://example.org/a/b?c=1 x"), {"url": "example.org/a/b?c=1", "matchType": "prefix"}),
        (
            SearchQuery(text="Salt road", domains=("example.org",), since="2020-01-02"),
            {"url": "example.org", "from": "20200102"},
        ),
    ],
)
def test_wayback_looks_under_an_address(query: SearchQuery, wanted: dict[str, str]) -> None:
    request, fields = asked("wayback", query)
    assert {name: fields[name] for name in wanted} == wanted
    assert "filter=statuscode%3A200" in request.url
    assert ("filter=urlkey%3A.%2Asalt.%2A" in request.url) == ("Salt" in query.text)


def test_wayback_cannot_be_asked_about_words() -> None:
    engine = BY_NAME["wayback"].engine(ScriptedWeb(lambda request: WebReply(200, request.url, {}, b"[]")))
    with pytest.raises(WorldUnavailableFault) as raised:
        engine.search(SearchQuery(text="salt road film")).send(None)
    assert raised.value.kind == "rejected" and "site:" in raised.value.hint
    for broken in ({}, [["timestamp"]], [["original", "timestamp"], ["x", "not a stamp"]], [[]]):
        with pytest.raises(WorldUnavailableFault):
            read(BY_NAME["wayback"], broken, "example.org")


@pytest.mark.parametrize(
    ("status", "headers", "wait_s"),
    [
        (500, {"x-ratelimit-remaining": "1, 1985", "x-ratelimit-reset": "1, 1419704"}, None),
        (500, {"x-ratelimit-reset": "1, 1419704"}, None),
        (429, {"x-ratelimit-remaining": "1, 1985", "x-ratelimit-reset": "1, 1419704"}, None),
        (429, {"x-ratelimit-remaining": "0, 0", "x-ratelimit-reset": "1, 1419704"}, 1419704.0),
        (429, {"x-ratelimit-remaining": "1, 0", "x-ratelimit-reset": "1, 60"}, 60.0),
        (429, {"x-ratelimit-reset": "60"}, 60.0),
        (500, {"x-ratelimit-remaining": "1", "x-ratelimit-reset": "9", "retry-after": "7"}, 7.0),
    ],
)
def test_only_the_reset_of_a_limit_that_is_used_up_is_waited_for(
    status: int, headers: dict[str, str], wait_s: float | None
) -> None:
    engine = BY_NAME["brave"].engine(ScriptedWeb(lambda request: WebReply(status, request.url, headers, b"")))
    with pytest.raises(WorldUnavailableFault) as raised:
        engine.search(SearchQuery(text="x")).send(None)
    assert raised.value.retry_after_s == wait_s


def test_who_indexes_the_web_and_whose_further_hits_are_paid_for() -> None:
    traits = {name: case.engine(ScriptedWeb(lambda request: None)).traits for name, case in BY_NAME.items()}  # type: ignore[arg-type, return-value]
    general = {"searxng", "serper", "tavily", "brave", "exa", "duckduckgo"}
    assert {name for name, found in traits.items() if found.general} == general
    assert {name for name, found in traits.items() if found.domains_alone} == general | {"wayback"}
    assert {name: found.cheap_k for name, found in traits.items() if found.cheap_k} == {"serper": 10, "exa": 10}
    assert "num" not in asked("serper", SearchQuery(text="x", k=10))[1]


def test_what_no_interface_is_told_is_asked_for_in_plenty() -> None:
    assert asked("wikipedia", SearchQuery(text="x", k=10, since="2024-01-02"))[1]["srlimit"] == "30"
    assert asked("crossref", SearchQuery(text="x", k=10, since="2024-01-02"))[1]["rows"] == "10"
    assert asked("crossref", SearchQuery(text="x", k=10, domains=("a.org",)))[1]["rows"] == "30"
    assert asked("crossref", SearchQuery(text="x", k=90, domains=("a.org",)))[1]["rows"] == "100"
