"""The reader service: replies in the shapes it really sends, and what becomes of those that are no page."""

import json
from typing import Any

import pytest
from tests.worlds import NOON

from fathom.core.errors import AccessDeniedError, PageNotFoundError, ProviderFault, WorldUnavailableFault
from fathom.sandbox.egress.client import EgressClient, EgressConfig
from fathom.sandbox.egress.protocol import WebReply, WebRequest
from fathom.sandbox.egress.scripted import ScriptedConnector, ScriptedResolver, ScriptedWeb
from fathom.world.reader.protocol import PageFault
from fathom.world.reader.service import ServiceReader, ServiceReaderConfig

PAGE = {
    "title": "Ostra",
    "description": "",
    "url": "https://a.example/ostra",
    "content": "# Ostra\n\nA port with one lighthouse\u200b.",
    "links": {"the coast": "https://a.example/coast", "mail": "mailto:x@y.example"},
    "usage": {"tokens": 9},
}


def reader(status: int, body: Any, key: str = "", **headers: str) -> tuple[ServiceReader, ScriptedWeb]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    web = ScriptedWeb(lambda request: WebReply(status, request.url, headers, data))
    config = ServiceReaderConfig.model_validate({"base_url": "https://r.example/", "api_key": key, "chars": 1000})
    return ServiceReader(web, config, clock=lambda: NOON), web


def wrapped(**data: Any) -> dict[str, Any]:
    return {"code": 200, "status": 20000, "data": {**PAGE, **data}}


async def test_the_address_is_appended_and_the_key_sent() -> None:
    made, web = reader(200, wrapped(), "secret")
    got = await made.read("https://A.example/ostra?x=1&y=ü#part")
    assert web.asked[0].url == "https://r.example/https://a.example/ostra?x=1&y=%C3%BC"
    assert (
        web.asked[0].headers["authorization"] == "Bearer secret"
        and web.asked[0].headers["accept"] == "application/json"
    )
    assert got.page.url == "https://A.example/ostra?x=1&y=ü#part" and got.page.title == "Ostra"
    assert got.page.text == "# Ostra\n\nA port with one lighthouse." and got.page.fetched_at == NOON
    assert [(link.url, link.anchor) for link in got.links] == [("https://a.example/coast", "the coast")]


async def test_no_key_is_no_header_and_links_may_be_pairs() -> None:
    made, web = reader(200, wrapped(links=[["a", "https://a.example/"], ["b", 3]], content="x" * 5000))
    got = await made.read("https://a.example/")
    assert "authorization" not in web.asked[0].headers
    assert [link.url for link in got.links] == ["https://a.example/"] and len(got.page.text) == 1000


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://intranet/", "file://a.example/x", "http://u:p@a.example/", "http://10.0.0.1/"]
)
async def test_addresses_inside_are_not_told_to_the_service(url: str) -> None:
    made, web = reader(200, wrapped())
    with pytest.raises(AccessDeniedError):
        await made.read(url)
    assert web.asked == []


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://10.0.0.1/", "https://inside.example/x"])
async def test_what_only_the_service_may_not_have_is_of_other_readers_to_open(url: str) -> None:
    site = Outward()
    site.reader = ServiceReader(site.service, ServiceReaderConfig(wider=True), outward=site.outward)
    with pytest.raises(PageFault) as caught:
        await site.reader.read(url)
    assert caught.value.kind == "rejected" and site.service.asked == []


async def test_anchors_are_of_one_line_and_hold_nothing_unseen() -> None:
    links = {"the\u200bcoast\n and more": "https://a.example/coast"}
    (link,) = (await reader(200, wrapped(links=links))[0].read("https://a.example/")).links
    assert link.anchor == "thecoast and more"


@pytest.mark.parametrize("at", ["http://169.254.169.254/ostra", "http://10.0.0.1/ostra", "http://localhost/ostra"])
async def test_a_page_that_the_service_was_led_to_inside_is_not_taken(at: str) -> None:
    with pytest.raises(AccessDeniedError):
        await reader(200, wrapped(url=at))[0].read("https://a.example/ostra")


