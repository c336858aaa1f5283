"""What every reader of pages must do, whoever fetches them."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from tests.chat_server import Answer
from tests.web_server import HTML, WebServer, html, small_web
from tests.worlds import NOON

from fathom.core.errors import AccessDeniedError, PageNotFoundError, WorldUnavailableFault
from fathom.core.model import content_hash
from fathom.sandbox.egress.client import EgressClient, EgressConfig
from fathom.sandbox.egress.scripted import ScriptedConnector, ScriptedResolver
from fathom.world.reader.live import LiveReader, LiveReaderConfig
from fathom.world.reader.protocol import PageReader
from fathom.world.reader.service import ServiceReader, ServiceReaderConfig

TEXT = "The lighthouse of Ostra was built in 1884. It stands on the northern coast and can be seen from far away."


class Case:
    """A reader, and the site it reads: pages are put there with `put`, and asked for by `url`."""

    def __init__(self, reader: PageReader, web: WebServer, base: str, put: Callable[[str, Answer], None]) -> None:
        self.reader, self.web, self._base, self.put = reader, web, base, put

    def url(self, path: str) -> str:
        return self._base + path


async def live(stack: AsyncExitStack) -> Case:
    web = await stack.enter_async_context(small_web())
    reader = LiveReader(
        EgressClient(EgressConfig(scope="private")),
        LiveReaderConfig(timeout_s=5.0, max_bytes=50_000),
        clock=lambda: NOON,
    )
    return Case(reader, web, web.base, web.routes.__setitem__)


async def service(stack: AsyncExitStack) -> Case:
    """A service that reads the pages of `http://a.example` on this machine, and speaks the service's interface."""
    web = await stack.enter_async_context(small_web())

    def put(path: str, answer: Answer) -> None:
        if isinstance(answer.body, bytes) and answer.status in (200, 404, 410, 403):
            text = answer.body.decode("utf-8", "replace").partition("<body>")[2].replace("</body></html>", "")
            warning = f"Target URL returned error {answer.status}: x" if answer.status != 200 else ""
            data = {
                "title": "A page",
                "url": f"http://a.example{path}",
                "content": text.replace("<p>", "").replace("</p>", ""),
                "warning": warning,
            }
            answer = Answer(json.dumps({"code": 200, "data": data}).encode(), cut=answer.cut, drip_s=answer.drip_s)
        web.routes[f"/http://a.example{path}"] = answer

    for path, page in list(web.routes.items()):
        put(path, page)
    put("/wiki/Nowhere", Answer(b"<body>Gone.</body></html>", 404))
    config = ServiceReaderConfig(base_url=web.base, timeout_s=5.0, max_bytes=50_000)
    return Case(
        ServiceReader(EgressClient(EgressConfig(scope="private")), config, clock=lambda: NOON),
        web,
        "http://a.example",
        put,
    )


@pytest.fixture(params=[live, service], ids=lambda make: make.__name__)
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    async with AsyncExitStack() as stack:
        made: Case = await request.param(stack)
        stack.push_async_callback(made.reader.close)
        yield made


async def test_a_page_is_what_its_hash_says(case: Case) -> None:
    url = case.url("/wiki/Ostra")
    page = (await case.reader.read(url)).page
    assert page.url == url and page.title and "one lighthouse, built in 1884" in page.text
    assert page.text_hash == content_hash(page.text) and page.fetched_at == NOON


@pytest.mark.parametrize("status", [404, 410])
async def test_a_page_that_is_gone_is_not_found(case: Case, status: int) -> None:
    case.put("/gone", Answer(b"<body>Gone.</body></html>", status, HTML))
    with pytest.raises(PageNotFoundError):
        await case.reader.read(case.url("/gone"))


async def test_text_that_is_no_address_is_not_found(case: Case) -> None:
    for text in ("", "Carla Rossi", "wiki/Ostra", "mailto:a@b"):
        with pytest.raises(PageNotFoundError):
            await case.reader.read(text)


@pytest.mark.parametrize(
    "url", ["file://a.example/x", "ftp://a.example/", "http://u:p@a.example/", "http://169.254.169.254/"]
)
async def test_what_may_not_be_opened_is_denied(case: Case, url: str) -> None:
    with pytest.raises(AccessDeniedError, match="may not be opened") as caught:
        await case.reader.read(url)
    assert "169.254" not in str(caught.value) and case.web.visited == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"<body><p>No.</p></body></html>", 403, HTML),
        Answer(b"", 429),
        Answer(b"", 500),
        Answer(b"x" * 200, 503),
        html(""),
        html(f"<p>{TEXT}</p>" * 2000),
        Answer(html(f"<p>{TEXT}</p>").body, 200, HTML, cut=30),
    ],
    ids=lambda answer: f"{answer.status}-{len(answer.body)}",
)
async def test_what_went_wrong_says_nothing_about_the_page(case: Case, answer: Answer) -> None:
    case.put("/p", answer)
    with pytest.raises(WorldUnavailableFault) as caught:
        await case.reader.read(case.url("/p"))
    assert caught.value.kind in (
        "unauthorised",
        "rate_limited",
        "server",
        "garbage",
        "oversized",
        "truncated",
        "unreadable",
    )


@pytest.mark.parametrize(
    "text",
    [
        "<p>Verify you are human by completing the action below.</p>",
        "<p>ports.example needs to check: enable JavaScript and cookies to continue</p>",
    ],
)
async def test_a_page_that_asks_for_a_proof_is_no_page(case: Case, text: str) -> None:
    case.put("/p", html(text))
    with pytest.raises(WorldUnavailableFault, match="proof of being human") as caught:
        await case.reader.read(case.url("/p"))
    assert caught.value.kind == "unauthorised"


async def test_a_long_page_may_speak_of_such_proofs(case: Case) -> None:
    case.put("/p", html("<p>Sites ask visitors to verify that you are human.</p>" * 40))
    assert "human" in (await case.reader.read(case.url("/p"))).page.text


async def test_a_reader_that_was_closed_opens_again(case: Case) -> None:
    await case.reader.close()
    assert (await case.reader.read(case.url("/wiki/Ostra"))).page.text


async def test_offline_nothing_is_contacted() -> None:
    connector = ScriptedConnector({"*": [b""]})
    web = EgressClient(EgressConfig(scope="offline"), resolver=ScriptedResolver({}), connector=connector)
    with pytest.raises(AccessDeniedError):
        await LiveReader(web).read("https://a.example/")
    assert connector.connected == []