class Outward:
    """A service, and this machine's own way out, which knows some names and is never used for a page."""

    def __init__(self, **page: str) -> None:
        names = {"a.example": [["93.184.215.14"]], "inside.example": [["93.184.215.14", "10.0.0.7"]]}
        self.connector = ScriptedConnector({})
        self.outward = EgressClient(EgressConfig(), resolver=ScriptedResolver(names), connector=self.connector)
        data = json.dumps(wrapped(**page)).encode()
        self.service = ScriptedWeb(lambda request: WebReply(200, request.url, {}, data))
        self.reader = ServiceReader(self.service, outward=self.outward, clock=lambda: NOON)


async def test_a_name_that_leads_inside_is_not_told_to_the_service_and_its_page_not_taken() -> None:
    site = Outward(url="https://inside.example/ostra")
    with pytest.raises(AccessDeniedError):
        await site.reader.read("https://inside.example/x")
    assert site.service.asked == []
    with pytest.raises(AccessDeniedError):
        await site.reader.read("https://a.example/ostra")
    with pytest.raises(PageFault) as caught:
        await site.reader.read("https://nowhere.example/")
    assert caught.value.kind == "refused" and len(site.service.asked) == 1
    assert (await Outward().reader.read("https://a.example/ostra")).page.text
    assert site.connector.connected == []


@pytest.mark.parametrize(
    ("status", "body", "of_the_page"),
    [
        (200, wrapped(warning="Target URL returned error 403: Forbidden"), True),
        (200, wrapped(content=""), True),
        (200, wrapped(content="Verify you are human"), True),
        (451, {"code": 451}, True),
        (401, {"code": 401}, False),
        (402, {"code": 402}, False),
        (429, {"code": 429}, False),
        (503, b"", False),
        (200, b"<html>", False),
    ],
)
async def test_whose_a_fault_is(status: int, body: Any, of_the_page: bool) -> None:
    with pytest.raises(WorldUnavailableFault) as caught:
        await reader(status, body)[0].read("https://a.example/")
    assert isinstance(caught.value, PageFault) is of_the_page


async def test_a_title_is_no_address() -> None:
    with pytest.raises(PageNotFoundError):
        await reader(200, wrapped())[0].read("Ostra")


@pytest.mark.parametrize("status", [404, 410])
async def test_a_page_that_is_gone_is_told_in_a_warning(status: int) -> None:
    made, _ = reader(200, wrapped(warning=f"Target URL returned error {status}: Not Found", content="Unknown."))
    with pytest.raises(PageNotFoundError):
        await made.read("https://a.example/")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, wrapped(warning="Target URL returned error 403: Forbidden"), "unauthorised"),
        (200, wrapped(warning="Target URL returned error 503: x"), "server"),
        (200, wrapped(content=""), "unreadable"),
        (200, wrapped(content=None), "garbage"),
        (
            200,
            {"code": 422, "status": 42203, "data": None, "name": "AssertionFailureError"},
            "garbage",
        ),
        (200, {"code": 200}, "garbage"),
        (200, [], "garbage"),
        (200, b"Title: Ostra\n\nURL Source: x", "garbage"),
        (200, b"\xff\xfe", "garbage"),
        (200, b"[" * 100_000, "garbage"),
        (200, b"", "garbage"),
        (401, {"code": 401, "name": "AuthenticationFailedError"}, "unauthorised"),
        (402, {"code": 402, "name": "InsufficientBalanceError"}, "rate_limited"),
        (404, b"no such service", "rejected"),
        (429, {"code": 429, "name": "RateLimitTriggeredError"}, "rate_limited"),
        (451, {"code": 451, "name": "SecurityCompromiseError"}, "unauthorised"),
        (503, b"<html>down</html>", "server"),
    ],
)
async def test_what_is_no_page_is_a_fault_of_its_kind(status: int, body: Any, kind: str) -> None:
    with pytest.raises(WorldUnavailableFault) as caught:
        await reader(status, body)[0].read("https://a.example/")
    assert caught.value.kind == kind


async def test_the_wish_of_the_service_is_passed_on() -> None:
    made, _ = reader(429, {}, **{"retry-after": "12"})
    with pytest.raises(WorldUnavailableFault) as caught:
        await made.read("https://a.example/")
    assert caught.value.retry_after_s == 12.0


async def test_faults_of_the_request_keep_their_kind() -> None:
    def down(request: WebRequest) -> WebReply:
        raise ProviderFault("no", kind="truncated", retry_after_s=3.0)

    with pytest.raises(WorldUnavailableFault) as caught:
        await ServiceReader(ScriptedWeb(down)).read("https://a.example/")
    assert (caught.value.kind, caught.value.retry_after_s) == ("truncated", 3.0)
